// Deterministic CBOR (encoding.md, CBOR; RFC 8949, 4.2.1), decoded by hand; then encoded anew by `cborg` and compared,
// so that two codecs that know nothing of each other have to agree on every byte that is accepted.
import { decode as cborgDecode, encode as cborgEncode } from "cborg";
import { hex, sameBytes, utf8 } from "./bytes.ts";
import { demand } from "./refusal.ts";

export type CborValue = number | string | boolean | null | Uint8Array | readonly CborValue[] | CborMap;
export type CborMap = ReadonlyMap<CborValue, CborValue>;

const DEEPEST = 8;

/** Decodes one item that fills `bytes`. Refuses as `malformed`. */
export function decodeCbor(bytes: Uint8Array): CborValue {
  const cursor = { bytes, at: 0 };
  const value = item(cursor, 0);
  demand(cursor.at === bytes.length, "bytes after the CBOR item");
  demand(sameBytes(encodeCbor(value), bytes), "not the deterministic encoding");
  cborgDecode(bytes, {
    strict: true,
    useMaps: true,
    allowIndefinite: false,
    allowUndefined: false,
    allowBigInt: false,
    rejectDuplicateMapKeys: true,
  });
  return value;
}

export function encodeCbor(value: CborValue): Uint8Array {
  return cborgEncode(value);
}

interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

function take(cursor: Cursor, length: number): Uint8Array {
  demand(length <= cursor.bytes.length - cursor.at, "CBOR ends early");
  cursor.at += length;
  return cursor.bytes.subarray(cursor.at - length, cursor.at);
}

function argument(cursor: Cursor, info: number): number {
  if (info < 24) return info;
  demand(info <= 27, "indefinite or reserved length");
  const width = 2 ** (info - 24);
  let value = 0n;
  for (const byte of take(cursor, width)) value = (value << 8n) | BigInt(byte);
  const shortest = value < 24n ? 0 : value < 0x100n ? 1 : value < 0x10000n ? 2 : value < 0x1_0000_0000n ? 4 : 8;
  demand(shortest === width, "not the shortest form");
  demand(value <= BigInt(Number.MAX_SAFE_INTEGER), "integer above 2^53 - 1");
  return Number(value);
}

function item(cursor: Cursor, depth: number): CborValue {
  const initial = take(cursor, 1)[0] ?? 0;
  const major = initial >> 5;
  const info = initial & 0x1f;
  if (major === 7) {
    demand(info >= 20 && info <= 22, "floating point or a simple value other than false, true, null");
    return info === 22 ? null : info === 21;
  }
  demand(major !== 6, "a tag");
  const count = argument(cursor, info);
  if (major === 0) return count;
  if (major === 1) {
    demand(count < Number.MAX_SAFE_INTEGER, "integer below -(2^53 - 1)");
    return -1 - count;
  }
  if (major === 2) return take(cursor, count).slice();
  if (major === 3) return utf8(take(cursor, count));
  demand(depth < DEEPEST, `nested deeper than ${DEEPEST}`);
  return major === 4 ? array(cursor, count, depth + 1) : map(cursor, count, depth + 1);
}

function array(cursor: Cursor, count: number, depth: number): CborValue {
  const items: CborValue[] = [];
  for (let index = 0; index < count; index++) items.push(item(cursor, depth));
  return items;
}

function map(cursor: Cursor, count: number, depth: number): CborValue {
  const entries = new Map<CborValue, CborValue>();
  let previous: Uint8Array | undefined;
  for (let index = 0; index < count; index++) {
    const start = cursor.at;
    const key = item(cursor, depth);
    const encodedKey = cursor.bytes.subarray(start, cursor.at);
    demand(previous === undefined || Buffer.compare(previous, encodedKey) < 0, "map keys not ascending and unique");
    previous = encodedKey;
    entries.set(key, item(cursor, depth));
  }
  return entries;
}

/** Shows a value as JSON: bytes as `hex`, maps as objects with their keys as text. */
export function plainCbor(value: CborValue): unknown {
  if (value instanceof Uint8Array) return hex(value);
  if (Array.isArray(value)) return (value as readonly CborValue[]).map(plainCbor);
  if (value instanceof Map)
    return Object.fromEntries([...(value as CborMap)].map(([key, inner]) => [String(plainCbor(key)), plainCbor(inner)]));
  return value;
}
