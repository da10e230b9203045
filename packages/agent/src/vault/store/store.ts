/**
 * What every table stands on: prepared statements kept by their text, sealing of secret columns, and the guard that
 * nothing is written outside a transaction. Knows SQLite, but no table and no key file.
 */
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from "node:sqlite";
import { talosError } from "@talos/core";
import type { DrawnBytes } from "../drawn-bytes.ts";

/** Seals one column of one row; the reader names the place it expects, so a value moved elsewhere does not open. */
export interface RowSealer {
  /** @param drawn where the nonce comes from; else it is drawn alone */
  sealRow(table: string, row: Uint8Array, column: string, plaintext: Uint8Array, drawn?: DrawnBytes): Uint8Array;
  /** In memory of its own. @throws TalosError VAULT_CORRUPT */
  openRow(table: string, row: Uint8Array, column: string, sealed: Uint8Array): Uint8Array;
  /** A stock for one transaction. */
  drawBytes(): DrawnBytes;
}

export type SqlValue = SQLInputValue | undefined;
export type SqlRow = Record<string, SQLOutputValue>;

const QUEUES = ["inbox", "outbox"] as const;
type Queue = (typeof QUEUES)[number];

export class Store {
  readonly #db: DatabaseSync;
  #sealer: RowSealer | undefined;
  readonly #statements = new Map<string, StatementSync>();
  readonly #lastOrders = new Map<string, number>();
  #drawn: DrawnBytes | undefined;
  #writable = false;
  #projectionChanged = false;

  /** @param sealer absent where no password was given: sealed columns then throw PASSWORD_REQUIRED */
  constructor(db: DatabaseSync, sealer: RowSealer | undefined) {
    this.#db = db;
    this.#sealer = sealer;
  }

  /** From now on; after everything has been sealed anew. */
  useSealer(sealer: RowSealer): void {
    this.#sealer = sealer;
  }

  /** Opens the store for writing; only the vault's transaction does so. */
  beginWriting(): void {
    // Before the first row can be removed: its place must not be given out again.
    if (this.#lastOrders.size === 0) for (const queue of QUEUES) this.#lastOrders.set(queue, this.#newestOrder(queue));
    this.#writable = true;
    this.#projectionChanged = false;
  }

  /** Ends writing; true when key files or the public projection must follow. */
  endWriting(): boolean {
    this.#writable = false;
    this.#drawn = undefined;
    return this.#projectionChanged;
  }

  /** Inventory, unlock slots, own log or home directory. */
  noteProjectionChange(): void {
    this.#projectionChanged = true;
  }

  /**
   * The next place in a queue: above every row there is and every place given out since the vault was opened, so a
   * reader that remembers a place never meets a later row under it. (AUTOINCREMENT would cost one more page a commit.)
   */
  nextOrder(table: Queue): number {
    const order = (this.#lastOrders.get(table) ?? this.#newestOrder(table)) + 1;
    this.#lastOrders.set(table, order);
    return order;
  }

  /** Number of changed rows. */
  run(sql: string, ...values: readonly SqlValue[]): number {
    if (!this.#writable) throw talosError("INTERNAL", "The store was written to outside a transaction.");
    return Number(this.#prepare(sql).run(...values.map(orNull)).changes);
  }

  get(sql: string, ...values: readonly SqlValue[]): SqlRow | undefined {
    return this.#prepare(sql).get(...values.map(orNull));
  }

  all(sql: string, ...values: readonly SqlValue[]): SqlRow[] {
    return this.#prepare(sql).all(...values.map(orNull));
  }

  seal(table: string, row: Uint8Array, column: string, plaintext: Uint8Array): Uint8Array {
    return this.#seals().sealRow(table, row, column, plaintext, this.#writable ? this.drawn() : undefined);
  }

  /** Random bytes for this transaction. */
  drawn(): DrawnBytes {
    if (!this.#writable) throw talosError("INTERNAL", "The store was written to outside a transaction.");
    this.#drawn ??= this.#seals().drawBytes();
    return this.#drawn;
  }

  unseal(table: string, row: Uint8Array, column: string, sealed: Uint8Array): Uint8Array {
    return this.#seals().openRow(table, row, column, sealed);
  }

  #newestOrder(table: Queue): number {
    const newest = this.get(`SELECT coalesce(max(ord), 0) AS last FROM ${table}`)?.["last"];
    return typeof newest === "number" ? newest : 0;
  }

  #seals(): RowSealer {
    if (this.#sealer === undefined) throw talosError("PASSWORD_REQUIRED");
    return this.#sealer;
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

function orNull(value: SqlValue): SQLInputValue {
  return value ?? null;
}
