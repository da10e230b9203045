/**
 * Every sealed value there is, with the place that its seal covers: for whoever seals everything anew, or looks whether
 * everything opens. A column that is sealed and not listed here would be lost with the next vault key; a test compares
 * this list with the schema.
 */
import { concatBytes, isTalosError, utf8, zeroBytes } from "@talos/core";
import { bytes, number, text } from "./columns.ts";
import { type LargeOwner, readLarge, replaceLarge } from "./large.ts";
import type { RowSealer, SqlRow, Store } from "./store.ts";

interface SealedColumn {
  readonly table: string;
  readonly column: string;
  /** The columns that name the row. */
  readonly keys: string;
  rowOf(row: SqlRow): Uint8Array;
  /** Where it lies when it is large; its order is the row's. */
  readonly large?: LargeOwner;
}

export const SEALED_COLUMNS: readonly SealedColumn[] = [
  { table: "sessions", column: "state", keys: "session_id", rowOf: (row) => bytes(row, "session_id") },
  { table: "outbox", column: "body", keys: "message_id", rowOf: (row) => bytes(row, "message_id"), large: "outbox-body" },
  {
    table: "inbox",
    column: "body",
    keys: "sender, message_id",
    rowOf: (row) => concatBytes(bytes(row, "sender"), bytes(row, "message_id")),
    large: "inbox-body",
  },
  { table: "plans", column: "payload", keys: "id", rowOf: (row) => utf8(text(row, "id")) },
];

export interface SealedValue {
  readonly table: string;
  readonly column: string;
  /** What the seal covers of the row. */
  readonly row: Uint8Array;
  readonly sealed: Uint8Array;
  /** Inside a transaction. */
  replace(sealed: Uint8Array): void;
}

/** One after the other; values that were dropped are left out. */
export function* sealedValues(store: Store): Generator<SealedValue> {
  for (const sealedColumn of SEALED_COLUMNS) {
    const { table, column, keys, large } = sealedColumn;
    for (const { place } of store.all(`SELECT rowid AS place FROM ${table} ORDER BY rowid`)) {
      const row = store.get(`SELECT rowid AS place, ${keys}, ${column} FROM ${table} WHERE rowid = ?`, place);
      if (row === undefined) continue;
      const order = number(row, "place");
      const isLarge = large !== undefined && row[column] === null;
      const sealed = isLarge ? readLarge(store, large, order, row, column) : bytes(row, column);
      if (sealed === undefined) continue;
      const replace = (fresh: Uint8Array): void => {
        if (isLarge) replaceLarge(store, large, order, fresh);
        else store.run(`UPDATE ${table} SET ${column} = ? WHERE rowid = ?`, fresh, order);
      };
      yield { table, column, row: sealedColumn.rowOf(row), sealed, replace };
    }
  }
}

/**
 * Seals everything anew, inside a transaction. What does not open stays as it is: it was lost before, and is named by
 * whoever reads it.
 *
 * @returns how many values there were of both
 */
export function resealAll(store: Store, from: RowSealer, to: RowSealer): { readonly resealed: number; readonly lost: number } {
  let resealed = 0;
  let lost = 0;
  for (const value of sealedValues(store)) {
    const plain = openOrNothing(from, value);
    if (plain === undefined) {
      lost++;
      continue;
    }
    value.replace(to.sealRow(value.table, value.row, value.column, plain));
    zeroBytes(plain);
    resealed++;
  }
  return { resealed, lost };
}

function openOrNothing(sealer: RowSealer, { table, row, column, sealed }: SealedValue): Uint8Array | undefined {
  try {
    return sealer.openRow(table, row, column, sealed);
  } catch (error) {
    if (!isTalosError(error, "VAULT_CORRUPT")) throw error;
    return undefined;
  }
}
