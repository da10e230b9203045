// The store's own promises: nothing is written outside a transaction, and an order is never given out twice.
import assert from "node:assert/strict";
import { test } from "node:test";
import { isTalosError, utf8 } from "@talos/core";
import { agent, NOW } from "../vault-fixture.test.ts";
import { id16, openStore } from "./store-fixture.test.ts";
import { Store } from "./store.ts";
import { transactionOver } from "./transaction.ts";

const outside = (error: unknown): boolean => isTalosError(error, "INTERNAL");

test("nothing is written before writing has begun, nor after it has ended", () => {
  using open = openStore();
  const fresh = new Store(open.database, undefined);
  assert.throws(() => transactionOver(fresh).settings.set("a", "1"), outside);
  assert.throws(() => fresh.drawn(), outside);
  fresh.beginWriting();
  transactionOver(fresh).settings.set("a", "1");
  fresh.endWriting();
  assert.throws(() => transactionOver(fresh).settings.set("a", "2"), outside);
  assert.equal(transactionOver(fresh).settings.get("a"), "1");
});

test("a change that was told is not told again", () => {
  using open = openStore();
  open.store.noteProjectionChange();
  assert.equal(open.store.endWriting(), true);
  open.store.beginWriting();
  assert.equal(open.store.endWriting(), false);
});

test("without a sealer, sealed columns ask for the password", () => {
  using open = openStore();
  const unsealed = new Store(open.database, undefined);
  for (const use of [() => unsealed.seal("t", id16(), "c", utf8("x")), () => unsealed.unseal("t", id16(), "c", utf8("x"))]) {
    assert.throws(use, (error) => isTalosError(error, "PASSWORD_REQUIRED"));
  }
});

test("an order that was given out before this opening is not given out again, though its row goes first", () => {
  using open = openStore();
  const row = { sender: agent("bob"), contentType: "", time: NOW, receivedAt: NOW, resent: false, body: utf8("x") };
  const insert = (tx = open.tx): number => tx.inbox.insert({ ...row, messageId: id16() }) ?? assert.fail();
  insert();
  const last = insert();
  const reopened = new Store(open.database, {
    sealRow: (_table, _row, _column, plaintext) => plaintext,
    openRow: (_table, _row, _column, sealed) => sealed,
    drawBytes: () => assert.fail("not needed"),
  });
  reopened.beginWriting();
  const tx = transactionOver(reopened);
  tx.inbox.ack(last, NOW);
  assert.equal(reopened.nextOrder("inbox"), last + 1);
  reopened.endWriting();
  reopened.beginWriting();
  assert.equal(reopened.nextOrder("inbox"), last + 2);
  assert.equal(reopened.nextOrder("outbox"), 1);
});

test("random bytes come from one stock within a transaction, and from another in the next", () => {
  using open = openStore();
  const first = open.store.drawn();
  assert.ok(first === open.store.drawn() && first.take(12).length === 12);
  open.store.endWriting();
  open.store.beginWriting();
  assert.notEqual(open.store.drawn(), first);
});

test("another sealer is used from the moment on when it is given", () => {
  using open = openStore();
  const fresh = new Store(open.database, undefined);
  fresh.useSealer({
    sealRow: (_table, _row, _column, plaintext) => plaintext,
    openRow: (_table, _row, _column, sealed) => sealed,
    drawBytes: () => assert.fail("not needed"),
  });
  assert.deepEqual(fresh.unseal("t", id16(), "c", utf8("as it is")), utf8("as it is"));
});
