import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { inspectStore, startDirectory, type RunningDirectory } from "@talos/directory";
import { AgentWorld, type DirectoryHooks, IN_PROCESS_LIMITS, intercepting, ManualClock, take, until, withoutCommits } from "@talos/testkit";

test("a sender whose store cannot commit claims no prekey, however often it tries", async () => {
  await using world = await AgentWorld.start();
  const bob = await world.create("bob");
  let claims = 0;
  const hooks: DirectoryHooks = {
    claim: (bundle) => {
      claims += 1;
      return bundle;
    },
  };
  const alice = await world.create("alice", {}, intercepting(world.environment, hooks));
  await alice.peers.add(bob.did);
  await world.stopDirectory();
  const { messageId } = await alice.send(bob.did, "waits");
  await until(() => alice.outbox(messageId)?.reason === "directory-unreachable", "tried");
  await withoutCommits(alice.dataDir, async () => {
    await world.startDirectory();
    await new Promise((resolve) => setTimeout(resolve, 2_500));
  });
  assert.equal(claims, 0);
  await until(() => alice.outbox(messageId)?.state === "deposited", "it goes out once the store works");
  assert.equal(claims, 1);
  const stock = inspectStore(`sqlite:${join(world.folder, "directory.db")}`).find(({ did }) => did === bob.did)?.oneTimePrekeys;
  assert.equal(stock, 99);
});

test("where the first of a peer's directories is gone, the explicit address is looked up and the session begun there", async () => {
  await using world = await AgentWorld.start();
  const store = `sqlite:${join(world.folder, "another.db")}`;
  const other = await startDirectory({ limits: IN_PROCESS_LIMITS, listen: { host: "127.0.0.1", port: 0 }, store });
  const third = await startDirectory({
    limits: IN_PROCESS_LIMITS,
    listen: { host: "127.0.0.1", port: 0 },
    store: `sqlite:${join(world.folder, "third.db")}`,
  });
  try {
    const bob = await world.create("bob", { directory: other.url });
    const alice = await world.create("alice");
    await alice.peers.add(`${bob.did}@${new URL(other.url).host}`);
    await bob.close();
    const moved = await world.open("bob", { directory: third.url });
    await until(() => moved.status().publication === "published", "published at the new home");
    await other.close();
    await alice.send(`${bob.did}@${new URL(third.url).host}`, "found you", { waitFor: "deposited", timeoutSeconds: 10 });
    assert.equal((await take(moved, 1))[0]?.text(), "found you");
    await moved.close();
    await alice.close();
  } finally {
    await other.close();
    await third.close();
  }
});

test("a clock that was ahead does not put the next attempt off for as long, also while the application goes on sending", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  const store = `sqlite:${join(world.folder, "another.db")}`;
  const start = async (port: number): Promise<RunningDirectory> =>
    await startDirectory({ limits: IN_PROCESS_LIMITS, listen: { host: "127.0.0.1", port }, store, now: () => clock.now() });
  let other = await start(0);
  try {
    const alice = await world.create("alice");
    const bob = await world.create("bob", { directory: other.url });
    const address = `${bob.did}@${new URL(other.url).host}`;
    await alice.send(address, "one", { waitFor: "deposited" });
    const { port } = other;
    await other.close();
    await clock.advance(2 * 86_400_000);
    const { messageId } = await alice.send(address, "two");
    await until(() => alice.outbox(messageId)?.lastError !== undefined, "tried");
    await clock.advance(-2 * 86_400_000);
    other = await start(port);
    for (let round = 0; round < 500 && alice.outbox(messageId)?.state === "ready"; round++) {
      if (round < 20) await alice.send(address, "more");
      if (round < 20) await clock.advance(10_000);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.equal(alice.outbox(messageId)?.state, "deposited");
    await bob.close();
    await alice.close();
  } finally {
    await other.close();
  }
});
