// What people decide about peers, by the public interface.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspectIn } from "@talos/agent";
import { isTalosError, type ErrorCode } from "@talos/core";
import { AgentWorld, intercepting, ManualClock, take, until, type DirectoryHooks } from "@talos/testkit";

const code =
  (expected: ErrorCode) =>
  (error: unknown): boolean =>
    isTalosError(error, expected);

test("both sides see the same sixty digits; they verify a peer, other digits do not", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  const carol = await world.create("carol");
  const digits = alice.peers.fingerprint(bob.did);
  assert.equal(bob.peers.fingerprint(alice.did), digits);
  assert.throws(() => alice.peers.verify(bob.did, digits), code("PEER_UNKNOWN"), "met first, then verified");
  await alice.peers.add(bob.did, { name: "bobby" });
  assert.throws(() => alice.peers.verify("bobby", alice.peers.fingerprint(carol.did)), code("FINGERPRINT_MISMATCH"));
  assert.throws(() => alice.peers.verify("bobby", "12345"), code("INVALID_ARGUMENT"));
  assert.equal(alice.peers.show("bobby").trust, "unverified");
  assert.equal(alice.peers.verify("bobby", digits.replaceAll(" ", "")).trust, "verified");
  assert.ok(alice.peers.show("bobby").trustSince !== undefined);
  assert.throws(() => alice.peers.fingerprint(alice.did), code("INVALID_ARGUMENT"));
  await alice.close();
  const again = await world.open("alice");
  assert.equal(again.peers.show("bobby").trust, "verified");
  await using inspection = await inspectIn(world.environment, { dataDir: world.dataDir("alice") });
  assert.equal(inspection.peerFingerprint("bobby"), digits);
  assert.deepEqual(
    again.audit.list().flatMap(({ kind, details }) => (kind === "peer-event" ? [details["decision"]] : [])),
    ["verified"],
  );
});

test("a blocked peer is not written to; what waits for it leaves when it is unblocked, and it has to be verified anew", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await alice.peers.add(bob.did);
  alice.peers.verify(bob.did, alice.peers.fingerprint(bob.did));
  await world.stopDirectory();
  const { messageId } = await alice.send(bob.did, "waits");
  assert.equal(alice.peers.block(bob.did).trust, "blocked");
  await assert.rejects(alice.send(bob.did, "no"), code("PEER_BLOCKED"));
  assert.throws(() => alice.peers.verify(bob.did, alice.peers.fingerprint(bob.did)), code("PEER_BLOCKED"));
  await world.startDirectory();
  await until(() => alice.outbox(messageId)?.reason === "peer-blocked", "says so");
  assert.equal(alice.peers.unblock(bob.did).trust, "unverified");
  assert.equal((await take(bob, 1))[0]?.text(), "waits");
});

test("what was ready before its peer was blocked says why it stays, and leaves when it is unblocked", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await alice.send(bob.did, "hello", { waitFor: "deposited" });
  await take(bob, 1);
  await world.stopDirectory();
  const { messageId } = await alice.send(bob.did, "ready");
  await until(() => alice.outbox(messageId)?.state === "ready", "ready");
  alice.peers.block(bob.did);
  await until(() => alice.outbox(messageId)?.reason === "peer-blocked", "says so");
  assert.equal(alice.outbox(messageId)?.state, "ready");
  await world.startDirectory();
  alice.peers.unblock(bob.did);
  assert.equal((await take(bob, 1))[0]?.text(), "ready");
  await until(() => alice.outbox(messageId)?.state !== "ready", "gone");
  assert.equal(alice.outbox(messageId)?.reason, undefined);
});

for (const during of ["claim", "resolve"] as const) {
  test(`a peer that is forgotten while a directory is asked about it stays forgotten (${during})`, async () => {
    const clock = new ManualClock();
    await using world = await AgentWorld.start({ environment: { clock } });
    const hooks: DirectoryHooks = {};
    const alice = await world.create("alice", {}, intercepting(world.environment, hooks));
    const bob = await world.create("bob");
    await alice.peers.add(bob.did);
    await bob.close();
    // Then what is known of it has to be looked up anew first.
    if (during === "resolve") clock.set(clock.now() + 22 * 86_400_000);
    const forgotten = Promise.withResolvers<void>();
    hooks[during] = <T>(answer: T): T => {
      delete hooks[during];
      alice.peers.forget(bob.did, { discardMessages: true });
      forgotten.resolve();
      return answer;
    };
    await alice.send(bob.did, "hello");
    await forgotten.promise;
    await alice.flush();
    assert.deepEqual(alice.peers.list(), []);
    assert.deepEqual(alice.status().sessions, []);
  });
}

test("a peer is forgotten with what it was, but not with messages that wait for it unless somebody says so", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await bob.close();
  const { messageId } = await alice.send(bob.did, "one", { waitFor: "deposited" });
  assert.throws(() => alice.peers.forget(bob.did), code("PEER_HAS_MESSAGES"));
  assert.equal(alice.status().sessions.length, 1);
  const waiting = alice.send(bob.did, "two", { waitFor: "delivered" });
  const given = assert.rejects(waiting, code("DELIVERY_NOT_REACHED"));
  await until(() => alice.status().outbox.rows.length === 2, "accepted");
  assert.throws(() => alice.peers.forget(bob.did, { discard: true } as object), code("UNKNOWN_OPTION"));
  alice.peers.forget(bob.did, { discardMessages: true });
  await given;
  assert.equal(alice.outbox(messageId)?.state, "expired");
  assert.deepEqual([alice.peers.list(), alice.status().sessions], [[], []]);
  assert.throws(() => alice.peers.forget(bob.did), code("PEER_UNKNOWN"));

  const again = await world.open("bob");
  await take(again, 1);
  await alice.send(bob.did, "anew", { waitFor: "deposited" });
  for (let text = ""; text !== "anew";) text = (await take(again, 1))[0]?.text() ?? "";
  await again.send(alice.did, "and back", { waitFor: "deposited" });
  assert.equal((await take(alice, 1))[0]?.text(), "and back");
});

test("verified-only: nothing is sent to a peer or taken from it before somebody has verified it", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice", { trust: "verified-only" });
  const bob = await world.create("bob");
  await assert.rejects(alice.send(bob.did, "no"), code("PEER_UNVERIFIED"));
  await bob.send(alice.did, "from a stranger", { waitFor: "deposited" });
  await until(() => alice.status().kept.length === 1, "kept");
  assert.deepEqual([alice.status().kept[0]?.code, alice.status().inbox.offered], ["PEER_UNVERIFIED", 0]);
  await alice.peers.add(bob.did);
  await assert.rejects(alice.send(bob.did, "no"), code("PEER_UNVERIFIED"));
  alice.peers.verify(bob.did, alice.peers.fingerprint(bob.did));
  await alice.send(bob.did, "yes", { waitFor: "deposited" });
  assert.equal((await take(bob, 1))[0]?.text(), "yes");
  const [stranger] = await take(alice, 1);
  assert.deepEqual([stranger?.text(), stranger?.resent], ["from a stranger", true], "what was refused comes again");
  await bob.send(alice.did, "from a friend", { waitFor: "deposited" });
  assert.equal((await take(alice, 1))[0]?.text(), "from a friend");
  // The rotation costs the trust, and what is sent meanwhile waits.
  await bob.emergencyRotate();
  await until(() => alice.peers.show(bob.did).trust === "unverified", "heard");
  await assert.rejects(alice.send(bob.did, "no"), code("PEER_UNVERIFIED"));
});

test("history is accepted only where two contend", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await alice.peers.add(bob.did);
  assert.throws(() => alice.peers.acceptHistory(bob.did), code("INVALID_ARGUMENT"));
});

test("a peer that was blocked while the identity was replaced is named, and told once it is unblocked", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await alice.send(bob.did, "hello", { waitFor: "deposited" });
  await take(bob, 1);
  alice.peers.block(bob.did);
  await alice.emergencyRotate();
  await until(() => alice.status().notifications[0]?.pending[0]?.lastError === "PEER_BLOCKED", "named");
  assert.equal(bob.peers.show(alice.did).head.seq, 0, "nothing was brought to it");
  alice.peers.unblock(bob.did);
  await until(() => bob.peers.show(alice.did).head.seq === 1, "told");
});
