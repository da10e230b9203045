import assert from "node:assert/strict";
import { test } from "node:test";
import { type AgentId, nodeCrypto } from "@talos/core";
import { agent, NOW } from "../vault-fixture.test.ts";
import type { SessionRow } from "./sessions.ts";
import { id16, openStore } from "./store-fixture.test.ts";

const [BOB, CAROL] = [agent("bob"), agent("carol")];

function session(peer: AgentId, sending: boolean, lastUsedAt = NOW): SessionRow {
  const [handshakeId, transcriptHash] = [nodeCrypto.randomBytes(32), nodeCrypto.randomBytes(32)];
  const state = nodeCrypto.randomSecret(100);
  return { sessionId: id16(), handshakeId, transcriptHash, peer, sending, answered: false, createdAt: NOW, lastUsedAt, state };
}

test("a session that only receives takes the sending one's place from nobody", () => {
  using store = openStore();
  const { sessions } = store.tx;
  const sending = session(BOB, true);
  sessions.put(sending);
  sessions.put(session(BOB, false));
  assert.deepEqual(sessions.sendingFor(BOB)?.sessionId, sending.sessionId);
  assert.deepEqual(sessions.count(), { sending: 1, receiveOnly: 1 });
});

test("sessions are listed by peer, the sending one first, then the latest used, without their states", () => {
  using store = openStore();
  const { sessions } = store.tx;
  const rows = [session(BOB, false, NOW + 1), session(BOB, false, NOW + 2), session(BOB, true), session(CAROL, true)];
  for (const row of rows) sessions.put(row);
  store.plaintexts.length = 0;
  const order = Buffer.compare(BOB, CAROL) < 0 ? [2, 1, 0, 3] : [3, 2, 1, 0];
  assert.deepEqual(
    sessions.list().map(({ sessionId }) => sessionId),
    order.map((i) => rows[i]?.sessionId),
  );
  assert.deepEqual(store.plaintexts, []);
});

test("idle sessions are dropped when they only receive", () => {
  using store = openStore();
  const { sessions } = store.tx;
  for (const [sending, usedAt] of [
    [true, NOW],
    [false, NOW],
    [false, NOW + 1],
  ] as const) {
    sessions.put(session(sending ? BOB : CAROL, sending, usedAt));
  }
  assert.equal(sessions.removeIdle(NOW + 1), 1);
  assert.deepEqual(sessions.count(), { sending: 1, receiveOnly: 1 });
});
