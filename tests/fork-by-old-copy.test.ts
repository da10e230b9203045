// An old copy of a data directory, and a directory that helps its thief: doubt is all that the two can sow, and the kit ends it.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { didToAgentId, envelopeId, nodeCrypto, type MailboxItem } from "@talos/core";
import { AgentWorld, intercepting, take, TEST_PASSWORD, Thief, until, type DirectoryHooks } from "@talos/testkit";

test("failure 49: with an old copy a thief forks the log for a peer: sessions go on, the owner's branch stands, and a recovery event ends the doubt", async () => {
  await using world = await AgentWorld.start();
  const recoveryKit = { path: join(world.folder, "kit.txt"), password: "marble falcon ribbon dusk, for the kit" };
  const before = await world.create("alice", { recoveryKit });
  const hooks: DirectoryHooks = {};
  const bob = await world.create("bob", {}, intercepting(world.environment, hooks));
  const { did } = before;
  const say = async (from: typeof bob, to: typeof bob, text: string): Promise<void> => {
    await from.send(to.did, text, { waitFor: "deposited" });
    assert.equal((await take(to, 1))[0]?.text(), text);
  };
  await say(before, bob, "hello");
  await say(bob, before, "hello yourself");
  await before.close();
  world.copyDataDir("alice", "old");
  const alice = await world.open("alice");
  await alice.rotateIdentity();
  await until(() => bob.peers.show(did).head.seq === 1, "the owner's event comes first");
  const ofTheOwner = bob.peers.show(did).head;

  const victim = { agentId: didToAgentId(did), url: world.url, clock: world.environment.clock };
  using thief = Thief.withVaultAndPassword(victim, world.dataDir("old"), TEST_PASSWORD);
  const contenders = [await thief.rotation(), await thief.revocation()];
  // The directory says that Alice has left them there: whose word it is makes no difference to what they prove.
  const items = contenders.map((item): MailboxItem => {
    const id = envelopeId(item, nodeCrypto);
    return { envelopeId: id, kind: "event", depositor: victim.agentId, receivedAt: Date.now(), item };
  });
  hooks.fetch = (page) => ({ ...page, items: [...items, ...page.items] });
  await say(alice, bob, "the session goes on");
  await until(() => bob.peers.show(did).forkedAt !== undefined, "the fork is noticed");
  await say(bob, alice, "in both directions");
  const doubted = bob.peers.show(did);
  assert.deepEqual([doubted.head, doubted.revoked, doubted.sessions], [ofTheOwner, false, 1]);
  assert.ok(doubted.conflicts.some(({ kind }) => kind === "log-fork"));

  await alice.emergencyRotate({ recoveryKit });
  await until(() => bob.peers.show(did).identityKey === alice.identityKey, "the peer is with the owner");
  assert.equal(bob.peers.show(did).forkedAt, undefined);
  await say(alice, bob, "new keys, a new session");
  await say(bob, alice, "welcome");
  // They come again and again, and change nothing any more.
  const decided = bob.peers.show(did);
  assert.deepEqual([decided.forkedAt, decided.revoked, decided.identityKey], [undefined, false, alice.identityKey]);
});
