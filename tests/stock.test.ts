import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { inspectStore } from "@talos/directory";
import { AgentWorld, take } from "@talos/testkit";

test("each session takes one one-time prekey, at the directory when it begins and in the vault when its first message opens", async () => {
  await using world = await AgentWorld.start();
  const bob = await world.create("bob");
  const stock = (): number | undefined =>
    inspectStore(`sqlite:${join(world.folder, "directory.db")}`).find(({ did }) => did === bob.did)?.oneTimePrekeys;
  assert.deepEqual([stock(), bob.status().oneTimePrekeys.live], [100, 100]);

  let left = 100;
  for (const name of ["alice", "carol"]) {
    const sender = await world.create(name);
    await sender.send(bob.did, "a first message", { waitFor: "deposited" });
    await sender.send(bob.did, "another in the same session", { waitFor: "deposited" });
    left -= 1;
    assert.equal(stock(), left, "at the directory");
    await take(bob, 2);
    assert.equal(bob.status().oneTimePrekeys.live, left, "in the vault");
  }
});
