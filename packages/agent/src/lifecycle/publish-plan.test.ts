import assert from "node:assert/strict";
import { test } from "node:test";
import { talosError } from "@talos/core";
import { AgentWorld, intercepting, ManualClock, until, type DirectoryHooks } from "@talos/testkit";

const HOUR = 3_600_000;
const TARGET = 10;

test("a directory that never agrees costs a bounded number of keys, and is served again when it does", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  const hooks: DirectoryHooks = {};
  const rotation = { oneTimePrekeyTarget: TARGET, refillBelow: 2 };
  const alice = await world.create("alice", { rotation }, intercepting(world.environment, hooks));
  await until(() => alice.status().publication === "published", "published");
  hooks.replaceBatch = () => {
    throw talosError("PREKEY_ID_REUSED");
  };
  await alice.rotateSignedPrekey();
  const files = (): number => alice.status().keys.length;
  for (let hour = 0; hour < 5 * 24; hour++) {
    await clock.advance(HOUR);
    await alice.maintain();
  }
  // Without a bound 12 batches a day of 10 and a signed prekey: 660.
  assert.ok(files() <= 20 * TARGET + TARGET + 40, `${files()} keys`);
  delete hooks.replaceBatch;
  await alice.maintain();
  await until(() => alice.status().publication === "published", "published again");
});
