import assert from "node:assert/strict";
import { test } from "node:test";
import { AgentWorld, take, until } from "@talos/testkit";

test("a planned rotation: new keys in force, agent id and sessions stay, the old private key is gone", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await alice.send(bob.did, "before", { waitFor: "deposited" });
  await take(bob, 1);
  await bob.send(alice.did, "hello", { waitFor: "deposited" });
  await take(alice, 1);
  const { did, identityKey } = alice;
  const sessions = alice.status().sessions.map(({ sessionId }) => sessionId);
  const before = alice.status().keys;

  const result = await alice.rotateIdentity();
  assert.equal(result.seq, 1);
  assert.equal(alice.did, did);
  assert.notEqual(alice.identityKey, identityKey);
  assert.equal(alice.identityKey, result.identityKey);
  assert.deepEqual([...result.notified, ...result.pending], [bob.did]);
  assert.deepEqual(
    alice.status().sessions.map(({ sessionId }) => sessionId),
    sessions,
  );
  const keys = alice.status().keys;
  const formerNext = before.find(({ role }) => role === "next");
  assert.equal(keys.find(({ role }) => role === "current")?.keyId, formerNext?.keyId, "the committed key came into force");
  const encryption = keys.filter(({ kind }) => kind === "encryption");
  assert.deepEqual(encryption.map(({ state }) => state).sort(), ["live", "retired"]);

  await alice.send(bob.did, "after", { waitFor: "deposited" });
  await bob.send(alice.did, "answer", { waitFor: "deposited" });
  assert.deepEqual(
    (await take(bob, 1)).map((message) => message.text()),
    ["after"],
  );
  assert.deepEqual(
    (await take(alice, 1)).map((message) => message.text()),
    ["answer"],
  );
  await until(() => alice.status().publication === "published", "certificate and batch are published");

  await alice.close();
  const again = await world.open("alice");
  assert.equal(again.identityKey, result.identityKey);
  await again.send(bob.did, "after a restart", { waitFor: "deposited" });
  assert.deepEqual(
    (await take(bob, 1)).map((message) => message.text()),
    ["after a restart"],
  );
});
