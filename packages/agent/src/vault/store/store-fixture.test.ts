// The tables alone, in memory, writable throughout; for tests of single tables. Holds no test.
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { nodeCrypto } from "@talos/core";
import { Sealer } from "../sealer.ts";
import { agent } from "../vault-fixture.test.ts";
import { migrate } from "./migrations.ts";
import { type RowSealer, Store } from "./store.ts";
import { type Transaction, transactionOver } from "./transaction.ts";

export interface OpenStore extends Disposable {
  readonly database: DatabaseSync;
  readonly store: Store;
  readonly tx: Transaction;
  /** Plaintexts that went into the sealer or came out of it, in order: whoever makes them wipes them. */
  readonly plaintexts: Uint8Array[];
  count(table: string): number;
}

export function openStore(): OpenStore {
  const database = new DatabaseSync(":memory:");
  migrate(database);
  const sealer = new Sealer(nodeCrypto.randomSecret(32), agent(), 1, nodeCrypto);
  const plaintexts: Uint8Array[] = [];
  const watched: RowSealer = {
    sealRow: (table, row, column, plaintext, drawn) => {
      plaintexts.push(plaintext);
      return sealer.sealRow(table, row, column, plaintext, drawn);
    },
    openRow: (...args) => {
      const plaintext = sealer.openRow(...args);
      plaintexts.push(plaintext);
      return plaintext;
    },
    drawBytes: () => sealer.drawBytes(),
  };
  const store = new Store(database, watched);
  store.beginWriting();
  return {
    database,
    store,
    tx: transactionOver(store),
    plaintexts,
    count: (table) => {
      const n = database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.["n"];
      return typeof n === "number" ? n : assert.fail();
    },
    [Symbol.dispose]: () => {
      sealer[Symbol.dispose]();
      database.close();
    },
  };
}

export const id16 = (): Uint8Array => nodeCrypto.randomBytes(16);

export function isWiped(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
