import assert from "node:assert/strict";
import { test } from "node:test";
import { equalBytes, nodeCrypto, revealSecret, utf8 } from "@talos/core";
import { agent, NOW } from "../vault-fixture.test.ts";
import type { NewOutboxRow, ReadyEnvelope } from "./outbox.ts";
import { id16, openStore } from "./store-fixture.test.ts";

const [BOB, CAROL] = [agent("bob"), agent("carol")];
const LARGE_BYTES = 50_000;

function ready(bytes: number): ReadyEnvelope {
  return { sessionId: id16(), chain: nodeCrypto.randomBytes(32), counter: 3, envelopeId: id16(), envelope: nodeCrypto.randomBytes(bytes) };
}

function message(changes: Partial<NewOutboxRow> = {}): NewOutboxRow {
  const row = { contentType: "text/plain", sign: "instance", frameType: 1, createdAt: NOW, outcome: { reason: "no-session" } } as const;
  return { ...row, messageId: id16(), peer: BOB, body: utf8("body"), ...changes };
}

test("a large body and a large envelope go with the row, each at its time", () => {
  using store = openStore();
  const { outbox } = store.tx;
  const body = nodeCrypto.randomBytes(LARGE_BYTES);
  const large = (): number => store.count("large_values");
  const insert = (): number => outbox.insert(message({ body }));

  const order = insert();
  assert.equal(large(), 1);
  const envelope = ready(LARGE_BYTES);
  outbox.toReady(order, envelope);
  assert.equal(large(), 2);
  const isFirst = (): boolean => equalBytes(outbox.envelope(order) ?? assert.fail(), envelope.envelope);
  assert.ok(isFirst());
  assert.equal(outbox.toReady(order, ready(LARGE_BYTES)), false);
  assert.ok(isFirst(), "the first one stays");
  assert.equal(outbox.againToWaiting(order, "no-session"), true);
  assert.deepEqual([large(), outbox.envelope(order)], [1, undefined]);
  using kept = outbox.body(order);
  assert.ok(kept && equalBytes(revealSecret(kept), body));

  outbox.toReady(order, ready(LARGE_BYTES));
  assert.equal(outbox.toDeposited(order, NOW, true), true);
  assert.equal(large(), 1, "the body is dropped, the envelope stays for a repeat");
  outbox.expire(order, NOW);
  assert.equal(large(), 0);

  const [delivered, removed] = [insert(), insert()];
  for (const other of [delivered, removed]) outbox.toReady(other, ready(LARGE_BYTES));
  assert.equal(large(), 4);
  outbox.toDelivered(BOB, outbox.get(delivered)?.messageId ?? assert.fail(), NOW);
  assert.equal(large(), 2);
  outbox.remove(removed);
  assert.equal(large(), 0);
});

test("a step that the row is not at changes nothing and says so", () => {
  using store = openStore();
  const { outbox } = store.tx;
  const body = nodeCrypto.randomBytes(LARGE_BYTES);
  const order = outbox.insert(message({ body }));
  assert.equal(outbox.toDeposited(order, NOW, true), false);
  assert.equal(store.count("large_values"), 1, "and drops nothing");
  assert.equal(outbox.againToReady(order, NOW), false);
  assert.equal(outbox.againToWaiting(order, "no-session"), false);
  const envelope = ready(LARGE_BYTES);
  outbox.toReady(order, envelope);
  assert.equal(outbox.againToReady(order, NOW), false);
  outbox.toDeposited(order, NOW);
  assert.equal(outbox.againToReady(order, NOW + 9), true);
  assert.deepEqual([outbox.get(order)?.state, outbox.get(order)?.nextAttemptAt], ["ready", NOW + 9]);
  outbox.expire(order, NOW);
  assert.equal(outbox.againToWaiting(order, "no-session"), false);
});

test("rows are listed in order, by peer, by state, and no more than asked for", () => {
  using store = openStore();
  const { outbox } = store.tx;
  const orders = [BOB, CAROL, BOB].map((peer) => outbox.insert(message({ peer })));
  outbox.toReady(orders[2] ?? 0, ready(10));
  const list = (filter?: Parameters<typeof outbox.list>[0]): number[] => outbox.list(filter).map(({ order }) => order);
  assert.deepEqual(list(), orders);
  assert.deepEqual(list({ peer: BOB }), [orders[0], orders[2]]);
  assert.deepEqual(list({ state: "ready" }), [orders[2]]);
  assert.deepEqual(list({ limit: 2 }), orders.slice(0, 2));
});

test("a waiting row has another reason, a ready one none", () => {
  using store = openStore();
  const { outbox } = store.tx;
  const order = outbox.insert(message());
  outbox.setReason(order, "peer-unknown");
  assert.equal(outbox.get(order)?.reason, "peer-unknown");
  outbox.toReady(order, ready(10));
  outbox.setReason(order, "no-session");
  assert.deepEqual([outbox.get(order)?.state, outbox.get(order)?.reason], ["ready", undefined]);
});

test("a row is resent only where it says so, and one that is not there has no body", () => {
  using store = openStore();
  const { outbox } = store.tx;
  const [first, again] = [outbox.insert(message()), outbox.insert(message({ resent: true }))];
  assert.deepEqual([outbox.get(first)?.resent, outbox.get(again)?.resent], [false, true]);
  assert.equal(outbox.body(again + 1), undefined);
  assert.equal(outbox.envelope(again + 1), undefined);
});

test("a row is accepted, waiting or ready from the start, by what is known of it", () => {
  using store = openStore();
  const { outbox } = store.tx;
  const { outcome: _none, ...unknown } = message();
  const orders = [outbox.insert(unknown), outbox.insert(message()), outbox.insert(message({ outcome: { ready: ready(10) } }))];
  const states = orders.map((order) => [outbox.get(order)?.state, outbox.get(order)?.reason]);
  assert.deepEqual(states, [
    ["accepted", undefined],
    ["waiting", "no-session"],
    ["ready", undefined],
  ]);
});

test("a fresh message id is its time in 48 bits and 80 random bits, so that ids sort by time", () => {
  using store = openStore();
  const { outbox } = store.tx;
  const now = 0x0123_4567_89ab;
  const ids = [outbox.newId(now), outbox.newId(now)].map((id) => Buffer.from(id));
  for (const id of ids) assert.deepEqual([id.length, id.subarray(0, 6).toString("hex")], [16, "0123456789ab"]);
  const random = ids.map((id) => id.subarray(6));
  assert.equal(random[0]?.equals(random[1] ?? Buffer.alloc(0)), false);
  for (const bytes of random) assert.ok(new Set(bytes).size > 1);
});
