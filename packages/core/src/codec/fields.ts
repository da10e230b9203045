/**
 * Typed reading of one decoded CBOR value: the checks that structures and arrays share. Every refusal names the
 * structure and the field, never the value.
 */
import { utf8 } from "../bytes/utf8.ts";
import { talosError, type TalosError } from "../errors/talos-error.ts";
import type { CborMap, CborValue } from "./cbor.ts";

export interface UintBounds {
  readonly min?: number | undefined;
  readonly max?: number | undefined;
}

/** Either the exact length or bounds, in bytes. */
export interface BytesBounds {
  readonly length?: number | undefined;
  readonly min?: number | undefined;
  readonly max?: number | undefined;
}

export interface TextBounds {
  readonly minBytes?: number | undefined;
  readonly maxBytes: number;
}

/** In items. */
export interface ArrayBounds {
  readonly length?: number | undefined;
  readonly min?: number | undefined;
  readonly max?: number | undefined;
}

export interface TextMapBounds {
  readonly maxEntries: number;
  /** Of each name and each text. */
  readonly maxBytes: number;
}

/** Where a value stands, for the error. */
export interface FieldPlace {
  readonly structure: string;
  readonly field: string;
}

export function malformedField(place: FieldPlace, reason: string): TalosError {
  return talosError("MALFORMED", `${place.structure}, field ${place.field}: ${reason}.`, {
    details: { structure: place.structure, field: place.field, reason },
  });
}

export function readUint(value: CborValue | undefined, place: FieldPlace, bounds: UintBounds = {}): number {
  if (typeof value === "bigint" && value > 0n) throw malformedField(place, "too large");
  if (typeof value !== "number" || value < 0) throw malformedField(place, "not an unsigned integer");
  if (value < (bounds.min ?? 0)) throw malformedField(place, "too small");
  if (value > (bounds.max ?? Number.MAX_SAFE_INTEGER)) throw malformedField(place, "too large");
  return value;
}

export function readBytes(value: CborValue | undefined, place: FieldPlace, bounds: BytesBounds): Uint8Array {
  if (!(value instanceof Uint8Array)) throw malformedField(place, "not a byte string");
  checkLength(value.length, place, bounds);
  return value;
}

export function readText(value: CborValue | undefined, place: FieldPlace, bounds: TextBounds): string {
  if (typeof value !== "string") throw malformedField(place, "not a text string");
  checkLength(utf8(value).length, place, { min: bounds.minBytes, max: bounds.maxBytes });
  return value;
}

export function readBool(value: CborValue | undefined, place: FieldPlace): boolean {
  if (typeof value !== "boolean") throw malformedField(place, "not a boolean");
  return value;
}

export function readItems(value: CborValue | undefined, place: FieldPlace, bounds: ArrayBounds): readonly CborValue[] {
  if (!Array.isArray(value)) throw malformedField(place, "not an array");
  const items = value as readonly CborValue[];
  checkLength(items.length, place, bounds);
  return items;
}

export function readMap(value: CborValue | undefined, place: FieldPlace): CborMap {
  if (!(value instanceof Map)) throw malformedField(place, "not a map");
  return value as CborMap;
}

export function readTextMap(value: CborValue | undefined, place: FieldPlace, bounds: TextMapBounds): ReadonlyMap<string, string | number> {
  const map = readMap(value, place);
  checkLength(map.size, place, { max: bounds.maxEntries });
  const { maxBytes } = bounds;
  return new Map(
    Array.from(map, ([name, entry]): [string, string | number] => [
      readText(name, place, { maxBytes }),
      typeof entry === "string" ? readText(entry, place, { maxBytes }) : readUint(entry, place),
    ]),
  );
}

function checkLength(length: number, place: FieldPlace, bounds: BytesBounds): void {
  if (bounds.length !== undefined && length !== bounds.length) throw malformedField(place, "wrong length");
  if (length < (bounds.min ?? 0)) throw malformedField(place, "too short");
  if (length > (bounds.max ?? Number.MAX_SAFE_INTEGER)) throw malformedField(place, "too long");
}
