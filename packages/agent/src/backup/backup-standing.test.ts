import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { type ErrorCode, isTalosError, type LogHead, nodeCrypto, SecretBytes, talosError } from "@talos/core";
import { AgentWorld, hasCode, intercepting, TEST_KDF, until } from "@talos/testkit";
import { type Branch, inceptionOf, logOfBranch, recovered, rotated } from "../../../testkit/src/vectors/branch.ts";
import { type TalosClient, verifyBackupIn } from "../talos-client.ts";
import { someContent, someIdentity } from "./backup-fixture.test.ts";
import { judgeBackup, knownByDirectory, type KnownLog, verdictOn } from "./backup-standing.ts";
import type { BackupPractice, PracticeView } from "./backup-views.ts";
import { sealBackup } from "./seal-backup.ts";
import { verifyBackupFile } from "./verify-backup.ts";

const SAFE = "seven ladders under a brass moon";
const KIT = "marble falcon ribbon tundra";

function head(seq: number, byte: number = seq): LogHead {
  return { seq, hash: new Uint8Array(32).fill(byte) };
}

function known(standing: readonly LogHead[], changes: Partial<KnownLog> = {}): KnownLog {
  return { from: "agent", standing, isCutOff: () => false, doubt: undefined, ...changes };
}

function practice(client: TalosClient, name: BackupPractice): PracticeView {
  return client.backupPlan().practices.find((one) => one.practice === name) ?? assert.fail();
}

function stateOf(client: TalosClient, id: string): string | undefined {
  return client.status().backups.find((one) => one.id === id)?.state;
}

test("a backup is judged by where its branch and the log part, and by who knows of more", () => {
  const log = [head(0), head(1), head(2)];
  const cases: readonly (readonly [readonly LogHead[], KnownLog, string, number, number])[] = [
    [log, known(log), "current", 0, 0],
    [log, known(log, { doubt: "identity-moved" }), "unsettled", 0, 0],
    [log.slice(0, 2), known(log), "dangerous", 1, 0],
    [log.slice(0, 2), known(log, { doubt: "change-under-way" }), "dangerous", 1, 0],
    [log, known(log.slice(0, 1)), "ahead", 0, 2],
    [[head(0), head(1, 9)], known(log), "other-branch", 2, 1],
    [[head(0), head(1, 9), head(2, 8)], known(log.slice(0, 2)), "other-branch", 1, 2],
    [[head(0), head(1, 9)], known(log, { isCutOff: ({ seq }) => seq === 1 }), "dangerous", 2, 1],
    [[head(2)], known(log.slice(0, 1)), "ahead", 0, 1],
    [[head(1, 9)], known(log), "other-branch", 2, 1],
  ];
  for (const [branch, log_, state, eventsBehind, eventsAhead] of cases)
    assert.deepEqual(judgeBackup(branch, log_), { state, eventsBehind, eventsAhead });
});

test("what one log proves is not taken back by another, and a key that was not proved is said where nothing worse is", () => {
  const { log } = someIdentity(1);
  const [first, second] = log.states.map((state) => state.head);
  const [old, same] = [known([first ?? assert.fail()]), known(log.states.map((state) => state.head))];
  const newer = known([...same.standing, head(2)], { from: "directory" });
  const verdict = (logs: readonly KnownLog[], isProved: boolean = true): unknown[] => {
    const judged = verdictOn(log, logs, isProved);
    return [judged.verdict, judged.comparedWith];
  };
  assert.deepEqual(verdict([]), ["good", "nothing"]);
  assert.deepEqual(verdict([], false), ["incomplete", "nothing"]);
  assert.deepEqual(verdict([same]), ["good", "agent"]);
  assert.deepEqual(verdict([same], false), ["incomplete", "agent"]);
  assert.deepEqual(verdict([same, old]), ["ahead", "agent"]);
  assert.deepEqual(verdict([old, newer], false), ["dangerous", "directory"]);
  assert.equal(second?.seq, 1);
});

test("a directory's log that has cut off the backup's branch makes it dangerous; one that is behind it does not", () => {
  const start = inceptionOf("alice");
  const [stolen, saved, contending] = [rotated(start, "theft"), recovered(start, "saved"), rotated(start, "another")];
  const against = (own: Branch, there: Branch): unknown => {
    const log = logOfBranch(own);
    const branch = log.states.map((state) => state.head);
    const { state, eventsBehind, eventsAhead } = judgeBackup(branch, knownByDirectory(log, logOfBranch(there), nodeCrypto, 0));
    return [state, eventsBehind, eventsAhead];
  };
  assert.deepEqual(against(stolen, saved), ["dangerous", 1, 1]);
  assert.deepEqual(against(stolen, contending), ["other-branch", 1, 1]);
  assert.deepEqual(against(saved, stolen), ["other-branch", 1, 1]);
  assert.deepEqual(against(stolen, start), ["ahead", 0, 1]);
  assert.deepEqual(against(start, stolen), ["dangerous", 1, 0]);
});

test("a data directory that was put back is behind its own backup: it is kept, and called what it is", async () => {
  await using at = await AgentWorld.start({ environment: { backupKdf: TEST_KDF } });
  const path = join(at.folder, "newer");
  const first = await at.create("alice");
  await first.close();
  at.copyDataDir("alice", "old");
  const newer = await at.open("alice");
  await newer.rotateIdentity();
  const { id } = await newer.exportKeys({ path, password: SAFE });
  await newer.close();
  await at.stopDirectory();
  const old = await at.open("old");
  const file = { path, password: SAFE };
  const check = await old.verifyBackup(file);
  assert.deepEqual([check.verdict, check.eventsBehind, check.eventsAhead], ["ahead", 0, 1]);
  assert.deepEqual((await verifyBackupIn(at.environment, { ...file, dataDir: at.dataDir("old") })).verdict, "ahead");
  assert.deepEqual([stateOf(old, id), old.status().backups[0]?.verifyResult], ["ahead", "ahead"]);
  const { state, detail, hint } = practice(old, "current");
  assert.equal(state, "bad");
  assert.match(`${detail} ${hint ?? ""}`, /older than backups on record.*Keep them/);
  assert.doesNotMatch(`${detail} ${hint ?? ""}`, /[Dd]estroy/);
  // A job that writes every night must not replace it.
  await assert.rejects(old.exportKeys({ ...file, force: true }), (error) => hasReason(error, "BACKUP_EXISTS", "newer"));
  await at.startDirectory();
  assert.equal((await verifyBackupIn(at.environment, { ...file, directory: at.url })).verdict, "good");
});

test("an agent that knows of an event that it does not follow calls no backup of its own good, and makes no more of them", async () => {
  await using at = await AgentWorld.start({ environment: { backupKdf: TEST_KDF } });
  const path = join(at.folder, "one");
  const alice = await at.create("alice");
  await until(() => alice.status().publication === "published", "it is known");
  const { id } = await alice.exportKeys({ path, password: SAFE });
  await alice.close();
  at.copyDataDir("alice", "other");
  const other = await at.open("other");
  await other.rotateIdentity();
  const again = await at.open("alice");
  await until(() => again.status().identityMoved !== undefined, "it has seen the event");
  const file = { path, password: SAFE };
  assert.equal((await again.verifyBackup(file)).verdict, "unsettled");
  assert.equal((await verifyBackupIn(at.environment, { ...file, dataDir: at.dataDir("alice") })).verdict, "unsettled");
  assert.equal((await verifyBackupIn(at.environment, { ...file, directory: at.url })).verdict, "dangerous");
  assert.equal(stateOf(again, id), "unsettled");
  const { state, detail } = practice(again, "current");
  assert.equal(state, "unknown");
  assert.match(detail, /did not make/);
  const password = (): never => assert.fail("a password was asked for");
  await assert.rejects(again.exportKeys({ path: join(at.folder, "two"), password }), hasCode("IDENTITY_MOVED"));
  await other.exportKeys({ path: join(at.folder, "two"), password: SAFE });
  assert.equal((await again.verifyBackup({ ...file, path: join(at.folder, "two") })).verdict, "ahead");
});

test("a copy that another one has superseded at the same event may make a backup", async () => {
  await using at = await AgentWorld.start({ environment: { backupKdf: TEST_KDF } });
  const alice = await at.create("alice");
  await until(() => alice.status().publication === "published", "it is known");
  await alice.close();
  at.copyDataDir("alice", "copy");
  const copy = await at.open("copy");
  await until(() => copy.status().publication === "published", "it is the newer one");
  const again = await at.open("alice");
  await until(() => again.superseded || copy.superseded, "one of them is superseded");
  const superseded = again.superseded ? again : copy;
  const { id } = await superseded.exportKeys({ path: join(at.folder, "one"), password: SAFE });
  assert.equal(stateOf(superseded, id), "current");
});

test("while an event of its own may stand already an agent makes no backup, and one from before is not called good", async () => {
  await using at = await AgentWorld.start({ environment: { backupKdf: TEST_KDF } });
  let isCut = false;
  const eventsPublished = (): void => {
    if (isCut) throw talosError("DIRECTORY_UNREACHABLE");
  };
  const environment = intercepting(at.environment, { eventsPublished });
  const alice = await at.create("alice", {}, environment);
  await until(() => alice.status().publication === "published", "it is known");
  const { id } = await alice.exportKeys({ path: join(at.folder, "one"), password: SAFE });
  isCut = true;
  await assert.rejects(alice.rotateIdentity(), hasCode("DIRECTORY_UNREACHABLE"));
  assert.equal(stateOf(alice, id), "unsettled");
  assert.equal((await alice.verifyBackup({ path: join(at.folder, "one"), password: SAFE })).verdict, "unsettled");
  await assert.rejects(alice.exportKeys({ path: join(at.folder, "two"), password: SAFE }), hasCode("PLAN_BLOCKED"));
  isCut = false;
  await alice.rotateIdentity();
  assert.equal(stateOf(alice, id), "dangerous");
  assert.equal((await alice.exportKeys({ path: join(at.folder, "two"), password: SAFE })).head.seq, 1);
});

test("a backup can be made right after an emergency, whatever its certificates have come to", async () => {
  await using at = await AgentWorld.start({ environment: { backupKdf: TEST_KDF } });
  const recoveryKit = { path: join(at.folder, "kit.txt"), password: KIT };
  const alice = await at.create("alice", { recoveryKit });
  await until(() => alice.status().publication === "published", "it is known");
  for (const [seq, options] of [{}, { recoveryKit }].entries()) {
    await alice.emergencyRotate(options);
    const path = join(at.folder, `after-${seq}`);
    assert.equal((await alice.exportKeys({ path, password: SAFE })).head.seq, seq + 1);
    assert.equal((await alice.verifyBackup({ path, password: SAFE })).verdict, "good");
  }
});

test("a backup of another agent is not replaced", async () => {
  await using at = await AgentWorld.start({ environment: { backupKdf: TEST_KDF } });
  const [alice, bob] = [await at.create("alice"), await at.create("bob")];
  const path = join(at.folder, "one");
  await alice.exportKeys({ path, password: SAFE });
  const before = readFileSync(path);
  await assert.rejects(bob.exportKeys({ path, password: SAFE, force: true }), (error) => hasReason(error, "BACKUP_EXISTS", "other-agent"));
  assert.deepEqual(readFileSync(path), before);
  await alice.exportKeys({ path, password: SAFE, force: true });
});

test("what is damaged in the data directory is told as that, not as a damaged backup", async () => {
  for (const [sql, code] of [
    ["DELETE FROM audit WHERE ord = 2", "AUDIT_INVALID"],
    ["UPDATE own_certificate SET wire = x'00'", "VAULT_CORRUPT"],
  ] as const) {
    await using at = await AgentWorld.start({ environment: { backupKdf: TEST_KDF } });
    const alice = await at.create("alice");
    const path = join(at.folder, "one");
    using database = new DatabaseSync(join(at.dataDir("alice"), "state.db"));
    database.exec(sql);
    await assert.rejects(alice.exportKeys({ path, password: SAFE }), hasCode(code), sql);
    assert.equal(existsSync(path), false);
  }
});

test("a backup of which no key could be proved is incomplete", async () => {
  using content = someContent();
  const keys = content.keys.map((key) => ({ ...key, secret: undefined, backend: "hsm" as const, protection: "hardware" as const }));
  await using at = await AgentWorld.start();
  const path = join(at.folder, "one");
  using password = SecretBytes.fromUtf8(SAFE);
  writeFileSync(path, sealBackup({ ...content, keys }, [password], TEST_KDF, nodeCrypto));
  const check = await verifyBackupFile(
    { path, password: SAFE },
    { crypto: nodeCrypto, now: content.createdAt, compareWith: async () => [] },
  );
  assert.deepEqual([check.verdict, check.keys.map(({ proved }) => proved)], ["incomplete", [false, false, false]]);
});

function hasReason(error: unknown, code: ErrorCode, reason: string): boolean {
  return isTalosError(error) && error.code === code && error.details["reason"] === reason;
}

test("a backup that has another history of the identity is not replaced either, whichever of the two has more events", async () => {
  await using at = await AgentWorld.start({ environment: { backupKdf: TEST_KDF } });
  const file = { path: join(at.folder, "one"), password: SAFE };
  const alice = await at.create("alice");
  await alice.close();
  at.copyDataDir("alice", "other");
  await at.stopDirectory();
  const owner = await at.open("alice");
  await owner.rotateIdentity({ offline: true });
  await owner.exportKeys(file);
  await owner.close();
  const other = await at.open("other");
  for (let rotations = 1; rotations <= 2; rotations++) {
    await other.rotateIdentity({ offline: true });
    assert.equal((await other.verifyBackup(file)).verdict, "other-branch");
    await assert.rejects(other.exportKeys({ ...file, force: true }), (error) => hasReason(error, "BACKUP_EXISTS", "other-branch"));
  }
});
