import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { nodeCrypto, SecretBytes, toHex, utf8 } from "@talos/core";
import { Sealer } from "../sealer.ts";
import { agent, NOW } from "../vault-fixture.test.ts";
import { SCHEMA_1 } from "./schema.ts";
import { resealAll, SEALED_COLUMNS, sealedValues } from "./sealed-values.ts";
import { type RowSealer, Store } from "./store.ts";
import { type Transaction, transactionOver } from "./transaction.ts";

const crypto = nodeCrypto;

interface Bench extends Disposable {
  readonly database: DatabaseSync;
  readonly store: Store;
  readonly tx: Transaction;
  readonly old: Sealer;
  readonly fresh: Sealer;
}

function bench(): Bench {
  const database = new DatabaseSync(":memory:");
  database.exec(SCHEMA_1);
  const old = new Sealer(crypto.randomSecret(32), agent(), 1, crypto);
  const fresh = new Sealer(crypto.randomSecret(32), agent(), 2, crypto);
  const store = new Store(database, old);
  store.beginWriting();
  const dispose = (): void => {
    old[Symbol.dispose]();
    fresh[Symbol.dispose]();
    database.close();
  };
  return { database, store, tx: transactionOver(store), old, fresh, [Symbol.dispose]: dispose };
}

const id = (name: string): Uint8Array => crypto.sha256(utf8(name)).slice(0, 16);

/** One of each sealed column, small and large where there are two places. */
function fill({ tx }: Bench): void {
  for (const size of [10, 5000]) {
    const common = { messageId: id(`m${size}`), contentType: "text/plain", createdAt: NOW };
    tx.outbox.insert({
      ...common,
      peer: agent("bob"),
      sign: "instance",
      frameType: 1,
      body: new Uint8Array(size).fill(1),
      outcome: { reason: "no-session" },
    });
    tx.inbox.insert({ ...common, sender: agent("bob"), time: NOW, receivedAt: NOW, resent: false, body: new Uint8Array(size).fill(2) });
  }
  using state = SecretBytes.from(new Uint8Array(700).fill(3));
  const session = {
    sessionId: id("s"),
    handshakeId: crypto.sha256(utf8("h")),
    transcriptHash: crypto.sha256(utf8("t")),
    peer: agent("bob"),
  };
  tx.sessions.put({ ...session, sending: true, answered: false, createdAt: NOW, lastUsedAt: NOW, state });
  const plan = { id: "publish-1", kind: "publish", step: "a", createdAt: NOW, updatedAt: NOW, attempts: 0, nextAttemptAt: NOW } as const;
  tx.plans.put({ ...plan, payload: utf8("payload") });
}

test("every column that the schema calls sealed is listed, and no other", () => {
  const tables = SCHEMA_1.split("CREATE TABLE ").slice(1);
  const sealed = tables.flatMap((table) => {
    const name = /^\w+/.exec(table)?.[0];
    return [...table.matchAll(/^ {2}(\w+) BLOB[^\n]*-- sealed/gm)].map(([, column]) => `${name}.${column}`);
  });
  assert.deepEqual(SEALED_COLUMNS.map(({ table, column }) => `${table}.${column}`).toSorted(), sealed.toSorted());
});

test("each value is given with the place that its seal covers", () => {
  using here = bench();
  fill(here);
  const values = [...sealedValues(here.store)];
  assert.deepEqual(values.map(({ table }) => table).toSorted(), ["inbox", "inbox", "outbox", "outbox", "plans", "sessions"]);
  for (const { table, row, column, sealed } of values) assert.ok(here.old.openRow(table, row, column, sealed).length > 0);
});

test("failure 51: everything is sealed anew, small and large, and nothing opens under the former key any more", () => {
  using here = bench();
  fill(here);
  const before = [...sealedValues(here.store)].map(({ table, row, column, sealed }) => toHex(here.old.openRow(table, row, column, sealed)));
  assert.deepEqual(resealAll(here.store, here.old, here.fresh), { resealed: 6, lost: 0 });
  const after = [...sealedValues(here.store)];
  assert.deepEqual(
    after.map(({ table, row, column, sealed }) => toHex(here.fresh.openRow(table, row, column, sealed))),
    before,
  );
  for (const { table, row, column, sealed } of after) assert.throws(() => here.old.openRow(table, row, column, sealed));
  const places = here.store.get(
    "SELECT (SELECT count(*) FROM large_values) AS large, (SELECT count(*) FROM inbox WHERE body IS NULL) AS elsewhere",
  );
  assert.deepEqual({ ...places }, { large: 2, elsewhere: 1 }, "each where it was");
  here.store.useSealer(here.fresh);
  assert.equal(here.tx.inbox.next(1)?.body.length, 5000);
  assert.equal(here.tx.outbox.body(2)?.length, 5000);
});

test("what was dropped is left out, and what does not open stays as it is and is counted", () => {
  using here = bench();
  fill(here);
  here.tx.outbox.toDelivered(agent("bob"), id("m10"), NOW);
  here.tx.outbox.toDelivered(agent("bob"), id("m5000"), NOW);
  const foreign = crypto.randomBytes(700);
  here.store.run("UPDATE sessions SET state = ?", foreign);
  assert.deepEqual(resealAll(here.store, here.old, here.fresh), { resealed: 3, lost: 1 });
  assert.deepEqual(new Uint8Array(here.store.get("SELECT state FROM sessions")?.["state"] as Uint8Array), foreign);
});

test("what was opened to be sealed anew is wiped; a failure that is no damage ends it", () => {
  using here = bench();
  fill(here);
  const opened: Uint8Array[] = [];
  const openRow = (...args: Parameters<Sealer["openRow"]>): Uint8Array => {
    const plain = here.old.openRow(...args);
    opened.push(plain);
    return plain;
  };
  const watched: RowSealer = { openRow, sealRow: (...args) => here.old.sealRow(...args), drawBytes: () => here.old.drawBytes() };
  resealAll(here.store, watched, here.fresh);
  assert.equal(opened.length, 6);
  assert.ok(opened.every((plain) => plain.every((byte) => byte === 0)));
  const outOfMemory = new RangeError("no memory");
  const failing: RowSealer = {
    ...watched,
    openRow: () => {
      throw outOfMemory;
    },
  };
  assert.throws(
    () => resealAll(here.store, failing, here.fresh),
    (error) => error === outOfMemory,
  );
});
