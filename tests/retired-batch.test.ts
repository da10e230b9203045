// Prekeys under an identity key that was rotated away, handed out by a directory that lies.
import assert from "node:assert/strict";
import { test } from "node:test";
import { agentIdToDid, type UnverifiedBundle } from "@talos/core";
import { AgentWorld, intercepting, ManualClock, take, type DirectoryHooks } from "@talos/testkit";

const DAY = 86_400_000;

test("a batch of a rotated identity begins sessions while the migration runs, and none after it, however the directory answers", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  const bob = await world.create("bob");
  let former: UnverifiedBundle | undefined;
  let isFormer = false;
  const hooks: DirectoryHooks = {
    claim: (bundle, target) => {
      if (agentIdToDid(target) !== bob.did) return bundle;
      former ??= bundle;
      if (!isFormer) return bundle;
      // The newest log and certificate, and the prekeys of before.
      const { oneTimePrekey: _gone, ...rest } = bundle;
      return { ...rest, batch: former.batch, signedPrekey: former.signedPrekey };
    },
  };
  const environment = intercepting(world.environment, hooks);
  const alice = await world.create("alice", {}, environment);
  await alice.send(bob.did, "before", { waitFor: "deposited" });
  await take(bob, 1);
  await bob.rotateIdentity({ migrationDays: 2 });
  isFormer = true;

  const settle = async (holds: () => boolean, what: string): Promise<void> => {
    for (let round = 0; round < 500 && !holds(); round++) {
      await clock.advance(1_000);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.ok(holds(), what);
  };

  const carol = await world.create("carol", {}, environment);
  await carol.send(bob.did, "while he moves", { waitFor: "deposited" });
  await settle(() => bob.status().inbox.offered === 1, "an honest one of before");
  assert.equal((await take(bob, 1))[0]?.text(), "while he moves");

  await clock.advance(3 * DAY);
  const dave = await world.create("dave", {}, environment);
  const { messageId } = await dave.send(bob.did, "too late for it");
  await settle(() => dave.outbox(messageId)?.reason === "peer-prekeys-expired", "waits for other prekeys");
  assert.equal(dave.outbox(messageId)?.lastError, "BATCH_RETIRED");
  assert.deepEqual(dave.status().sessions, []);

  isFormer = false;
  await settle(() => bob.status().inbox.offered === 1, "with the present ones it leaves");
  assert.equal((await take(bob, 1))[0]?.text(), "too late for it");
});
