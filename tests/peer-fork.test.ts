// Two branches of one identity, seen from a peer: the owner's, and that of whoever has a copy of the data directory.
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { HttpDirectory, type Environment, type TalosClient } from "@talos/agent";
import { didToAgentId, envelopeId, isTalosError, nodeCrypto, type MailboxItem } from "@talos/core";
import { AgentWorld, intercepting, take, tamper, until, type DirectoryHooks } from "@talos/testkit";

/** Rotates a copy of that agent where nobody hears of it, and brings the event. */
async function stolenRotation(world: AgentWorld, name: string): Promise<Uint8Array> {
  const cutOff: Environment = {
    ...world.environment,
    openDirectory: (options) => new HttpDirectory({ ...options, url: "http://127.0.0.1:1" }),
  };
  const thief = await world.open(name, {}, cutOff);
  await thief.rotateIdentity({ offline: true });
  await thief.close();
  const database = new DatabaseSync(join(world.dataDir(name), "state.db"), { readOnly: true });
  const row = database.prepare("SELECT wire FROM own_events WHERE seq = 1").get();
  database.close();
  assert.ok(row?.["wire"] instanceof Uint8Array);
  return row["wire"];
}

test("failure 28: a peer that sees two branches keeps the first and its sessions, says so, and begins nothing new until somebody decides", async () => {
  await using world = await AgentWorld.start();
  const hooks: DirectoryHooks = {};
  const environment = intercepting(world.environment, hooks);
  const before = await world.create("alice", {}, environment);
  const first = await world.create("bob");
  await before.send(first.did, "hello", { waitFor: "deposited" });
  await take(first, 1);
  await first.send(before.did, "hello to you", { waitFor: "deposited" });
  await take(before, 1);
  before.peers.verify(first.did, before.peers.fingerprint(first.did));
  await first.close();
  world.copyDataDir("bob", "thief");
  const wire = await stolenRotation(world, "thief");

  const bob = await world.open("bob");
  await bob.rotateIdentity();
  await until(() => before.peers.show(bob.did).head.seq === 1, "the owner's event has come first");
  const head = before.peers.show(bob.did).head.hash;
  const heard: object[] = [];
  before.on("peerForked", (payload) => heard.push(payload));
  const item: MailboxItem = {
    envelopeId: envelopeId(wire, nodeCrypto),
    kind: "event",
    depositor: didToAgentId(bob.did),
    receivedAt: Date.now(),
    item: wire,
  };
  hooks.fetch = (page) => ({ ...page, items: [item, ...page.items] });
  await bob.send(before.did, "the session goes on", { waitFor: "deposited" });
  assert.equal((await take(before, 1))[0]?.text(), "the session goes on");
  await before.send(bob.did, "both ways", { waitFor: "deposited" });
  assert.equal((await take(bob, 1))[0]?.text(), "both ways");
  await until(() => heard.length > 0, "told");
  assert.deepEqual(
    heard.map((payload) => ({ ...payload, at: 0 })),
    [{ peerDid: bob.did, seq: 1, at: 0, trust: "dropped" }],
    "once",
  );
  const view = before.peers.show(bob.did);
  assert.deepEqual([view.head.hash, view.trust, view.conflicts.map(({ kind }) => kind)], [head, "unverified", ["log-fork"]]);

  // No new session, in either direction.
  await before.close();
  tamper(world.dataDir("alice"), "DELETE FROM sessions");
  const alice = await world.open("alice", {}, environment);
  const { messageId } = await alice.send(bob.did, "has to wait");
  await until(() => alice.outbox(messageId)?.reason === "peer-forked", "waits");
  await bob.close();
  await firstMessageRefused(world, alice);

  assert.equal(alice.peers.acceptHistory(bob.did).forkedAt, undefined);
  assert.equal((await take(await world.open("bob"), 1))[0]?.text(), "has to wait");
  const [refused] = await take(alice, 1);
  assert.deepEqual([refused?.text(), refused?.resent], ["a new session", true], "what was refused comes again");
  await assert.rejects(
    async () => alice.peers.acceptHistory(bob.did),
    (error) => isTalosError(error, "INVALID_ARGUMENT"),
  );
});

async function firstMessageRefused(world: AgentWorld, alice: TalosClient): Promise<void> {
  tamper(world.dataDir("bob"), "DELETE FROM sessions");
  const bob = await world.open("bob");
  await bob.send(alice.did, "a new session", { waitFor: "deposited" });
  await until(() => alice.status().kept.some(({ code }) => code === "PEER_FORKED"), "refused by name");
  await bob.close();
  assert.deepEqual([alice.status().sessions, alice.status().inbox.offered], [[], 0]);
}
