/** The plain binary layouts of the message path: big-endian integers and byte strings, nothing else. */
import { talosError, type TalosError } from "../errors/talos-error.ts";

const TWO_32 = 0x1_0000_0000;

/** Reads from front to back. Every method throws MALFORMED when the input ends early. */
export class BinaryReader {
  readonly #bytes: Uint8Array;
  readonly #name: string;
  #offset = 0;

  /** @param name of the layout, for the error */
  constructor(bytes: Uint8Array, name: string) {
    this.#bytes = bytes;
    this.#name = name;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  u8(): number {
    return this.#bytes[this.#advance(1)] as number;
  }

  u16(): number {
    const at = this.#advance(2);
    return ((this.#bytes[at] as number) << 8) | (this.#bytes[at + 1] as number);
  }

  u32(): number {
    return this.#uint32(this.#advance(4));
  }

  /** @throws TalosError MALFORMED above 2^53 - 1 */
  u64(): number {
    const at = this.#advance(8);
    const value = this.#uint32(at) * TWO_32 + this.#uint32(at + 4);
    if (!Number.isSafeInteger(value)) throw this.#malformed("integer too large");
    return value;
  }

  /** A copy. */
  bytes(length: number): Uint8Array {
    const at = this.#advance(length);
    return new Uint8Array(this.#bytes.subarray(at, at + length));
  }

  /** A view into the input; for large parts that are read at once and not kept. */
  view(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** All that is left, a copy. */
  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }

  /** @throws TalosError MALFORMED if anything is left */
  end(): void {
    if (this.remaining > 0) throw this.#malformed("bytes after the end");
  }

  #advance(length: number): number {
    if (!(length >= 0 && length <= this.remaining && Number.isInteger(length))) throw this.#malformed("ends early");
    const at = this.#offset;
    this.#offset += length;
    return at;
  }

  #uint32(at: number): number {
    const bytes = this.#bytes;
    return (
      (bytes[at] as number) * 0x100_0000 +
      (((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number))
    );
  }

  #malformed(reason: string): TalosError {
    return talosError("MALFORMED", `${this.#name}: ${reason}.`, { details: { structure: this.#name, reason } });
  }
}

/** Writes from front to back into a buffer that grows. Integers out of range throw INVALID_ARGUMENT. */
export class BinaryWriter {
  #buffer: Uint8Array;
  #offset = 0;

  /** @param capacity in bytes; the exact final size saves every copy */
  constructor(capacity: number = 256) {
    this.#buffer = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#offset;
  }

  u8(value: number): this {
    this.#check(value, 0xff);
    const at = this.#reserve(1);
    this.#buffer[at] = value;
    return this;
  }

  u16(value: number): this {
    this.#check(value, 0xffff);
    const at = this.#reserve(2);
    this.#buffer[at] = value >>> 8;
    this.#buffer[at + 1] = value;
    return this;
  }

  u32(value: number): this {
    this.#check(value, 0xffff_ffff);
    this.#uint32(this.#reserve(4), value);
    return this;
  }

  /** At most 2^53 - 1. */
  u64(value: number): this {
    this.#check(value, Number.MAX_SAFE_INTEGER);
    const at = this.#reserve(8);
    this.#uint32(at, Math.floor(value / TWO_32));
    this.#uint32(at + 4, value % TWO_32);
    return this;
  }

  bytes(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length); // may replace the buffer
    this.#buffer.set(bytes, at);
    return this;
  }

  /** What was written, in memory of its own; the writer is not used any more. */
  finish(): Uint8Array {
    return this.#offset === this.#buffer.length ? this.#buffer : this.#buffer.slice(0, this.#offset);
  }

  #reserve(length: number): number {
    const at = this.#offset;
    const needed = at + length;
    if (needed > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(this.#buffer.length * 2, needed));
      larger.set(this.#buffer);
      this.#buffer = larger;
    }
    this.#offset = needed;
    return at;
  }

  #uint32(at: number, value: number): void {
    const buffer = this.#buffer;
    buffer[at] = value >>> 24;
    buffer[at + 1] = value >>> 16;
    buffer[at + 2] = value >>> 8;
    buffer[at + 3] = value;
  }

  #check(value: number, max: number): void {
    if (!Number.isInteger(value) || value < 0 || value > max) {
      throw talosError("INVALID_ARGUMENT", "An integer does not fit its field.");
    }
  }
}
