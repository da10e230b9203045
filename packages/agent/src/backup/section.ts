/**
 * Sections of a backup: lists of byte strings, each list a CBOR item of its own. They are walked item by item, and how many there may be is
 * known before the first is touched: whoever sealed the file had a password of it and is no friend for that, and a byte of a list that is
 * taken apart as a whole costs three hundred of memory. Knows no field.
 */
import { BinaryReader, type CborLimits, encodeCbor, talosError, type TalosError } from "@talos/core";
import { MAX_PADDED_BYTES } from "./padding.ts";

/** Of a structure whose lists are sections: its own fields and extensions, and no more. */
export const STRUCTURE_LIMITS: CborLimits = { maxBytes: MAX_PADDED_BYTES, maxItems: 128 };
/** Of an item that is a small array itself. */
export const ITEM_LIMITS: CborLimits = { maxBytes: MAX_PADDED_BYTES, maxItems: 8 };

const BYTE_STRING = 2;
const ARRAY = 4;
/** By the five low bits of a head: the smallest argument that needs that length. Nothing in a backup needs more than 4 bytes. */
const LEAST_ARGUMENT: ReadonlyMap<number, number> = new Map([
  [24, 24],
  [25, 0x100],
  [26, 0x1_0000],
]);

/** What several lists may hold together. */
export class ItemBudget {
  #left: number;

  constructor(items: number) {
    this.#left = items;
  }

  /** @throws TalosError MALFORMED */
  take(items: number): void {
    if (items > this.#left) throw malformed("backup", "more items than a backup has");
    this.#left -= items;
  }
}

export interface ListBounds {
  /** Of items. */
  readonly max?: number;
  /** Out of which the items are taken, all at once and before the first. */
  readonly budget?: ItemBudget;
  /** Of each item, in bytes. */
  readonly most?: number;
}

/** A list of byte strings. */
export function encodeSection(items: readonly Uint8Array[]): Uint8Array {
  return encodeCbor(items);
}

/** As many bytes as `encodeSection` gives for these, or a few more. */
export function sectionBytes(items: readonly Uint8Array[]): number {
  return items.reduce((sum, { length }) => sum + framedBytes(length), headBytes(items.length));
}

/** Of one item in a section. */
export function framedBytes(length: number): number {
  return headBytes(length) + length;
}

/**
 * @param read is given a view into the section, which stays good as long as the section does
 * @throws TalosError MALFORMED, for too many items before any was read; of `read`
 */
export function readSection<T>(bytes: Uint8Array, name: string, bounds: ListBounds, read: (item: Uint8Array) => T): T[] {
  const structure = `backup ${name}`;
  const reader = new BinaryReader(bytes, structure);
  const count = readHead(reader, ARRAY, structure);
  // An item takes a byte at least.
  if (count > Math.min(bounds.max ?? count, reader.remaining)) throw malformed(structure, "too many items");
  bounds.budget?.take(count);
  const items: T[] = [];
  for (let at = 0; at < count; at++) {
    const length = readHead(reader, BYTE_STRING, structure);
    if (length > (bounds.most ?? length)) throw malformed(structure, "an item is too long");
    items.push(read(reader.view(length)));
  }
  if (reader.remaining > 0) throw malformed(structure, "bytes after the list");
  return items;
}

/** The argument of a head that is as short as it can be. */
function readHead(reader: BinaryReader, major: number, structure: string): number {
  const initial = reader.u8();
  const info = initial & 0x1f;
  if (initial >>> 5 !== major) throw malformed(structure, "not a list of byte strings");
  if (info < 24) return info;
  const least = LEAST_ARGUMENT.get(info);
  const argument = info === 24 ? reader.u8() : info === 25 ? reader.u16() : reader.u32();
  if (least === undefined || argument < least) throw malformed(structure, "not deterministic CBOR");
  return argument;
}

function headBytes(argument: number): number {
  return argument < 24 ? 1 : argument < 0x100 ? 2 : argument < 0x1_0000 ? 3 : 5;
}

function malformed(structure: string, reason: string): TalosError {
  return talosError("MALFORMED", `${structure}: ${reason}.`, { details: { structure, reason } });
}
