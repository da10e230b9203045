/**
 * Deterministic CBOR (RFC 8949, 4.2.1), strict in both directions: of every value exactly one encoding is made and
 * accepted. Integers, byte and text strings, arrays, maps, false, true, null; no floats, tags, undefined or indefinite
 * lengths. Knows nothing of structures: see `struct.ts`.
 */
import { compareBytes } from "../bytes/bytes.ts";
import { decodeUtf8, utf8 } from "../bytes/utf8.ts";
import { talosError, type TalosError } from "../errors/talos-error.ts";

/** Integers are numbers where they are safe, bigints beyond, from -2^64 to 2^64 - 1. */
export type CborValue = number | bigint | string | Uint8Array | boolean | null | readonly CborValue[] | CborMap;
export type CborMap = ReadonlyMap<number | string, CborValue>;

export interface CborLimits {
  /** Of the whole input. */
  readonly maxBytes?: number | undefined;
  /** Of arrays and maps inside each other; a bare value has depth 0. */
  readonly maxDepth?: number | undefined;
  /** Of all values together, map keys included. */
  readonly maxItems?: number | undefined;
}

/** Room for the largest thing that travels as CBOR, a mailbox page of 16 MB. */
const DEFAULT_MAX_BYTES = 20_000_000;
/** docs/protocol/encoding.md: nesting at most 8. Recursion stays far from the end of the stack. */
const DEFAULT_MAX_DEPTH = 8;
/** No structure comes near it; a hostile megabyte of empty arrays stops here. */
const DEFAULT_MAX_ITEMS = 20_000;

const UNSIGNED = 0;
const NEGATIVE = 1;
const BYTE_STRING = 2;
const TEXT_STRING = 3;
const ARRAY = 4;
const MAP = 5;

const TWO_32 = 0x1_0000_0000;
const MAX_UINT64 = 0xffff_ffff_ffff_ffffn;

/**
 * The one encoding of a value.
 *
 * @throws TalosError INVALID_ARGUMENT for what has no encoding: fractions, unsafe numbers, lone surrogates, map keys
 *   that are not text or safe integers, more than 8 levels
 */
export function encodeCbor(value: CborValue): Uint8Array {
  const encoder = new Encoder();
  encoder.value(value, 0);
  return encoder.finish();
}

/**
 * The value of exactly one encoding. Byte strings are copies.
 *
 * @throws TalosError MALFORMED with `details.reason`
 */
export function decodeCbor(bytes: Uint8Array, limits: CborLimits = {}): CborValue {
  if (bytes.length > (limits.maxBytes ?? DEFAULT_MAX_BYTES)) throw malformed("too-large");
  const decoder = new Decoder(bytes, limits.maxDepth ?? DEFAULT_MAX_DEPTH, limits.maxItems ?? DEFAULT_MAX_ITEMS);
  const value = decoder.value(0);
  if (decoder.offset !== bytes.length) throw malformed("trailing-bytes");
  return value;
}

class Encoder {
  #buffer = new Uint8Array(256);
  #offset = 0;

  finish(): Uint8Array {
    return this.#buffer.slice(0, this.#offset);
  }

  value(value: CborValue, depth: number): void {
    if (typeof value === "number") this.#integer(value);
    else if (typeof value === "bigint") this.#bigInteger(value);
    else if (typeof value === "string") this.#text(value);
    else if (value instanceof Uint8Array) {
      this.#head(BYTE_STRING, value.length);
      this.#raw(value);
    } else if (value === false) this.#byte(0xf4);
    else if (value === true) this.#byte(0xf5);
    else if (value === null) this.#byte(0xf6);
    else if (Array.isArray(value)) this.#array(value as readonly CborValue[], depth);
    else if (value instanceof Map) this.#map(value as CborMap, depth);
    else throw unencodable("a value has no CBOR encoding");
  }

  #array(items: readonly CborValue[], depth: number): void {
    if (depth >= DEFAULT_MAX_DEPTH) throw unencodable("the nesting is too deep");
    this.#head(ARRAY, items.length);
    for (const item of items) this.value(item, depth + 1);
  }

  #map(map: CborMap, depth: number): void {
    if (depth >= DEFAULT_MAX_DEPTH) throw unencodable("the nesting is too deep");
    const entries = [...map].map(([key, value]) => ({ key: encodeKey(key), value }));
    entries.sort((a, b) => compareBytes(a.key, b.key));
    this.#head(MAP, entries.length);
    for (const { key, value } of entries) {
      this.#raw(key);
      this.value(value, depth + 1);
    }
  }

  key(key: number | string): void {
    if (typeof key === "string") this.#text(key);
    else if (typeof key === "number") this.#integer(key);
    else throw unencodable("a map key is neither text nor a number");
  }

  #text(text: string): void {
    const bytes = utf8(text);
    this.#head(TEXT_STRING, bytes.length);
    this.#raw(bytes);
  }

  #integer(value: number): void {
    if (!Number.isSafeInteger(value)) throw unencodable("a number is not a safe integer");
    if (value >= 0) this.#head(UNSIGNED, value);
    else this.#head(NEGATIVE, -1 - value);
  }

  #bigInteger(value: bigint): void {
    const [major, argument] = value >= 0n ? [UNSIGNED, value] : [NEGATIVE, -1n - value];
    if (argument > MAX_UINT64) throw unencodable("an integer has more than 64 bits");
    if (argument <= BigInt(Number.MAX_SAFE_INTEGER)) {
      this.#head(major, Number(argument));
      return;
    }
    this.#byte((major << 5) | 27);
    this.#uint32(Number(argument >> 32n));
    this.#uint32(Number(argument & 0xffff_ffffn));
  }

  /** The major type and the shortest form of its argument. */
  #head(major: number, argument: number): void {
    const type = major << 5;
    if (argument < 24) {
      this.#byte(type | argument);
    } else if (argument < 0x100) {
      this.#byte(type | 24);
      this.#byte(argument);
    } else if (argument < 0x1_0000) {
      this.#byte(type | 25);
      this.#byte(argument >>> 8);
      this.#byte(argument & 0xff);
    } else if (argument < TWO_32) {
      this.#byte(type | 26);
      this.#uint32(argument);
    } else {
      this.#byte(type | 27);
      this.#uint32(Math.floor(argument / TWO_32));
      this.#uint32(argument % TWO_32);
    }
  }

  #uint32(value: number): void {
    this.#byte((value >>> 24) & 0xff);
    this.#byte((value >>> 16) & 0xff);
    this.#byte((value >>> 8) & 0xff);
    this.#byte(value & 0xff);
  }

  #byte(value: number): void {
    if (this.#offset === this.#buffer.length) this.#grow(1);
    this.#buffer[this.#offset++] = value;
  }

  #raw(bytes: Uint8Array): void {
    if (this.#offset + bytes.length > this.#buffer.length) this.#grow(bytes.length);
    this.#buffer.set(bytes, this.#offset);
    this.#offset += bytes.length;
  }

  #grow(needed: number): void {
    const larger = new Uint8Array(Math.max(this.#buffer.length * 2, this.#offset + needed));
    larger.set(this.#buffer);
    this.#buffer = larger;
  }
}

class Decoder {
  readonly #bytes: Uint8Array;
  readonly #maxDepth: number;
  #itemsLeft: number;
  offset = 0;

  constructor(bytes: Uint8Array, maxDepth: number, maxItems: number) {
    this.#bytes = bytes;
    this.#maxDepth = maxDepth;
    this.#itemsLeft = maxItems;
  }

  value(depth: number): CborValue {
    if (--this.#itemsLeft < 0) throw malformed("too-many-items");
    const initial = this.#byte();
    const major = initial >>> 5;
    const info = initial & 0x1f;
    if (major === UNSIGNED) return this.#argument(info);
    if (major === NEGATIVE) return negative(this.#argument(info));
    if (major === BYTE_STRING) return new Uint8Array(this.#take(this.#length(info)));
    if (major === TEXT_STRING) return this.#text(info);
    if (major === ARRAY) return this.#array(this.#length(info), depth);
    if (major === MAP) return this.#map(this.#length(info), depth);
    if (initial === 0xf4) return false;
    if (initial === 0xf5) return true;
    if (initial === 0xf6) return null;
    throw malformed("unsupported-type");
  }

  #array(length: number, depth: number): CborValue[] {
    this.#enter(length, depth);
    const items: CborValue[] = [];
    for (let i = 0; i < length; i++) items.push(this.value(depth + 1));
    return items;
  }

  #map(length: number, depth: number): CborMap {
    this.#enter(length * 2, depth);
    const map = new Map<number | string, CborValue>();
    let previousKey: Uint8Array | undefined;
    for (let i = 0; i < length; i++) {
      const start = this.offset;
      const major = (this.#bytes[start] ?? 0xff) >>> 5;
      if (major !== UNSIGNED && major !== NEGATIVE && major !== TEXT_STRING) throw malformed("map-key-type");
      const key = this.value(depth + 1);
      if (typeof key !== "number" && typeof key !== "string") throw malformed("map-key-type");
      const encodedKey = this.#bytes.subarray(start, this.offset);
      if (previousKey !== undefined) {
        const order = compareBytes(previousKey, encodedKey);
        if (order === 0) throw malformed("duplicate-key");
        if (order > 0) throw malformed("unsorted-keys");
      }
      previousKey = encodedKey;
      map.set(key, this.value(depth + 1));
    }
    return map;
  }

  /** Every item takes at least a byte, so a length beyond the input is refused before memory is spent on it. */
  #enter(items: number, depth: number): void {
    if (depth >= this.#maxDepth) throw malformed("too-deep");
    if (items > this.#bytes.length - this.offset) throw malformed("truncated");
  }

  #text(info: number): string {
    return decodeUtf8(this.#take(this.#length(info)));
  }

  #length(info: number): number {
    const length = this.#argument(info);
    if (typeof length === "bigint") throw malformed("truncated");
    return length;
  }

  #argument(info: number): number | bigint {
    if (info < 24) return info;
    if (info === 24) return atLeast(this.#byte(), 24);
    if (info === 25) return atLeast((this.#byte() << 8) | this.#byte(), 0x100);
    if (info === 26) return atLeast(this.#uint32(), 0x1_0000);
    if (info !== 27) throw malformed("indefinite-or-reserved");
    const high = this.#uint32();
    const low = this.#uint32();
    if (high === 0) throw malformed("not-shortest");
    const value = high * TWO_32 + low;
    return Number.isSafeInteger(value) ? value : (BigInt(high) << 32n) | BigInt(low);
  }

  #uint32(): number {
    const taken = this.#take(4);
    return (taken[0] as number) * 0x100_0000 + (((taken[1] as number) << 16) | ((taken[2] as number) << 8) | (taken[3] as number));
  }

  #byte(): number {
    const byte = this.#bytes[this.offset];
    if (byte === undefined) throw malformed("truncated");
    this.offset++;
    return byte;
  }

  #take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.offset) throw malformed("truncated");
    const taken = this.#bytes.subarray(this.offset, this.offset + length);
    this.offset += length;
    return taken;
  }
}

function encodeKey(key: number | string): Uint8Array {
  const encoder = new Encoder();
  encoder.key(key);
  return encoder.finish();
}

function negative(argument: number | bigint): number | bigint {
  if (typeof argument === "number" && argument < Number.MAX_SAFE_INTEGER) return -1 - argument;
  return -1n - BigInt(argument);
}

function atLeast(value: number, shortest: number): number {
  if (value < shortest) throw malformed("not-shortest");
  return value;
}

function malformed(reason: string): TalosError {
  return talosError("MALFORMED", "The data is not deterministic CBOR.", { details: { reason } });
}

function unencodable(what: string): TalosError {
  return talosError("INVALID_ARGUMENT", `Cannot encode: ${what}.`);
}
