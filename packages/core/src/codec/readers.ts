/**
 * Readers over the two CBOR containers. Each value is taken once; `end()` (in structures: `finish()`) refuses what
 * nobody asked for, so an unknown field can never pass unseen.
 */
import { decodeCbor, type CborLimits, type CborMap, type CborValue } from "./cbor.ts";
import {
  malformedField,
  readBool,
  readBytes,
  readItems,
  readMap,
  readText,
  readTextMap,
  readUint,
  type ArrayBounds,
  type BytesBounds,
  type FieldPlace,
  type TextBounds,
  type TextMapBounds,
  type UintBounds,
} from "./fields.ts";

/** Reads an array from front to back. All methods throw MALFORMED naming the structure and the field. */
export class ArrayReader {
  readonly length: number;
  readonly #items: readonly CborValue[];
  readonly #place: FieldPlace;
  #next = 0;

  constructor(value: CborValue | undefined, place: FieldPlace, bounds: ArrayBounds = {}) {
    this.#items = readItems(value, place, bounds);
    this.#place = place;
    this.length = this.#items.length;
  }

  get remaining(): number {
    return this.length - this.#next;
  }

  uint(bounds?: UintBounds): number {
    return readUint(this.#take(), this.#place, bounds);
  }

  bytes(bounds: BytesBounds): Uint8Array {
    return readBytes(this.#take(), this.#place, bounds);
  }

  text(bounds: TextBounds): string {
    return readText(this.#take(), this.#place, bounds);
  }

  bool(): boolean {
    return readBool(this.#take(), this.#place);
  }

  array(bounds?: ArrayBounds): ArrayReader {
    return new ArrayReader(this.#take(), this.#place, bounds);
  }

  map(): MapReader {
    return new MapReader(this.#take(), this.#place);
  }

  /** Refuses items that were not read. */
  end(): void {
    if (this.remaining > 0) throw malformedField(this.#place, "too many items");
  }

  #take(): CborValue {
    if (this.remaining === 0) throw malformedField(this.#place, "too few items");
    return this.#items[this.#next++] as CborValue;
  }
}

/** Reads a map with unsigned integer keys by key. All methods throw MALFORMED naming the structure and the field. */
export class MapReader {
  readonly structure: string;
  readonly #map: CborMap;
  readonly #prefix: string;
  readonly #read: Set<number> = new Set();

  constructor(value: CborValue | undefined, place: FieldPlace) {
    this.#map = readMap(value, place);
    this.structure = place.structure;
    this.#prefix = place.field === "" ? "" : `${place.field}.`;
    for (const key of this.#map.keys()) {
      if (typeof key !== "number" || key < 0) throw malformedField(place, "a key is not an unsigned integer");
    }
  }

  has(key: number): boolean {
    return this.#map.has(key);
  }

  uint(key: number, bounds?: UintBounds): number {
    return readUint(this.#required(key), this.place(key), bounds);
  }

  optionalUint(key: number, bounds?: UintBounds): number | undefined {
    return this.has(key) ? this.uint(key, bounds) : undefined;
  }

  bytes(key: number, bounds: BytesBounds): Uint8Array {
    return readBytes(this.#required(key), this.place(key), bounds);
  }

  optionalBytes(key: number, bounds: BytesBounds): Uint8Array | undefined {
    return this.has(key) ? this.bytes(key, bounds) : undefined;
  }

  text(key: number, bounds: TextBounds): string {
    return readText(this.#required(key), this.place(key), bounds);
  }

  optionalText(key: number, bounds: TextBounds): string | undefined {
    return this.has(key) ? this.text(key, bounds) : undefined;
  }

  bool(key: number): boolean {
    return readBool(this.#required(key), this.place(key));
  }

  array(key: number, bounds?: ArrayBounds): ArrayReader {
    return new ArrayReader(this.#required(key), this.place(key), bounds);
  }

  optionalArray(key: number, bounds?: ArrayBounds): ArrayReader | undefined {
    return this.has(key) ? this.array(key, bounds) : undefined;
  }

  map(key: number): MapReader {
    return new MapReader(this.#required(key), this.place(key));
  }

  /** A map from text to text or unsigned integers: details for people, whose names need no number. */
  textMap(key: number, bounds: TextMapBounds): ReadonlyMap<string, string | number> {
    return readTextMap(this.#required(key), this.place(key), bounds);
  }

  /** Refuses fields that were not read. */
  end(): void {
    if (this.#read.size !== this.#map.size) throw malformedField(this.place("other"), "unknown field");
  }

  place(key: number | string): FieldPlace {
    return { structure: this.structure, field: `${this.#prefix}${key}` };
  }

  #required(key: number): CborValue {
    const value = this.#map.get(key);
    if (value === undefined) throw malformedField(this.place(key), "missing");
    this.#read.add(key);
    return value;
  }
}

/** Decodes bytes that hold one array. @throws TalosError MALFORMED */
export function readCborArray(bytes: Uint8Array, structure: string, bounds?: ArrayBounds, limits?: CborLimits): ArrayReader {
  return new ArrayReader(decodeCbor(bytes, limits), { structure, field: "whole" }, bounds);
}

/** Decodes bytes that hold one map with unsigned integer keys. @throws TalosError MALFORMED */
export function readCborMap(bytes: Uint8Array, structure: string, limits?: CborLimits): MapReader {
  return new MapReader(decodeCbor(bytes, limits), { structure, field: "" });
}
