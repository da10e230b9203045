// What a verifier makes of a signature while it cannot know whose the key is, or how things stand today.
import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpDirectory } from "@talos/agent";
import { assembleUserSignature, nodeCrypto, prepareUserSignature, ROLE, utf8, type LogHead } from "@talos/core";
import { AgentWorld, intercepting, ManualClock, UserIdentity, type DirectoryHooks } from "@talos/testkit";

const DAY = 86_400_000;
const ORDER = { namespace: "orders", message: "ship it" };

function signed(by: UserIdentity, head: LogHead = by.log.head): Uint8Array {
  const { log } = by;
  const prepared = prepareUserSignature({
    agentId: log.agentId,
    head,
    namespace: ORDER.namespace,
    digest: nodeCrypto.sha256(utf8(ORDER.message)),
  });
  const [toSign] = prepared.toSign;
  const signature = by.identityKey.sign(toSign?.bytes ?? new Uint8Array());
  return assembleUserSignature(log, prepared.body, [{ role: ROLE.holder, algorithm: 1, signature }], nodeCrypto).wire;
}

test("failure 28: a signature of a signer whose history forks is unproved until somebody decides, and nobody's memory makes it more", async () => {
  await using world = await AgentWorld.start();
  const hooks: DirectoryHooks = {};
  const bob = await world.create("bob", {}, intercepting(world.environment, hooks));
  const owner = UserIdentity.begin(Date.now(), true);
  const thief = owner.stolen();
  const before = signed(owner);
  owner.rotate({ time: Date.now() });
  const theirs = thief.rotate({ time: Date.now() + 1 });
  const stranger = new HttpDirectory({
    url: world.url,
    crypto: nodeCrypto,
    clock: world.environment.clock,
    instance: () => assert.fail("nobody signs requests here"),
  });
  await stranger.publishEvents(owner.log.agentId, [...owner.log.events.slice(0, 1), theirs]);
  stranger.close();
  const check = async (signature: Uint8Array): Promise<unknown[]> => {
    const { verdict, ground, seenAt } = await bob.verify({ ...ORDER, signature });
    return [verdict, ground, seenAt !== undefined];
  };
  const contended = signed(thief);
  assert.deepEqual(await check(contended), ["valid", "in-force", true]);
  hooks.resolve = (answer) => ({ ...answer, log: owner.log.events });
  assert.deepEqual((await check(contended)).slice(0, 2), ["unproved", "forked"]);
  assert.deepEqual(await check(signed(owner)), ["unknown-key", "no-such-event", false]);
  assert.deepEqual(await check(before), ["unproved", "no-proof", false]);
  const did = bob.peers.list()[0]?.did ?? assert.fail();
  bob.peers.acceptHistory(did);
  assert.deepEqual(await check(contended), ["valid", "in-force", true]);
});

test("failure 48: what is valid by a log that may be old is not written down as seen in time", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await bob.peers.add(alice.did);
  const [one, two] = [await alice.sign("orders", "one"), await alice.sign("orders", "two")];
  const check = async (signature: string, message: string, offline: boolean): Promise<unknown[]> => {
    const { verdict, seenAt } = await bob.verify({ signature, namespace: "orders", message, offline });
    return [verdict, seenAt];
  };
  const at = clock.now();
  assert.deepEqual(await check(one.text, "one", true), ["valid", at], "by a certificate of today");
  await alice.close();
  await clock.advance(22 * DAY);
  assert.deepEqual(await check(two.text, "two", true), ["valid", undefined]);
  assert.deepEqual(await check(one.text, "one", true), ["valid", at], "what was written down stays");
  await world.stopDirectory();
  assert.deepEqual(await check(two.text, "two", false), ["valid", undefined], "nobody could be asked");
  await world.startDirectory();
  assert.deepEqual(await check(two.text, "two", false), ["valid", clock.now()]);
});
