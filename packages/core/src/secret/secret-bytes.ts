/**
 * The only container of secret bytes: unpooled memory, redacted wherever it is printed, compared in constant time,
 * wiped when disposed. Its content comes out only through `revealSecret`, so every place that touches a secret can be
 * found by that name. What JavaScript cannot promise: the engine may have copied bytes before they came here, and a
 * password that was a string stays in the heap until it is collected.
 */
import { settledCopy } from "../bytes/bytes.ts";
import { talosError } from "../errors/talos-error.ts";
import { openssl } from "../primitives/openssl.ts";

const REDACTED = "[SecretBytes: redacted]";

let live: (secret: SecretBytes) => Uint8Array;

export class SecretBytes implements Disposable {
  static {
    live = (secret) => secret.#live();
    // A definition, not a method: declarations under isolatedDeclarations cannot name Node's symbol.
    Object.defineProperty(SecretBytes.prototype, Symbol.for("nodejs.util.inspect.custom"), { value: () => REDACTED });
  }

  // Private fields are invisible to inspect, JSON, structuredClone and property enumeration.
  #bytes: Uint8Array | undefined;
  readonly #length: number;

  private constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#length = bytes.length;
  }

  /** Copies the bytes into memory of its own and zeroes the input. */
  static from(bytes: Uint8Array): SecretBytes {
    const secret = SecretBytes.copyOf(bytes);
    bytes.fill(0);
    return secret;
  }

  /** Copies the bytes; the input stays what it is, and its owner's. */
  static copyOf(bytes: Uint8Array): SecretBytes {
    return new SecretBytes(settledCopy(bytes));
  }

  /**
   * UTF-8 of the text in Unicode normal form C (so that a password typed on another system is the same). The string
   * itself cannot be wiped: prefer sources that give bytes.
   *
   * @throws TalosError INVALID_ARGUMENT for a lone surrogate
   */
  static fromUtf8(text: string): SecretBytes {
    if (!text.isWellFormed()) throw talosError("INVALID_ARGUMENT", "The text is not valid Unicode.");
    return new SecretBytes(new TextEncoder().encode(text.normalize("NFC")));
  }

  /**
   * Takes over the buffer without a copy. Nothing else may hold it. Up to 64 bytes, it must have been made as settled memory or by
   * OpenSSL: see `settledBytes`.
   *
   * @throws TalosError INTERNAL if it is a view into a larger buffer (a pooled Buffer would share memory with others)
   */
  static take(bytes: Uint8Array): SecretBytes {
    const { buffer } = bytes;
    if (buffer.byteLength !== bytes.length) throw talosError("INTERNAL", "A secret must have a buffer of its own.");
    return new SecretBytes(bytes.constructor === Uint8Array ? bytes : new Uint8Array(buffer));
  }

  /** In bytes; stays readable after disposal. */
  get length(): number {
    return this.#length;
  }

  get isDisposed(): boolean {
    return this.#bytes === undefined;
  }

  /** In constant time for equal lengths; lengths are not secret. @throws TalosError SECRET_DISPOSED */
  equals(other: SecretBytes): boolean {
    const a = this.#live();
    const b = other.#live();
    return a.length === b.length && openssl.timingSafeEqual(a, b);
  }

  /** A second secret with its own memory and its own end. @throws TalosError SECRET_DISPOSED */
  clone(): SecretBytes {
    return SecretBytes.copyOf(this.#live());
  }

  /** Wipes the bytes. May be called again. */
  dispose(): void {
    this.#bytes?.fill(0);
    this.#bytes = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [Symbol.toPrimitive](): string {
    return REDACTED;
  }

  #live(): Uint8Array {
    if (this.#bytes === undefined) throw talosError("SECRET_DISPOSED");
    return this.#bytes;
  }
}

/**
 * The bytes of a secret: the live view, not a copy. Use it at once, inside the function that needs it; do not keep it,
 * since it reads as zeros after disposal.
 *
 * @throws TalosError SECRET_DISPOSED
 */
export function revealSecret(secret: SecretBytes): Uint8Array {
  return live(secret);
}
