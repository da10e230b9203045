import assert from "node:assert/strict";
import { readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { talosError } from "@talos/core";
import { AgentWorld, hasCode, intercepting, take, TEST_PASSWORD, until, type DirectoryHooks } from "@talos/testkit";
import { doctorIn, rescueIn } from "../../care.ts";
import type { Environment } from "../../environment.ts";
import { openIn, takeoverIn, type TalosClient } from "../../talos-client.ts";
import type { RescueReport } from "../rescue-agent.ts";
import { lostMachine, type LostMachine } from "./recover-fixture.test.ts";

const unreachable = (): never => {
  throw talosError("DIRECTORY_UNREACHABLE");
};
const AWAY: DirectoryHooks = { resolve: unreachable };

/** The agent in `found` loses its database, and is rescued. */
async function rescued({ world, dataDir }: LostMachine, directory?: string): Promise<RescueReport> {
  unlinkSync(join(dataDir, "state.db"));
  return await rescueIn(world.environment, { dataDir, password: TEST_PASSWORD, ...(directory === undefined ? {} : { directory }) });
}

async function open({ world, dataDir }: LostMachine, environment: Environment = world.environment): Promise<TalosClient> {
  return await openIn(environment, { dataDir, password: TEST_PASSWORD });
}

/** Recovered while nobody answers. */
async function leftHeld(lost: LostMachine): Promise<void> {
  const held = await lost.recover({}, intercepting(lost.world.environment, AWAY));
  await until(() => held.status().held?.reason === "DIRECTORY_UNREACHABLE", "it says why");
  await held.close();
}

async function isHeldStill(client: TalosClient, reason: string): Promise<void> {
  await until(() => client.status().held?.reason === reason, `it says ${reason}`);
  assert.equal(client.held, true);
  await assert.rejects(client.sign("test", "no"), hasCode("RECOVERY_UNCHECKED"));
}

function metadataOf({ dataDir }: LostMachine): Record<string, unknown> {
  return JSON.parse(readFileSync(join(dataDir, "metadata.json"), "utf8")) as Record<string, unknown>;
}

function changeHeld(lost: LostMachine, held: unknown): void {
  writeFileSync(join(lost.dataDir, "metadata.json"), JSON.stringify({ ...metadataOf(lost), held }));
}

async function findings({ world, dataDir }: LostMachine): Promise<string[]> {
  const { findings: all } = await doctorIn(world.environment, { dataDir });
  // Of the fixture.
  return all.map(({ code }) => code).filter((code) => code !== "KDF_BELOW_DEFAULT" && code !== "SLOT_ONLY_ONE");
}

test("failure 38: an outdated agent whose database is destroyed and rescued is held as before, for good, whatever the directory says then", async () => {
  await using lost = await lostMachine({ after: async (alice) => await alice.rotateIdentity() });
  await leftHeld(lost);
  const held = await open(lost);
  await until(() => held.status().held?.reason === "BACKUP_OUTDATED", "it has compared");
  const before = held.status();
  await held.close();

  const report = await rescued(lost);
  assert.deepEqual([report.held, report.prekeys, report.generation], [true, { made: 0, ended: 0 }, before.generation + 1]);
  assert.deepEqual(await findings(lost), ["BACKUP_OUTDATED"]);
  const lying = intercepting(lost.world.environment, { resolve: ({ log, ...answer }) => ({ ...answer, log: log.slice(0, 1) }) });
  const again = await open(lost, lying);
  await isHeldStill(again, "BACKUP_OUTDATED");
  assert.deepEqual(again.status().held, before.held);
  assert.equal(again.status().certificate, undefined, "its identity key has signed nothing");
  await again.close();
  const options = { dataDir: lost.dataDir, password: TEST_PASSWORD };
  await assert.rejects(takeoverIn(lying, options), hasCode("BACKUP_OUTDATED"));

  assert.equal((await rescued(lost)).held, true, "also once more");
  await isHeldStill(await open(lost), "BACKUP_OUTDATED");
});

test("failure 38: an agent that was rescued before anybody could be asked is compared then, and stays held where it is outdated", async () => {
  await using lost = await lostMachine({ after: async (alice) => await alice.rotateIdentity() });
  await leftHeld(lost);
  assert.equal((await rescued(lost)).held, true);
  await isHeldStill(await open(lost), "BACKUP_OUTDATED");
});

test("an agent that is up to date is rescued held, and goes on once it is compared; let go, it is rescued unheld", async () => {
  await using lost = await lostMachine();
  await leftHeld(lost);
  assert.equal((await rescued(lost)).held, true);
  const back = await open(lost);
  await until(() => !back.held, "nothing is behind");
  assert.equal("held" in metadataOf(lost), false);
  await until(() => back.status().publication === "published", "it publishes");
  await back.close();
  const report = await rescued(lost);
  assert.deepEqual([report.held, report.prekeys.made], [false, 101]);
  const again = await open(lost);
  assert.deepEqual([again.held, again.status().held], [false, undefined]);
  await again.sign("test", "yes");
});

test("an agent whose recovery event nobody has accepted is rescued held, and has it accepted first", async () => {
  await using lost = await lostMachine({ after: async (alice) => await alice.rotateIdentity() });
  const { environment } = lost.world;
  const takesNothing = intercepting(environment, { publishEvents: unreachable });
  const held = await lost.recover({ recoveryKit: lost.kit }, takesNothing);
  await until(() => held.status().held?.reason === "DIRECTORY_UNREACHABLE", "it says why");
  await held.close();
  assert.equal((await rescued(lost)).held, true);
  const again = await open(lost, takesNothing);
  await isHeldStill(again, "DIRECTORY_UNREACHABLE");
  assert.equal(again.status().held?.way, "rotated");
  await again.close();
  const back = await open(lost);
  await until(() => !back.held, "the directory takes the event");
  await until(() => back.status().publication === "published", "and what follows");
});

test("whom a held agent asks outlives its database: the home that it had and directories of peers, also where the rescue names another home", async () => {
  await using elsewhere = await AgentWorld.start();
  await using fresh = await AgentWorld.start();
  const bob = await elsewhere.create("bob");
  await using lost = await lostMachine({
    before: async (alice) => {
      await alice.send(`${bob.did}@${new URL(elsewhere.url).host}`, "one", { waitFor: "deposited" });
      await take(bob, 1);
    },
    after: async (alice) => {
      await alice.rotateIdentity();
      await alice.send(bob.did, "two", { waitFor: "deposited" });
      await alice.flush();
    },
  });
  await leftHeld(lost);
  const asked = new Set<string>();
  const nobody: Environment = {
    ...lost.world.environment,
    openDirectory: (options) => {
      asked.add(options.url);
      return intercepting(lost.world.environment, AWAY).openDirectory(options);
    },
  };
  assert.equal((await rescued(lost, fresh.url)).directory, fresh.url);
  const held = await open(lost, nobody);
  await isHeldStill(held, "DIRECTORY_UNREACHABLE");
  assert.deepEqual([...asked].sort(), [fresh.url, lost.world.url, elsewhere.url].sort());
  await held.close();
  await lost.world.stopDirectory();
  await isHeldStill(await open(lost), "BACKUP_OUTDATED");
});

test("a mark that cannot be read holds all the same; only none at all says that an agent is not held", async () => {
  await using lost = await lostMachine();
  await leftHeld(lost);
  for (const nonsense of [null, true, "x", [], {}, { mark: 7, places: "nowhere" }, { mark: { way: "away" }, places: [] }]) {
    changeHeld(lost, nonsense);
    assert.equal((await rescued(lost)).held, true, JSON.stringify(nonsense));
    const held = await open(lost, intercepting(lost.world.environment, AWAY));
    await isHeldStill(held, "DIRECTORY_UNREACHABLE");
    await held.close();
  }
  changeHeld(lost, undefined);
  assert.equal((await rescued(lost)).held, false, "as one of an earlier release");
});

test("metadata.json says that an agent is held, whom it asks and why, and a rescue from a folder without it is not possible", async () => {
  await using lost = await lostMachine();
  await leftHeld(lost);
  const { mark, places } = metadataOf(lost)["held"] as Record<string, Record<string, unknown>>;
  assert.deepEqual([mark?.["way"], mark?.["reason"]], ["restored", "DIRECTORY_UNREACHABLE"]);
  assert.deepEqual(places, { named: lost.world.url, former: [], peers: [], isFormerGone: false });
  assert.deepEqual(await findings(lost), ["RECOVERY_UNCHECKED"]);
  unlinkSync(join(lost.dataDir, "metadata.json"));
  await assert.rejects(rescued(lost), hasCode("RESCUE_NOT_POSSIBLE"));
});
