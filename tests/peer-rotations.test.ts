// Identities that move on, seen from their peers: real agents, one directory.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AgentEventMap, AgentEventName, TalosClient } from "@talos/agent";
import { didToAgentId, equalBytes, isTalosError } from "@talos/core";
import { AgentWorld, intercepting, take, until, type DirectoryHooks } from "@talos/testkit";

/** Both have heard each other. */
async function acquaint(alice: TalosClient, bob: TalosClient): Promise<void> {
  await alice.send(bob.did, "hello", { waitFor: "deposited" });
  await take(bob, 1);
  await bob.send(alice.did, "hello to you", { waitFor: "deposited" });
  await take(alice, 1);
}

function listen<N extends AgentEventName>(client: TalosClient, name: N): AgentEventMap[N][] {
  const heard: AgentEventMap[N][] = [];
  client.on(name, (payload) => heard.push(payload));
  return heard;
}

test("peers hear of a planned rotation, keep session and trust, and acknowledge by naming the new head", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await acquaint(alice, bob);
  alice.peers.verify(bob.did, bob.peers.fingerprint(alice.did));
  const heard = listen(alice, "peerRotated");
  const sessions = alice.status().sessions.map(({ sessionId }) => sessionId);

  const { seq, identityKey } = await bob.rotateIdentity();
  await until(() => bob.status().notifications[0]?.acknowledged === 1, "acknowledged");
  assert.deepEqual(
    heard.map(({ peerDid, trust, sessionsDropped, reason }) => [peerDid, trust, sessionsDropped, reason]),
    [[bob.did, "kept", false, "planned"]],
  );
  const view = alice.peers.show(bob.did);
  assert.deepEqual([view.head.seq, view.identityKey, view.trust], [seq, identityKey, "verified"]);
  assert.deepEqual(
    alice.status().sessions.map(({ sessionId }) => sessionId),
    sessions,
  );
  await bob.send(alice.did, "under the new key", { sign: "identity", waitFor: "deposited" });
  assert.equal((await take(alice, 1))[0]?.text(), "under the new key");
  const { messageId } = await alice.send(bob.did, "goes on");
  await take(bob, 1);
  await until(() => alice.outbox(messageId)?.state === "delivered", "and is acknowledged");
  assert.deepEqual([alice.status().kept, bob.status().kept], [[], []]);
});

test("what falls due while a peer's directory says nothing does not wait for it", async () => {
  await using world = await AgentWorld.start();
  const hooks: DirectoryHooks = {};
  const alice = await world.create("alice", {}, intercepting(world.environment, hooks));
  const mute = await world.create("mute");
  const bob = await world.create("bob");
  for (const peer of [mute, bob]) await acquaint(alice, peer);
  await Promise.all([alice, mute, bob].map(async (client) => await client.flush()));
  const answered = Promise.withResolvers<void>();
  let waiting = 0;
  hooks.deposit = async (item, recipient) => {
    if (!equalBytes(recipient, didToAgentId(mute.did))) return item;
    waiting += 1;
    await answered.promise;
    return item;
  };
  const heard = listen(bob, "peerRotated");
  try {
    await alice.rotateIdentity();
    await until(() => waiting > 0 && heard.length === 1, "one is told, the other's directory keeps it waiting");
    await alice.emergencyRotate();
    await until(() => heard.length === 2, "the emergency comes through");
  } finally {
    answered.resolve();
  }
  await until(() => mute.peers.show(alice.did).head.seq === 2, "and to the other in the end");
});

test("a peer with whom there is no session begins one to acknowledge an event, once", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await alice.peers.add(bob.did);
  await bob.peers.add(alice.did);
  await bob.rotateIdentity();
  await until(() => bob.status().notifications[0]?.acknowledged === 1, "acknowledged");
  assert.equal(alice.peers.show(bob.did).head.seq, 1);
  await alice.flush();
  assert.deepEqual([alice.status().sessions.length, bob.status().sessions.length], [1, 1]);
});

test("after a compromise peers drop their sessions, lose their trust loudly, and send again what was not acknowledged", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await acquaint(alice, bob);
  alice.peers.verify(bob.did, bob.peers.fingerprint(alice.did));
  const heard = listen(alice, "peerRotated");
  const old = alice.status().sessions.map(({ sessionId }) => sessionId);
  const { messageId } = await alice.send(bob.did, "on its way", { waitFor: "deposited" });
  const [first] = await take(bob, 1, false);

  await bob.emergencyRotate();
  await until(() => bob.status().notifications[0]?.acknowledged === 1, "acknowledged");
  assert.deepEqual(
    heard.map(({ trust, sessionsDropped, reason }) => [trust, sessionsDropped, reason]),
    [["dropped", true, "compromise"]],
  );
  assert.equal(alice.peers.show(bob.did).trust, "unverified");
  assert.ok(alice.status().sessions.every(({ sessionId }) => !old.includes(sessionId)));
  await first?.ack();
  await until(() => alice.outbox(messageId)?.state === "delivered", "told once more under its id");
  assert.equal(bob.status().inbox.offered, 0, "it is the same message");
  await bob.send(alice.did, "in the new session", { waitFor: "deposited" });
  assert.equal((await take(alice, 1))[0]?.text(), "in the new session");
  assert.ok(alice.audit.list().some(({ kind, details }) => kind === "peer-event" && details["trust"] === "dropped"));
});

test("to a peer that has ended its identity nothing is sent; what waited says so", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await acquaint(alice, bob);
  const heard = listen(alice, "peerRevoked");
  const { messageId } = await alice.send(bob.did, "too late", { waitFor: "deposited" });
  await bob.revokeIdentity();
  await until(() => heard.length === 1, "heard");
  await assert.rejects(alice.send(bob.did, "no"), (error) => isTalosError(error, "PEER_REVOKED"));
  const row = alice.outbox(messageId);
  assert.ok(row?.state === "delivered" || (row?.state === "waiting" && row.reason === "peer-revoked"), row?.state);
  assert.equal(alice.peers.show(bob.did).revoked, true);
  assert.throws(
    () => alice.peers.verify(bob.did, alice.peers.fingerprint(bob.did)),
    (error) => isTalosError(error, "PEER_REVOKED"),
  );
});

test("whoever cannot be told is named until the event is left, and the others are not kept waiting", async () => {
  await using world = await AgentWorld.start();
  await using elsewhere = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  const carol = await elsewhere.create("carol");
  await acquaint(alice, bob);
  await bob.peers.add(`${carol.did}@${new URL(elsewhere.url).host}`, { name: "carol" });
  await carol.close();
  await elsewhere.stopDirectory();
  await bob.rotateIdentity();
  const pending = (): unknown[] => (bob.status().notifications[0]?.pending ?? []).map(({ name, state }) => [name, state]);
  await until(() => bob.status().notifications[0]?.acknowledged === 1, "alice has acknowledged");
  await until(() => bob.status().notifications[0]?.pending[0]?.lastError === "DIRECTORY_UNREACHABLE", "tried");
  assert.deepEqual([bob.status().notifications[0]?.peers, pending()], [2, [["carol", "open"]]]);
  await bob.close();
  await elsewhere.startDirectory();
  const again = await world.open("bob");
  await until(() => again.status().notifications[0]?.pending[0]?.state === "deposited", "left in her mailbox");
  // Carol does not know bob: she takes no notice of it, and is asked again some day.
  assert.equal(again.status().notifications[0]?.acknowledged, 1);
});

test("who comes back to a mailbox takes the event in it before the mail, however long that has lain there", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await acquaint(alice, bob);
  await bob.close();
  // More than a page of the mailbox.
  const texts = Array.from({ length: 70 }, (_, index) => `by the old key, or by its thief: ${index}`);
  for (const text of texts) await alice.send(bob.did, text);
  await until(() => alice.status().outbox.deposited === texts.length, "left");
  await alice.emergencyRotate();
  await until(() => alice.status().notifications[0]?.pending[0]?.state === "deposited", "the event lies behind it");
  const back = await world.open("bob");
  const messages = await take(back, texts.length);
  assert.deepEqual(
    messages.map((message) => [message.text(), message.resent]),
    texts.map((text) => [text, true]),
    "all were sent again, by the new key",
  );
  assert.deepEqual([...new Set(back.status().kept.map(({ code }) => code))], ["SESSION_NOT_FOUND"]);
});

test("who was not told that a peer has ended asks for its log as soon as a directory refuses what is for it", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await acquaint(alice, bob);
  await bob.revokeIdentity({ notifyPeers: false });
  const revoked = listen(alice, "peerRevoked");
  const { messageId } = await alice.send(bob.did, "are you there?");
  await until(() => alice.outbox(messageId)?.reason === "peer-revoked", "it says why it waits");
  assert.deepEqual([alice.peers.show(bob.did).revoked, revoked.length], [true, 1]);
});
