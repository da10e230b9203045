import assert from "node:assert/strict";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { DAY_MILLISECONDS } from "@talos/core";
import { AgentWorld, hasCode, ManualClock, TEST_KDF, until } from "@talos/testkit";
import type { BackupDrilled } from "../agent-events.ts";
import type { TalosClient } from "../talos-client.ts";
import { makeVault, temporaryFolder } from "../vault/vault-fixture.test.ts";
import type { BackupCheck } from "./backup-views.ts";
import { recordBackup, recordCheck, recordFailure } from "./records.ts";
import { drillDueAt } from "./scheduled-drill.ts";

const SAFE = "seven ladders under a brass moon";
const NOW = 1_900_000_000_000;

test("a restoration is due by the record: never tried, tried long ago, failed a day ago, or written anew since", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  using closing = vault;
  const path = "/media/stick/keys.enc";
  const backup = (id: string, createdAt: number): BackupCheck =>
    ({ id, createdAt, head: { seq: 0, hash: "00".repeat(32) }, slots: 1, verdict: "good", ageDays: 0 }) as BackupCheck;
  const due = (now: number, everyDays?: number): number =>
    closing.read((tx) => drillDueAt(tx, { path, password: SAFE, ...(everyDays === undefined ? {} : { everyDays }) }, now) - NOW) /
    DAY_MILLISECONDS;
  const write = (id: string, now: number): void => closing.transaction((tx) => recordBackup(tx, backup(id, now), [{ path }], [], now));
  assert.equal(due(NOW), 0, "of what is on no record");
  write("aa", NOW);
  assert.equal(due(NOW), 0);
  closing.transaction((tx) => recordCheck(tx, backup("aa", NOW), { path }, NOW));
  assert.deepEqual([due(NOW), due(NOW, 7), due(NOW + 8 * DAY_MILLISECONDS, 7)], [30, 7, 8]);
  closing.transaction((tx) => recordFailure(tx, path, "FILE_NOT_FOUND", NOW + 2 * DAY_MILLISECONDS));
  assert.equal(due(NOW + 2 * DAY_MILLISECONDS), 3);
  closing.transaction((tx) => recordFailure(tx, "/elsewhere", "BACKUP_DAMAGED", NOW + 2 * DAY_MILLISECONDS));
  assert.equal(due(NOW + 2 * DAY_MILLISECONDS), 3, "another file's failure is its own");
  write("bb", NOW + 2.5 * DAY_MILLISECONDS);
  assert.equal(due(NOW + 2.5 * DAY_MILLISECONDS), 2.5);
  closing.transaction((tx) => recordFailure(tx, path, "BACKUP_DAMAGED", NOW + 900 * DAY_MILLISECONDS));
  assert.equal(due(NOW + 4 * DAY_MILLISECONDS), 4, "a record from a clock that was far ahead holds up nothing");
});

interface Place extends AsyncDisposable {
  readonly alice: TalosClient;
  readonly clock: ManualClock;
  readonly heard: BackupDrilled[];
  path(name: string): string;
}

async function place(): Promise<Place> {
  const clock = new ManualClock();
  const at = await AgentWorld.start({ environment: { backupKdf: TEST_KDF, clock } });
  const alice = await at.create("alice");
  const heard: BackupDrilled[] = [];
  alice.on("backupDrill", (drilled) => heard.push(drilled));
  return { alice, clock, heard, path: (name) => join(at.folder, name), [Symbol.asyncDispose]: async () => await at[Symbol.asyncDispose]() };
}

test("maintenance tries the backup it is told, by itself, and says what came of it; a failure stops nothing", async () => {
  await using here = await place();
  const { alice, clock, heard } = here;
  const path = here.path("keys.enc");
  const stop = alice.startMaintenance({ backupDrill: { path, password: SAFE } });
  await until(() => heard.length === 1, "a backup that is not there is told");
  assert.deepEqual([heard[0]?.result, heard[0]?.path], ["FILE_NOT_FOUND", path]);
  assert.equal(alice.status().backupDrill?.result, "FILE_NOT_FOUND");
  const rounds = await alice.maintain();
  assert.deepEqual(
    rounds.due.filter(({ kind }) => kind === "backup-drill"),
    [],
    "it is tried again in its own time",
  );
  await alice.exportKeys({ path, password: SAFE });
  await clock.advance(2 * 3_600_000);
  await until(() => heard.length === 2, "a backup that was written since is tried");
  assert.deepEqual([heard[1]?.result, alice.status().backups[0]?.verifyResult], ["good", "good"]);
  await clock.advance(29 * DAY_MILLISECONDS);
  assert.equal(heard.length, 2);
  await clock.advance(2 * DAY_MILLISECONDS);
  await until(() => heard.length === 3, "a month later it is tried again");
  writeFileSync(path, "damaged");
  await clock.advance(31 * DAY_MILLISECONDS);
  await until(() => heard.length >= 4, "damage is told");
  assert.deepEqual([heard.at(-1)?.result, alice.status().backups[0]?.verifyResult], ["BACKUP_DAMAGED", "BACKUP_DAMAGED"]);
  const damaged = heard.length;
  await clock.advance(1.1 * DAY_MILLISECONDS);
  await until(() => heard.length > damaged, "and is tried again the day after");
  stop();
  const last = heard.length;
  await clock.advance(40 * DAY_MILLISECONDS);
  assert.equal(heard.length, last);
  assert.deepEqual((await alice.maintain()).due, []);
});

test("what is left of a drill that could be made stands in the report of a round, and the next one goes on", async () => {
  await using here = await place();
  const { alice, clock } = here;
  const path = here.path("keys.enc");
  const backupDrill = { path, password: SAFE, everyDays: 1 };
  await alice.exportKeys({ path, password: SAFE });
  const stop = alice.startMaintenance({ backupDrill });
  await until(() => alice.status().backupDrill !== undefined, "it was tried");
  await alice.rotateIdentity();
  renameSync(path, `${path}.away`);
  await clock.advance(1.1 * DAY_MILLISECONDS);
  await until(() => alice.status().backupDrill?.result === "FILE_NOT_FOUND", "its absence is noticed");
  renameSync(`${path}.away`, path);
  await clock.advance(1.1 * DAY_MILLISECONDS);
  await until(() => alice.status().backupDrill?.result === "dangerous", "it counts no more");
  stop();
});

test("options of maintenance are checked", async () => {
  await using here = await place();
  const start = (options: unknown) => (): void => void here.alice.startMaintenance(options as never);
  assert.throws(start({ drill: {} }), hasCode("UNKNOWN_OPTION"));
  assert.throws(start({ backupDrill: { path: "x" } }), hasCode("INVALID_ARGUMENT"));
  assert.throws(start({ backupDrill: { path: "x", password: SAFE, everyDays: 0 } }), hasCode("INVALID_ARGUMENT"));
  assert.throws(start({ backupDrill: { path: "x", password: SAFE, days: 3 } }), hasCode("UNKNOWN_OPTION"));
});
