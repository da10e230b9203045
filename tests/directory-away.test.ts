import assert from "node:assert/strict";
import { test } from "node:test";
import { createIn } from "@talos/agent";
import { isTalosError } from "@talos/core";
import { AgentWorld, take, TEST_PASSWORD, until } from "@talos/testkit";

test("a send while the directory is down is accepted or waits, survives a restart, and goes out when it is back", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  const carol = await world.create("carol");
  await alice.send(bob.did, "there is a session", { waitFor: "deposited" });
  await world.stopDirectory();

  const ready = await alice.send(bob.did, "ready");
  assert.deepEqual([ready.state, ready.reason], ["accepted", undefined], "there is a session");
  await until(() => alice.outbox(ready.messageId)?.state === "ready", "sealed without the directory");
  const waiting = await alice.send(carol.did, "waiting");
  assert.equal(waiting.state, "waiting", "there is none");
  await assert.rejects(
    alice.send(bob.did, "not reached", { waitFor: "deposited", timeoutSeconds: 0.2 }),
    (error) => isTalosError(error, "DELIVERY_NOT_REACHED") && error.exitCode === 7,
  );
  await until(() => alice.outbox(waiting.messageId)?.reason === "directory-unreachable", "the row says why it waits");
  await until(() => alice.outbox(ready.messageId)?.lastError === "DIRECTORY_UNREACHABLE", "and why it has not left");
  const { messageId: behind } = await alice.send(bob.did, "behind it");
  await alice.close();
  const again = await world.open("alice");
  assert.equal(again.outbox(ready.messageId)?.state, "ready");
  assert.equal(again.outbox(behind)?.state, "accepted", "sealed when its turn comes");
  assert.equal(again.outbox(waiting.messageId)?.state, "waiting");

  await world.startDirectory();
  assert.deepEqual(
    (await take(bob, 4)).map((message) => message.text()),
    ["there is a session", "ready", "not reached", "behind it"],
  );
  assert.equal((await take(carol, 1))[0]?.text(), "waiting");
  assert.equal(again.outbox(waiting.messageId)?.state, "deposited");
});

test("an agent made while its directory is down is published when it is back, also by a later process", async () => {
  await using world = await AgentWorld.start();
  await world.stopDirectory();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  assert.equal(alice.status().publication, "unpublished");
  assert.deepEqual(
    alice.status().plans.map(({ kind, step, lastError }) => ({ kind, step, lastError })),
    [{ kind: "publish", step: "events", lastError: "DIRECTORY_UNREACHABLE" }],
  );
  await bob.close();
  await world.startDirectory();
  const bobAgain = await world.open("bob");
  assert.equal(bobAgain.status().publication, "published");
  await until(() => alice.status().publication === "published", "alice has gone on by herself");
  await alice.send(bobAgain.did, "hello");
  assert.equal((await take(bobAgain, 1))[0]?.text(), "hello");
});

test("without a directory everything local works, and one can be given later", async () => {
  await using world = await AgentWorld.start();
  const alice = await createIn(world.environment, "alice", { dataDir: world.dataDir("alice"), password: TEST_PASSWORD });
  const bob = await world.create("bob");
  assert.equal(alice.status().publication, "unpublished");
  assert.equal(alice.status().keys.filter(({ kind }) => kind === "one-time-prekey").length, 100);
  const sent = await alice.send(bob.did, "some day");
  assert.equal(sent.state, "waiting");
  await alice.close();
  const again = await world.open("alice", { directory: world.url });
  assert.equal(again.status().publication, "published");
  assert.equal((await take(bob, 1))[0]?.text(), "some day");
  await bob.send(again.did, "at last");
  assert.equal((await take(again, 1))[0]?.text(), "at last");
  await again.close();
  assert.equal((await world.open("alice")).directory, world.url, "remembered");
});

test("a message to an agent that nobody knows waits and says so", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const carol = await world.create("carol", { directory: "http://127.0.0.1:1" });
  const { messageId } = await alice.send(carol.did, "anybody there?");
  await until(() => alice.outbox(messageId)?.reason === "peer-unknown", "nobody knows carol");
});
