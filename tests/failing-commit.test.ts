import assert from "node:assert/strict";
import { test } from "node:test";
import { isTalosError } from "@talos/core";
import { AgentWorld, intercepting, take, tamper, until, withoutCommits, type DirectoryHooks } from "@talos/testkit";

test("a commit that fails fails every send of its turn, nothing has left, and the next one works", async () => {
  await using world = await AgentWorld.start();
  let deposits = 0;
  const counting = intercepting(world.environment, {
    deposited: () => {
      deposits += 1;
    },
  });
  const alice = await world.create("alice", {}, counting);
  const bob = await world.create("bob");
  await alice.send(bob.did, "before", { waitFor: "deposited" });
  const before = deposits;
  await withoutCommits(alice.dataDir, async () => {
    const results = await Promise.allSettled(["x", "y", "z"].map(async (text) => alice.send(bob.did, text)));
    for (const result of results) {
      assert.ok(result.status === "rejected" && isTalosError(result.reason, "COMMIT_FAILED"));
    }
  });
  assert.equal(deposits, before);
  await alice.send(bob.did, "after", { waitFor: "deposited" });
  assert.deepEqual(
    (await take(bob, 2)).map((message) => message.text()),
    ["before", "after"],
  );
  assert.equal(deposits, before + 1);
});

test("a message that cannot be sealed fails no send that shares the commit, holds up its own peer alone, and is not lost", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  const carol = await world.create("carol");
  for (const peer of [bob, carol]) await alice.send(peer.did, "first", { waitFor: "deposited" });
  await world.stopDirectory();
  await alice.send(bob.did, "in front");
  const damaged = await alice.send(bob.did, "damaged");
  await alice.close();
  tamper(alice.dataDir, `UPDATE outbox SET body = zeroblob(length(body)) WHERE hex(message_id) = upper('${damaged.messageId}')`);
  await world.startDirectory();
  const again = await world.open("alice");
  await until(() => again.outbox(damaged.messageId)?.lastError === "VAULT_CORRUPT", "named");
  const results = await Promise.all(["x", "y"].map(async (text) => again.send(carol.did, text, { waitFor: "deposited" })));
  assert.ok(results.every(({ state }) => state === "deposited"));
  assert.equal(again.outbox(damaged.messageId)?.state, "accepted");
});

test("a commit that fails on the way in leaves the message in the mailbox, and it comes later", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await alice.send(bob.did, "first");
  await take(bob, 1);
  await withoutCommits(bob.dataDir, async () => {
    await alice.send(bob.did, "second", { waitFor: "deposited" });
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(bob.status().inbox.offered, 0);
    assert.equal(bob.status().kept.length, 0);
  });
  assert.equal((await take(bob, 1))[0]?.text(), "second");
});

test("failure 60: the acknowledgement leaves only after ack() has committed", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const hooks: DirectoryHooks = {};
  let frames = 0;
  hooks.deposited = () => {
    frames += 1;
  };
  const bob = await world.create("bob", {}, intercepting(world.environment, hooks));
  const { messageId } = await alice.send(bob.did, "keep me", { waitFor: "deposited" });
  const [message] = await take(bob, 1, false);
  await bob.flush();
  assert.equal(frames, 0, "offered is not acknowledged");
  await withoutCommits(bob.dataDir, async () => {
    await assert.rejects(message?.ack() ?? Promise.resolve(), (error) => isTalosError(error, "COMMIT_FAILED"));
  });
  await bob.flush();
  assert.equal(frames, 0, "an ack that failed is none");
  assert.equal(alice.outbox(messageId)?.state, "deposited");
  const [again] = await take(bob, 1, false);
  assert.equal(again?.id, messageId, "offered still");
  await again.ack();
  await bob.flush();
  await until(() => alice.outbox(messageId)?.state === "delivered", "now the sender hears of it");
  assert.equal(frames, 1);
});
