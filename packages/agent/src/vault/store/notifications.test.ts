import assert from "node:assert/strict";
import { test } from "node:test";
import { equalBytes, utf8 } from "@talos/core";
import { MAX_CUT_OFF_EVENTS } from "./cut-off.ts";
import { agent, NOW } from "../vault-fixture.test.ts";
import { openStore } from "./store-fixture.test.ts";

const BOB = agent("bob");
const CAROL = agent("carol");

const HEAD = { seq: 1, hash: new Uint8Array(32).fill(1) };
const LATER = { seq: 2, hash: new Uint8Array(32).fill(2) };

test("a notification is due at once, then again after each attempt, until the peer knows that event or a later one", () => {
  using store = openStore();
  const { notifications } = store.tx;
  notifications.add(BOB, HEAD, NOW);
  notifications.add(CAROL, HEAD, NOW);
  notifications.failed(CAROL, HEAD, "DIRECTORY_UNREACHABLE", NOW + 5);
  notifications.add(CAROL, HEAD, NOW + 1);
  assert.deepEqual(
    notifications.due(NOW).map(({ peer }) => peer),
    [BOB],
    "added again, it stays as it is",
  );
  notifications.deposited(BOB, HEAD, NOW, NOW + 100);
  assert.equal(notifications.nextAttemptAt(), NOW + 5);
  notifications.add(BOB, LATER, NOW + 10);
  assert.equal(notifications.acknowledge(BOB, 0, NOW + 11), 0);
  assert.equal(notifications.acknowledge(BOB, 2, NOW + 11), 2);
  assert.equal(notifications.acknowledge(BOB, 2, NOW + 12), 0);
  const of = (peer: Uint8Array): unknown[] =>
    notifications
      .list()
      .filter((row) => equalBytes(row.peer, peer))
      .map(({ head, lastError, acknowledgedAt, endedAt }) => [head.seq, lastError, acknowledgedAt, endedAt]);
  assert.deepEqual(of(BOB), [
    [1, undefined, NOW + 11, NOW + 11],
    [2, undefined, NOW + 11, NOW + 11],
  ]);
  assert.deepEqual(of(CAROL), [[1, "DIRECTORY_UNREACHABLE", undefined, undefined]]);
});

test("what was given up is attempted no more, and may still be acknowledged", () => {
  using store = openStore();
  const { notifications } = store.tx;
  notifications.add(BOB, HEAD, NOW);
  notifications.end(BOB, HEAD, NOW + 1);
  assert.deepEqual(notifications.due(NOW + 1000), []);
  assert.equal(notifications.nextAttemptAt(), undefined);
  assert.equal(notifications.acknowledge(BOB, 1, NOW + 9), 1);
  const [row] = notifications.list();
  assert.deepEqual([row?.acknowledgedAt, row?.endedAt], [NOW + 9, NOW + 1]);
});

test("events that were cut off are kept once, the first ones of each agent", () => {
  using store = openStore();
  const { cutOff } = store.tx;
  const event = { hash: new Uint8Array(32).fill(3), agentId: BOB, seq: 1, wire: utf8("event"), seenAt: NOW };
  assert.equal(cutOff.add(event), true);
  assert.equal(cutOff.add({ ...event, seenAt: NOW + 1 }), false);
  assert.deepEqual(cutOff.list(BOB), [event]);
  assert.equal(cutOff.has(event.hash), true);
  for (let n = 0; n < MAX_CUT_OFF_EVENTS + 5; n++) {
    const hash = new Uint8Array(32);
    new DataView(hash.buffer).setUint32(0, n);
    cutOff.add({ ...event, hash, seq: 2 });
  }
  assert.equal(cutOff.list(BOB).length, MAX_CUT_OFF_EVENTS);
  assert.deepEqual(cutOff.list(CAROL), []);
});

test("a notice that is owed is no message of the outbox: it has no place in a peer's line, and ends when it has left", () => {
  using store = openStore();
  const { notices, outbox } = store.tx;
  const about = new Uint8Array(16).fill(7);
  notices.add({ peer: BOB, foundAt: "http://127.0.0.1:1", about, reason: "session-unknown", createdAt: NOW });
  const [owed] = notices.due(NOW);
  assert.ok(owed !== undefined);
  assert.deepEqual([owed.peer, owed.about, owed.reason, owed.attempts], [BOB, about, "session-unknown", 0]);
  assert.deepEqual([outbox.pendingFor(BOB), outbox.headsOfLine(), outbox.byEnvelopeId(about)], [[], [], undefined]);
  notices.failed(owed.order, NOW + 5);
  assert.deepEqual([notices.due(NOW), notices.nextAttemptAt()], [[], NOW + 5]);
  notices.retryAll(NOW);
  assert.equal(notices.due(NOW)[0]?.attempts, 1);
  notices.remove(owed.order);
  assert.deepEqual([notices.due(NOW), notices.nextAttemptAt()], [[], undefined]);
  notices.add({ peer: BOB, foundAt: "http://127.0.0.1:1", about, reason: "session-unknown", createdAt: NOW });
  notices.forget(CAROL);
  assert.equal(notices.due(NOW).length, 1);
  notices.forget(BOB);
  assert.equal(store.count("outbox"), 0);
});
