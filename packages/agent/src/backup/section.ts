/**
 * Sections of a backup: lists, each a CBOR item of its own in a byte string, so that a long one takes nothing from another. Whoever sealed
 * the file had a password of it: the length of the file is bound enough. Knows no field.
 */
import { type ArrayReader, type CborLimits, encodeCbor, readCborArray } from "@talos/core";
import { MAX_PADDED_BYTES } from "./padding.ts";

export const SECTION_LIMITS: CborLimits = { maxBytes: MAX_PADDED_BYTES, maxItems: MAX_PADDED_BYTES };

/** A list of byte strings. */
export function encodeSection(items: readonly Uint8Array[]): Uint8Array {
  return encodeCbor(items);
}

/** @throws TalosError MALFORMED */
export function readSection(bytes: Uint8Array, name: string): ArrayReader {
  return readCborArray(bytes, `backup ${name}`, {}, SECTION_LIMITS);
}

/** @param max of each, in bytes @throws TalosError MALFORMED */
export function readByteStrings(bytes: Uint8Array, name: string, max: number): Uint8Array[] {
  const list = readSection(bytes, name);
  return Array.from({ length: list.length }, () => list.bytes({ max }));
}
