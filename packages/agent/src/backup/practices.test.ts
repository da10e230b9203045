import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { DAY_MILLISECONDS, nodeCrypto } from "@talos/core";
import { AgentWorld, hasCode, ManualClock, TEST_KDF, TEST_PASSWORD } from "@talos/testkit";
import { inspectIn, type TalosClient } from "../talos-client.ts";
import { look } from "../lifecycle/enter-agent.ts";
import type { BackupPlan, BackupPractice, PracticeView } from "./backup-views.ts";
import { backupPlan } from "./practices.ts";

const SAFE = "seven ladders under a brass moon";
const OTHER = "copper lantern beside the quiet harbour";

interface Place extends AsyncDisposable {
  readonly at: AgentWorld;
  readonly alice: TalosClient;
  readonly clock: ManualClock;
  path(name: string): string;
}

async function place(): Promise<Place> {
  const clock = new ManualClock();
  const at = await AgentWorld.start({ environment: { backupKdf: TEST_KDF, clock } });
  const alice = await at.create("alice");
  return { at, alice, clock, path: (name) => join(at.folder, name), [Symbol.asyncDispose]: async () => await at[Symbol.asyncDispose]() };
}

function states({ practices }: BackupPlan): string {
  return practices.map(({ practice, state }) => `${practice} ${state}`).join(", ");
}

function of({ practices }: BackupPlan, practice: BackupPractice): PracticeView {
  return practices.find((one) => one.practice === practice) ?? assert.fail();
}

test("without a backup every practice is missing, and says what to do", async () => {
  await using here = await place();
  const plan = here.alice.backupPlan();
  assert.equal(
    states(plan),
    "other-password missing, offline-copy missing, several-copies missing, tested-restoration missing, current missing, recovery-kit missing",
  );
  assert.ok(plan.practices.every(({ hint }) => hint?.startsWith("talos ") === true));
  assert.deepEqual(plan.backups, []);
});

test("one copy beside the data directory, untried: what is good of it and what is not, seen by whoever only looks too", async () => {
  await using here = await place();
  await here.alice.exportKeys({ path: here.path("one"), password: SAFE });
  const plan = here.alice.backupPlan();
  assert.equal(
    states(plan),
    "other-password good, offline-copy bad, several-copies missing, tested-restoration missing, current good, recovery-kit missing",
  );
  await using inspection = await inspectIn(here.at.environment, { dataDir: here.at.dataDir("alice") });
  assert.deepEqual(inspection.backupPlan(), plan);
  assert.deepEqual(
    plan.backups.map(({ paths }) => paths),
    [[here.path("one")]],
  );
});

test("copies are judged by where they are: apart, away, not there, or another file in their place", async () => {
  await using here = await place();
  mkdirSync(here.path("stick"));
  const path = [here.path("one"), here.path("stick/two")];
  await here.alice.exportKeys({ path, password: SAFE });
  const offline = (): string => of(here.alice.backupPlan(), "offline-copy").state;
  const several = (): string => of(here.alice.backupPlan(), "several-copies").state;
  assert.deepEqual([offline(), several()], ["bad", "bad"]);
  renameSync(here.path("stick"), here.path("drawer"));
  assert.deepEqual([offline(), several()], ["good", "good"]);
  mkdirSync(here.path("stick"));
  assert.deepEqual([offline(), several()], ["unknown", "unknown"]);
  writeFileSync(here.path("stick/two"), "a shopping list");
  assert.deepEqual([offline(), several()], ["unknown", "unknown"]);
  copyFileSync(here.path("one"), here.path("stick/two"));
  assert.deepEqual([offline(), several()], ["bad", "bad"]);
  using vault = await look(here.at.environment, { dataDir: here.at.dataDir("alice") });
  const elsewhere = vault.read((tx) => backupPlan(tx, { dataDir: "/dev", slots: [], crypto: nodeCrypto, now: here.clock.now() }));
  assert.match(of(elsewhere, "offline-copy").detail, /on another file system .* cannot be seen from here/);
  assert.equal(of(elsewhere, "offline-copy").state, "good");
});

test("a restoration that was tried counts for a time, and one that failed is told with its reason", async () => {
  await using here = await place();
  const { alice, clock } = here;
  const file = { path: here.path("one"), password: SAFE };
  const tested = (): PracticeView => of(alice.backupPlan(), "tested-restoration");
  await alice.exportKeys(file);
  await alice.verifyBackup(file);
  assert.equal(tested().state, "good");
  await assert.rejects(alice.verifyBackup({ ...file, password: OTHER }));
  assert.equal(tested().state, "good", "at the same time as the good one");
  await clock.advance(1000);
  await assert.rejects(alice.verifyBackup({ ...file, password: OTHER }));
  assert.equal(tested().state, "bad");
  assert.match(tested().detail, /BACKUP_WRONG_PASSWORD/);
  await alice.verifyBackup(file);
  await clock.advance(91 * DAY_MILLISECONDS);
  assert.deepEqual([tested().state, of(alice.backupPlan(), "current").state], ["bad", "bad"]);
  writeFileSync(file.path, "no backup");
  await assert.rejects(alice.verifyBackup(file));
  assert.match(tested().detail, /BACKUP_DAMAGED/);
});

test("after a rotation what was made before is dangerous until it is destroyed and taken off the record", async () => {
  await using here = await place();
  const { alice } = here;
  const old = await alice.exportKeys({ path: here.path("one"), password: SAFE });
  await alice.rotateIdentity();
  const current = (): PracticeView => of(alice.backupPlan(), "current");
  assert.equal(current().state, "bad");
  assert.match(current().detail, /count no more: .*one\.$/);
  assert.equal(of(alice.backupPlan(), "other-password").state, "missing");
  await here.clock.advance(1000);
  await alice.exportKeys({ path: here.path("two"), password: SAFE });
  assert.deepEqual(
    alice.status().backups.map(({ state, seq }) => [state, seq]),
    [
      ["current", 1],
      ["dangerous", 0],
    ],
  );
  assert.match(current().detail, /whoever opens one has former keys: .*one\.$/);
  rmSync(here.path("one"));
  alice.forgetBackup(old.id);
  assert.equal(current().state, "good");
  assert.throws(() => alice.forgetBackup(old.id), hasCode("INVALID_ARGUMENT"));
});

test("a backup that is replaced is on record no more, and of many the newest stay", async () => {
  await using here = await place();
  const { alice, clock } = here;
  const path = here.path("one");
  for (let count = 0; count < 3; count++) {
    await clock.advance(1000);
    await alice.exportKeys({ path, password: SAFE, force: true });
  }
  assert.equal(alice.status().backups.length, 1);
  for (let count = 0; count < 17; count++) {
    await clock.advance(1000);
    await alice.exportKeys({ path: here.path(`many-${count}`), password: SAFE });
  }
  const { backups } = alice.status();
  assert.deepEqual([backups.length, backups[0]?.paths, backups[15]?.paths], [16, [here.path("many-16")], [here.path("many-1")]]);
});

test("a password of the data directory that is newer than the backup leaves a question; a kit that was proved leaves none", async () => {
  await using here = await place();
  const { alice, clock } = here;
  await alice.exportKeys({ path: here.path("one"), password: SAFE });
  await clock.advance(1000);
  await alice.changePassword({ currentPassword: TEST_PASSWORD, newPassword: SAFE });
  assert.equal(of(alice.backupPlan(), "other-password").state, "unknown");
  await assert.rejects(alice.exportKeys({ path: here.path("two"), password: SAFE }), hasCode("BACKUP_PASSWORD_REUSED"));
  const recoveryKit = { path: here.path("kit.txt"), password: OTHER };
  await alice.recoveryKit.create(recoveryKit);
  assert.equal(of(alice.backupPlan(), "recovery-kit").state, "unknown");
  await alice.recoveryKit.check(recoveryKit);
  assert.equal(of(alice.backupPlan(), "recovery-kit").state, "good");
});
