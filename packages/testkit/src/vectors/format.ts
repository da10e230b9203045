// The form of the vector files, and how typed values become JSON. Must not know any structure.
// For people the form is described in vectors/README.md.
import { toHex } from "@talos/core";

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** One example: either its `fields` (and what follows from them), or the `error` with which it is refused. */
export interface VectorCase {
  readonly name: string;
  readonly description: string;
  /** What a reader has beside the bytes: a log, a clock, a key. */
  readonly context?: Json;
  /** The bytes in hexadecimal; of JSON bodies and headers the value itself. */
  readonly wire: Json;
  readonly fields?: Json;
  /** What is computed from the bytes: hashes, ids. */
  readonly derived?: Json;
  readonly error?: string;
}

export interface VectorFile {
  readonly structure: string;
  readonly specification: string;
  readonly cases: readonly VectorCase[];
}

/** What a reader finds in a valid case. */
export interface Reading {
  readonly fields: Json;
  readonly derived?: Json;
}

/** One file: how its cases are made, and how one is read with nothing but what stands in the file. */
export interface VectorSet {
  readonly structure: string;
  readonly specification: string;
  cases(): readonly VectorCase[];
  /** Throws a TalosError for what must be refused. */
  read(wire: Json, context: Json): Reading;
}

/** Bytes become hexadecimal, absent values disappear, everything else stays. */
export function toJson(value: unknown): Json {
  if (value instanceof Uint8Array) return toHex(value);
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    return Object.fromEntries(entries.map(([name, item]) => [name, toJson(item)]));
  }
  return value as Json;
}

/** A field of a JSON object of ours. */
export function field(json: Json, name: string): Json {
  return (json as Readonly<Record<string, Json>>)[name] ?? null;
}
