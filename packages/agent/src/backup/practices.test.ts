import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { DAY_MILLISECONDS, nodeCrypto, toHex } from "@talos/core";
import { AgentWorld, hasCode, ManualClock, TEST_KDF, TEST_PASSWORD } from "@talos/testkit";
import { inspectIn, type TalosClient } from "../talos-client.ts";
import { look } from "../lifecycle/enter-agent.ts";
import type { BackupPlan, BackupPractice, PracticeView } from "./backup-views.ts";
import { makeVault, temporaryFolder } from "../vault/vault-fixture.test.ts";
import type { StoredCopy } from "./copy-places.ts";
import { backupPlan } from "./practices.ts";
import { someIdentity } from "./backup-fixture.test.ts";
import { forgetBackup, recordBackup } from "./records.ts";

const SAFE = "seven ladders under a brass moon";
const OTHER = "copper lantern beside the quiet harbour";

const NOW = 1_900_000_000_000;

function inMemory(): Disposable & { readonly path: string } {
  const path = mkdtempSync("/dev/shm/talos-copies-");
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

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

test("copies are judged by where they are: beside, apart, in memory, not there, or another file in their place", async () => {
  await using here = await place();
  mkdirSync(here.path("stick"));
  const path = [here.path("one"), here.path("stick/two")];
  await here.alice.exportKeys({ path, password: SAFE });
  const both = (): string[] => (["offline-copy", "several-copies"] as const).map((practice) => of(here.alice.backupPlan(), practice).state);
  assert.deepEqual(both(), ["bad", "bad"]);
  // A folder that is not there any more is no medium that was taken away.
  renameSync(here.path("stick"), here.path("drawer"));
  assert.deepEqual(both(), ["unknown", "unknown"]);
  mkdirSync(here.path("stick"));
  assert.deepEqual(both(), ["unknown", "unknown"]);
  writeFileSync(here.path("stick/two"), "a shopping list");
  assert.deepEqual(both(), ["unknown", "unknown"]);
  copyFileSync(here.path("one"), here.path("stick/two"));
  assert.deepEqual(both(), ["bad", "bad"]);
  using vault = await look(here.at.environment, { dataDir: here.at.dataDir("alice") });
  const elsewhere = vault.read((tx) => backupPlan(tx, { dataDir: "/proc", slots: [], crypto: nodeCrypto, now: here.clock.now() }));
  assert.match(of(elsewhere, "offline-copy").detail, /on another file system .* cannot be seen from here/);
  assert.equal(of(elsewhere, "offline-copy").state, "good");
  assert.equal(of(elsewhere, "several-copies").state, "bad");
});

test("a medium that is not attached is told by what it was when the copy was written; two copies on it are in one place", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  using closing = vault;
  const { log } = someIdentity(0);
  closing.transaction((tx) => tx.log.append({ ...log.head, wire: log.events[0] ?? assert.fail() }));
  const judged = (...copies: readonly StoredCopy[]): string[] => {
    const backup = { id: "aa", createdAt: NOW, head: { seq: 0, hash: toHex(log.head.hash) }, slots: 1 };
    closing.transaction((tx) => forgetBackup(tx, "aa"));
    closing.transaction((tx) => recordBackup(tx, backup, copies, [], NOW));
    const plan = closing.read((tx) => backupPlan(tx, { dataDir: folder.dataDir, slots: [], crypto: nodeCrypto, now: NOW }));
    return (["offline-copy", "several-copies"] as const).map((practice) => of(plan, practice).state);
  };
  const stick = { path: join(folder.dataDir, "../stick/one"), medium: "apart:1" };
  assert.deepEqual(judged(stick), ["good", "missing"]);
  assert.deepEqual(judged(stick, { ...stick, path: `${stick.path}-more` }), ["good", "bad"]);
  assert.deepEqual(judged(stick, { path: "/safe/two", medium: "apart:2" }), ["good", "good"]);
  assert.deepEqual(judged({ ...stick, medium: "beside" }, { path: "/safe/two", medium: "memory" }), ["unknown", "unknown"]);
  // Its medium is attached, and it is not on it.
  assert.deepEqual(judged({ path: "/proc/absent", medium: `apart:${statSync("/proc").dev}` }), ["unknown", "missing"]);
});

test("a copy in memory is no copy that outlives the machine", { skip: !existsSync("/dev/shm") }, async () => {
  await using here = await place();
  using memory = inMemory();
  await here.alice.exportKeys({ path: [here.path("one"), join(memory.path, "two")], password: SAFE });
  const plan = here.alice.backupPlan();
  assert.deepEqual([of(plan, "offline-copy").state, of(plan, "several-copies").state], ["bad", "bad"]);
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
  writeFileSync(here.path("other"), "no backup");
  await assert.rejects(alice.verifyBackup({ ...file, path: here.path("other") }));
  assert.match(tested().detail, /BACKUP_WRONG_PASSWORD.*one\.$/, "what is on no record says nothing of those that are");
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
  assert.match(current().detail, /whoever opens one has former keys: [0-9a-f]{16} at .*one\.$/);
  rmSync(here.path("one"));
  alice.forgetBackup(old.id);
  assert.equal(current().state, "good");
  assert.throws(() => alice.forgetBackup(old.id), hasCode("INVALID_ARGUMENT"));
});

test("a backup that is replaced is on record no more", async () => {
  await using here = await place();
  const { alice, clock } = here;
  for (let count = 0; count < 3; count++) {
    await clock.advance(1000);
    await alice.exportKeys({ path: here.path("one"), password: SAFE, force: true });
  }
  assert.equal(alice.status().backups.length, 1);
});

test("where a newer backup lies in the place of an older one, nobody is told to destroy it", async () => {
  await using here = await place();
  const { alice } = here;
  for (const folder of ["a", "b"]) mkdirSync(here.path(folder));
  const old = await alice.exportKeys({ path: [here.path("a/one"), here.path("b/one")], password: SAFE });
  await alice.rotateIdentity();
  await alice.exportKeys({ path: here.path("a/one"), password: SAFE, force: true });
  // As the hint for copies says.
  copyFileSync(here.path("a/one"), here.path("b/one"));
  const plan = alice.backupPlan();
  const { copies, state } = plan.backups.find(({ id }) => id === old.id) ?? assert.fail("it is on record still");
  assert.deepEqual([state, copies], ["dangerous", [{ path: here.path("b/one"), state: "replaced" }]]);
  const { detail } = of(plan, "current");
  assert.match(detail, new RegExp(`${old.id} 1 of its copies not where it was written`));
  assert.ok(!detail.includes(here.path("b/one")), "the good one is not named as one to destroy");
});

test("failure 38: two media that take turns at one path: what was written to the first stays on record, and is dangerous once the identity moves on", async () => {
  await using here = await place();
  const { alice } = here;
  for (const folder of ["stick-1", "stick-2"]) mkdirSync(here.path(folder));
  const path = here.path("media");
  symlinkSync(here.path("stick-1"), path);
  const mounted = join(here.path("mount"), "one");
  mkdirSync(here.path("mount"));
  const first = await alice.exportKeys({ path: mounted, password: SAFE });
  renameSync(mounted, here.path("stick-1/one"));
  await alice.exportKeys({ path: mounted, password: SAFE });
  assert.equal(alice.status().backups.length, 2, "nothing was replaced");
  // However a folder is reached, it is one place.
  const third = await alice.exportKeys({ path: join(path, "two"), password: SAFE });
  assert.deepEqual(third.paths, [here.path("stick-1/two")]);
  await alice.rotateIdentity();
  await alice.exportKeys({ path: mounted, password: SAFE, force: true });
  const dangerous = alice.status().backups.filter(({ state }) => state === "dangerous");
  assert.deepEqual(dangerous.map(({ id }) => id).sort(), [first.id, third.id].sort(), "the one that was replaced is none any more");
});

test("what was moved away while a password was asked for was not replaced, and stays on record", async () => {
  await using here = await place();
  const { alice } = here;
  const path = here.path("one");
  const old = await alice.exportKeys({ path, password: SAFE });
  const moveAway = (): string => {
    renameSync(path, here.path("elsewhere"));
    return SAFE;
  };
  const { id } = await alice.exportKeys({ path, password: moveAway, force: true });
  const places = alice.backupPlan().backups.map((backup) => [backup.id, backup.copies.map(({ state }) => state)]);
  assert.deepEqual(places, [
    [id, ["beside"]],
    [old.id, ["replaced"]],
  ]);
});

test("a backup from a clock that was ahead has no known age, and hides none that is made after it", async () => {
  await using here = await place();
  const { alice, clock } = here;
  await clock.advance(400 * DAY_MILLISECONDS);
  const { id } = await alice.exportKeys({ path: here.path("ahead"), password: SAFE });
  clock.set(clock.now() - 400 * DAY_MILLISECONDS);
  const current = (): PracticeView => of(alice.backupPlan(), "current");
  assert.equal(current().state, "unknown");
  assert.match(current().detail, /clock that was ahead/);
  await alice.exportKeys({ path: here.path("now"), password: SAFE });
  assert.equal(current().state, "good");
  await clock.advance(100 * DAY_MILLISECONDS);
  assert.equal(current().state, "bad", "the newest is the one that was made last, and it is old");
  assert.deepEqual(alice.status().backups.at(-1)?.id, id);
});

test("a password of the data directory that is newer than the backup leaves a question; a kit that was proved leaves none", async () => {
  await using here = await place();
  const { alice, clock } = here;
  const made = await alice.exportKeys({ path: here.path("one"), password: SAFE });
  await clock.advance(1000);
  await alice.changePassword({ currentPassword: TEST_PASSWORD, newPassword: SAFE });
  const other = (): PracticeView => of(alice.backupPlan(), "other-password");
  assert.equal(other().state, "unknown");
  await clock.advance(1000);
  const { id } = await alice.exportKeys({ path: here.path("newer"), password: OTHER });
  assert.equal(other().state, "unknown", "the older one counts too, and opens with the password of the data directory");
  assert.ok(!other().detail.includes(id) && other().detail.includes(made.id));
  await assert.rejects(alice.exportKeys({ path: here.path("two"), password: SAFE }), hasCode("BACKUP_PASSWORD_REUSED"));
  const recoveryKit = { path: here.path("kit.txt"), password: OTHER };
  await alice.recoveryKit.create(recoveryKit);
  assert.equal(of(alice.backupPlan(), "recovery-kit").state, "unknown");
  await alice.recoveryKit.check(recoveryKit);
  assert.equal(of(alice.backupPlan(), "recovery-kit").state, "good");
});
