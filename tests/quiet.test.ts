import assert from "node:assert/strict";
import { test } from "node:test";
import { AgentWorld } from "@talos/testkit";

test("nothing is under way any more as soon as the last message is deposited, and flush says so at once", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await bob.close();
  await alice.send(bob.did, "one", { waitFor: "deposited" });
  // In the very turn in which the last step of sending ends.
  assert.equal(await alice.flush({ timeoutSeconds: 3 }), true);
});
