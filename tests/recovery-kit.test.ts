// The recovery kit in the life of an agent: given later, used again and again, and made of shares when it is lost.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { checkRecoveryKit, joinRecoveryShares, type TalosClient } from "@talos/agent";
import { isTalosError } from "@talos/core";
import { AgentWorld, hasCode } from "@talos/testkit";

const KITS = "seven ladders under a brass moon";
const NEXT = "nine kettles on a marble stair";

function kitIn(world: AgentWorld, name: string = "kit.txt", password: string = KITS): { path: string; password: string } {
  return { path: join(world.folder, name), password };
}

function kinds(client: TalosClient): string[] {
  return client.audit.list().map(({ kind }) => kind);
}

test("a kit that is given later is in force with one event, and is the agent's only one", async () => {
  await using world = await AgentWorld.start();
  const client = await world.create("alice");
  const { did } = client;
  assert.deepEqual(client.status().recovery, { kit: "none" });
  const made = await client.recoveryKit.create(kitIn(world));
  assert.deepEqual(made, { path: kitIn(world).path, seq: 1 });
  assert.deepEqual([client.did, client.status().recovery], [did, { kit: "present" }]);
  const check = await client.recoveryKit.check(kitIn(world));
  assert.deepEqual([check.did, check.keyIndex, check.recorded], [did, 0, true]);
  assert.deepEqual(client.status().recovery, { kit: "present", lastCheckedAt: check.checkedAt });
  const said = kinds(client).filter((kind) => kind.startsWith("recovery-kit"));
  assert.deepEqual(said, ["recovery-kit-created", "recovery-kit-checked"]);
  await assert.rejects(client.recoveryKit.create(kitIn(world, "second.txt")), hasCode("RECOVERY_KIT_IN_FORCE"));
  assert.ok(!existsSync(kitIn(world, "second.txt").path));
});

test("one kit serves for life: each use commits to its next key, and check finds it", async () => {
  await using world = await AgentWorld.start();
  const client = await world.create("alice", { recoveryKit: kitIn(world) });
  for (const used of [1, 2, 3]) {
    await client.emergencyRotate({ recoveryKit: kitIn(world) });
    assert.equal((await client.recoveryKit.check(kitIn(world))).keyIndex, used);
    if (used === 1) await client.rotateIdentity();
  }
  await client.close();
  const look = await checkRecoveryKit({ dataDir: world.dataDir("alice"), recoveryKit: kitIn(world) }, world.environment);
  assert.deepEqual([look.keyIndex, look.recorded], [3, false]);
});

test("a kit that is made of shares again takes the identity back as the first one does", async () => {
  await using world = await AgentWorld.start();
  const client = await world.create("alice", { recoveryKit: kitIn(world) });
  await client.emergencyRotate({ recoveryKit: kitIn(world) });
  const outputDir = join(world.folder, "shares");
  const { files } = await client.recoveryKit.split({ ...kitIn(world), shares: 5, threshold: 3, outputDir });
  const again = kitIn(world, "again.txt", NEXT);
  await joinRecoveryShares({ shares: files.slice(2), ...again }, world.environment);
  assert.equal((await client.recoveryKit.check(again)).keyIndex, 1);
  await client.emergencyRotate({ recoveryKit: again });
  assert.equal((await client.recoveryKit.check(kitIn(world))).keyIndex, 2);
});

test("a kit of another agent is neither proven nor split", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice", { recoveryKit: kitIn(world) });
  const bob = await world.create("bob");
  await assert.rejects(bob.recoveryKit.check(kitIn(world)), hasCode("RECOVERY_KIT_FOREIGN"));
  const split = { ...kitIn(world), shares: 3, threshold: 2, outputDir: join(world.folder, "shares") };
  await assert.rejects(bob.recoveryKit.split(split), hasCode("RECOVERY_KIT_FOREIGN"));
  assert.equal((await alice.recoveryKit.split(split)).files.length, 3);
});

test("while the directory is away no kit comes into force, the file stays, and the hint says so", async () => {
  await using world = await AgentWorld.start();
  const client = await world.create("alice");
  await world.stopDirectory();
  await assert.rejects(client.recoveryKit.create(kitIn(world)), (error) => {
    assert.ok(isTalosError(error, "DIRECTORY_UNREACHABLE"));
    assert.ok(error.hint.includes(`The recovery kit ${kitIn(world).path} was written already`));
    return true;
  });
  assert.ok(existsSync(kitIn(world).path));
  assert.deepEqual(client.status().recovery, { kit: "none" });
  await assert.rejects(client.recoveryKit.check(kitIn(world)), hasCode("RECOVERY_KIT_NOT_IN_FORCE"));
  await world.startDirectory();
  await client.recoveryKit.create(kitIn(world, "second.txt"));
  assert.equal((await client.recoveryKit.check(kitIn(world, "second.txt"))).keyIndex, 0);
});

test("the password of the data directory is no password for the kit, whichever way in it is", async () => {
  await using world = await AgentWorld.start();
  const client = await world.create("alice");
  await client.slots.add({ password: NEXT });
  for (const password of [NEXT, "river otter lamp quartz, for tests"]) {
    await assert.rejects(client.recoveryKit.create(kitIn(world, "kit.txt", password)), hasCode("RECOVERY_KIT_PASSWORD_REUSED"));
  }
  assert.ok(!existsSync(kitIn(world).path));
});

test("options of a kit are checked by name before anything happens", async () => {
  await using world = await AgentWorld.start();
  const client = await world.create("alice", { directory: undefined } as object);
  const kit = kitIn(world);
  await assert.rejects(client.recoveryKit.create({ ...kit, pasword: "x" } as typeof kit), hasCode("UNKNOWN_OPTION"));
  await assert.rejects(client.recoveryKit.create({ path: kit.path } as typeof kit), hasCode("INVALID_ARGUMENT"));
  await assert.rejects(client.recoveryKit.check({ password: KITS } as typeof kit), hasCode("INVALID_ARGUMENT"));
  await assert.rejects(joinRecoveryShares({ ...kit, shares: "one" } as never), hasCode("INVALID_ARGUMENT"));
  assert.ok(!existsSync(kit.path));
});
