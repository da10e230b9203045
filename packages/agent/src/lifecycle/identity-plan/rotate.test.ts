import assert from "node:assert/strict";
import { test } from "node:test";
import { AgentWorld, hasCode, take, TEST_PASSWORD, until } from "@talos/testkit";
import { createIn } from "../../talos-client.ts";

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

test("two calls at once are one rotation, and the next call is another", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const [first, second] = await Promise.all([alice.rotateIdentity(), alice.rotateIdentity()]);
  assert.deepEqual([first.seq, second.seq], [1, 1]);
  assert.equal((await alice.rotateIdentity({ migrationDays: 0 })).seq, 2);
});

test("without a directory a rotation is made only on request, and published when there is one", async () => {
  await using world = await AgentWorld.start();
  const alice = await createIn(world.environment, "alice", { dataDir: world.dataDir("alice"), password: TEST_PASSWORD });
  await assert.rejects(alice.rotateIdentity(), hasCode("DIRECTORY_NOT_CONFIGURED"));
  const { seq, identityKey } = await alice.rotateIdentity({ offline: true });
  assert.equal(seq, 1);
  await alice.close();
  const online = await world.open("alice", { directory: world.url });
  assert.equal(online.identityKey, identityKey);
  await until(() => online.status().publication === "published", "log, certificate and batch");
  assert.equal((await online.rotateIdentity()).seq, 2);
});

test("while the directory is away nothing is begun", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const { identityKey } = alice;
  await world.stopDirectory();
  await assert.rejects(alice.rotateIdentity(), hasCode("DIRECTORY_UNREACHABLE"));
  assert.equal(alice.identityKey, identityKey);
  assert.equal(
    alice.status().plans.some(({ kind }) => kind === "rotate"),
    false,
  );
  assert.equal(
    alice.status().keys.some(({ state }) => state === "staged"),
    false,
  );
  await world.startDirectory();
  assert.equal((await alice.rotateIdentity()).seq, 1);
});

test("bad options change nothing", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bad = (options: object): Promise<unknown> => alice.rotateIdentity(options);
  await assert.rejects(bad({ migrationDay: 7 }), hasCode("UNKNOWN_OPTION"));
  for (const options of [{ migrationDays: 31 }, { migrationDays: -1 }, { migrationDays: "7" }, { notifyPeers: "no" }, { offline: 1 }]) {
    await assert.rejects(bad(options), hasCode("INVALID_ARGUMENT"), JSON.stringify(options));
  }
  assert.equal((await alice.rotateIdentity({ migrationDays: 30 })).seq, 1);
});
