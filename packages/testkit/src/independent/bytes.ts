// Byte strings of the binary layouts (encoding.md, Notation): a writer in functions and a reader that refuses what is short or left over.
// Plain data shows bytes as lower-case hex.
import { demand } from "./refusal.ts";

export const LARGEST_INTEGER: number = 2 ** 53 - 1;

const fatalUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

export function unhex(text: string): Uint8Array {
  const bytes = new Uint8Array(Buffer.from(text, "hex"));
  if (hex(bytes) !== text.toLowerCase()) throw new Error("not hex");
  return bytes;
}

export function join(...parts: readonly (Uint8Array | string)[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part, "utf8") : part))));
}

function uintBytes(value: number, width: number): Uint8Array {
  const bytes = new Uint8Array(width);
  let rest = BigInt(value);
  for (let at = width - 1; at >= 0; at--) {
    bytes[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  if (rest !== 0n) throw new Error(`${value} does not fit in ${width} bytes`);
  return bytes;
}

export const u8 = (value: number): Uint8Array => uintBytes(value, 1);
export const u16 = (value: number): Uint8Array => uintBytes(value, 2);
export const u32 = (value: number): Uint8Array => uintBytes(value, 4);
export const u64 = (value: number): Uint8Array => uintBytes(value, 8);

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

export function utf8(bytes: Uint8Array): string {
  try {
    return fatalUtf8.decode(bytes);
  } catch {
    return demand(false, "text is not UTF-8") as never;
  }
}

export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get position(): number {
    return this.#at;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  bytes(length: number): Uint8Array {
    demand(length <= this.remaining, `${length} bytes wanted, ${this.remaining} left`);
    this.#at += length;
    return this.#bytes.slice(this.#at - length, this.#at);
  }

  uint(width: number): number {
    let value = 0n;
    for (const byte of this.bytes(width)) value = (value << 8n) | BigInt(byte);
    demand(value <= BigInt(LARGEST_INTEGER), "integer above 2^53 - 1");
    return Number(value);
  }

  hex(length: number): string {
    return hex(this.bytes(length));
  }

  /** A length of the given width, then so many bytes; `most` is the limit of the specification. */
  prefixed(width: number, most: number = Infinity): Uint8Array {
    const length = this.uint(width);
    demand(length <= most, `length ${length} above ${most}`);
    return this.bytes(length);
  }

  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }

  end(): void {
    demand(this.remaining === 0, `${this.remaining} bytes after the end`);
  }
}
