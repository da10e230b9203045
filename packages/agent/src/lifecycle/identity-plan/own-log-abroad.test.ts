import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { nodeCrypto, verifyAuditExport } from "@talos/core";
import { AgentWorld, hasCode, intercepting, until, type DirectoryHooks } from "@talos/testkit";

test("failure 51: a directory that shows a thief's branch from before the agent had a kit is noticed, also after the kit was used", async () => {
  await using world = await AgentWorld.start();
  const hooks: DirectoryHooks = {};
  const alice = await world.create("alice");
  await until(() => alice.status().publication === "published", "published");
  await alice.close();
  world.copyDataDir("alice", "stolen");
  await world.stopDirectory();
  const thief = await world.open("stolen");
  await thief.rotateIdentity({ offline: true });
  const { events } = verifyAuditExport((await thief.audit.export()).text, nodeCrypto).log;
  await thief.close();
  await world.startDirectory();

  const owner = await world.open("alice", {}, intercepting(world.environment, hooks));
  const recoveryKit = { path: join(world.folder, "kit.txt"), password: "marble falcon ribbon dusk, for the kit" };
  await owner.recoveryKit.create(recoveryKit);
  await owner.emergencyRotate({ recoveryKit });
  await until(() => owner.status().publication === "published", "published");
  hooks.resolve = (answer) => ({ ...answer, log: events });
  await assert.rejects(owner.rotateIdentity(), hasCode("IDENTITY_MOVED"));
  assert.equal(owner.status().identityMoved?.seq, 1);
});
