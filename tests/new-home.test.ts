import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { startDirectory, type RunningDirectory } from "@talos/directory";
import { AgentWorld, IN_PROCESS_LIMITS, take, until } from "@talos/testkit";

/** Another directory beside the world's own. */
async function another(world: AgentWorld, port = 0): Promise<RunningDirectory> {
  return await startDirectory({
    limits: IN_PROCESS_LIMITS,
    listen: { host: "127.0.0.1", port },
    store: `sqlite:${join(world.folder, "another.db")}`,
  });
}

test("mail that a peer leaves at the former home after a move is read, and the peer follows", async () => {
  await using world = await AgentWorld.start();
  const other = await another(world);
  try {
    const alice = await world.create("alice");
    const bob = await world.create("bob");
    await alice.send(bob.did, "before", { waitFor: "deposited" });
    await take(bob, 1);
    await bob.close();

    const moved = await world.open("bob", { directory: other.url });
    await until(() => moved.status().publication === "published", "published at the new home");
    await alice.send(bob.did, "to the former home", { waitFor: "deposited" });
    assert.deepEqual(
      (await take(moved, 1)).map((message) => message.text()),
      ["to the former home"],
    );

    await moved.send(alice.did, "I have moved", { waitFor: "deposited" });
    await take(alice, 1);
    await world.stopDirectory();
    await alice.send(bob.did, "to the new home", { waitFor: "deposited", timeoutSeconds: 20 });
    assert.deepEqual(
      (await take(moved, 1)).map((message) => message.text()),
      ["to the new home"],
    );
    await moved.close();
    await alice.close();
  } finally {
    await other.close();
  }
});

test("a first message under a prekey of the former home and one under a prekey of the new home both open", async () => {
  await using world = await AgentWorld.start();
  const other = await another(world);
  try {
    const alice = await world.create("alice");
    const bob = await world.create("bob");
    await bob.close();
    await alice.send(bob.did, "on its way", { waitFor: "deposited" });
    const moved = await world.open("bob", { directory: other.url });
    await until(() => moved.status().publication === "published", "published at the new home");
    const carol = await world.create("carol", { directory: other.url });
    await carol.send(`${bob.did}@${new URL(other.url).host}`, "hello", { waitFor: "deposited" });
    assert.deepEqual((await take(moved, 2)).map((message) => message.text()).sort(), ["hello", "on its way"]);
    assert.equal(moved.status().oneTimePrekeys.live, 99);
    assert.deepEqual(moved.status().kept, []);
    await moved.close();
    await carol.close();
  } finally {
    await other.close();
  }
});

test("a message is left where its recipient looks, and nowhere else while that directory is down", async () => {
  await using world = await AgentWorld.start();
  let other = await another(world);
  try {
    const alice = await world.create("alice");
    const bob = await world.create("bob", { directory: other.url });
    const address = `${bob.did}@${new URL(other.url).host}`;
    await alice.send(address, "one", { waitFor: "deposited" });
    // His answer makes Bob known at Alice's own directory, where he never looks.
    const [one] = await take(bob, 1);
    await bob.send(one?.from ?? "", "two", { waitFor: "deposited" });
    await take(alice, 1);
    const { port } = other;
    await other.close();

    const { messageId } = await alice.send(address, "three");
    await alice.flush({ timeoutSeconds: 3 });
    assert.equal(alice.outbox(messageId)?.state, "ready", "not at Alice's own directory");
    other = await another(world, port);
    await until(() => alice.outbox(messageId)?.state !== "ready", "it leaves when his directory is back");
    assert.deepEqual(
      (await take(bob, 1)).map((message) => message.text()),
      ["three"],
    );
    await bob.close();
    await alice.close();
  } finally {
    await other.close();
  }
});
