/** Typed reading of SQLite rows. A column of another type than the schema's means a damaged or foreign database. */
import { talosError, type TalosError } from "@talos/core";
import type { SqlRow } from "./store.ts";

export function number(row: SqlRow, column: string): number {
  const value = row[column];
  if (typeof value !== "number") throw damaged(column);
  return value;
}

export function optionalNumber(row: SqlRow, column: string): number | undefined {
  return row[column] === null ? undefined : number(row, column);
}

export function boolean(row: SqlRow, column: string): boolean {
  return number(row, column) !== 0;
}

export function text(row: SqlRow, column: string): string {
  const value = row[column];
  if (typeof value !== "string") throw damaged(column);
  return value;
}

export function optionalText(row: SqlRow, column: string): string | undefined {
  return row[column] === null ? undefined : text(row, column);
}

/** One of the given words; the schema holds no other. */
export function word<W extends string>(row: SqlRow, column: string, words: readonly W[]): W {
  const value = text(row, column);
  const found = words.find((candidate) => candidate === value);
  if (found === undefined) throw damaged(column);
  return found;
}

export function bytes(row: SqlRow, column: string): Uint8Array {
  const value = row[column];
  if (!(value instanceof Uint8Array)) throw damaged(column);
  return value;
}

export function optionalBytes(row: SqlRow, column: string): Uint8Array | undefined {
  return row[column] === null ? undefined : bytes(row, column);
}

/** For SQLite, which knows no booleans. */
export function flag(value: boolean): number {
  return value ? 1 : 0;
}

function damaged(column: string): TalosError {
  return talosError("VAULT_CORRUPT", undefined, { details: { column } });
}
