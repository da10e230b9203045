import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { test } from "node:test";
import { DAY_MILLISECONDS, nodeCrypto, SecretBytes } from "@talos/core";
import { AgentWorld, hasCode, ManualClock, snapshotFolder, TEST_KDF } from "@talos/testkit";
import { inspectIn, verifyBackupIn } from "../talos-client.ts";
import { readHolder } from "../vault/lock.ts";
import { drillPlaces } from "./drill-folder.ts";
import { readBackupFile } from "./backup-file.ts";
import { openBackup, sealBackup } from "./seal-backup.ts";

const SAFE = "seven ladders under a brass moon";
const OTHER = "copper lantern beside the quiet harbour";

async function world(clock?: ManualClock): Promise<AgentWorld> {
  return await AgentWorld.start({ environment: { backupKdf: TEST_KDF, ...(clock === undefined ? {} : { clock }) } });
}

/** The same backup, with something else in it. */
function resealed(path: string, change: (keys: SecretBytes[]) => SecretBytes[]): Uint8Array {
  using password = SecretBytes.fromUtf8(SAFE);
  using opened = openBackup(readBackupFile(path), password, nodeCrypto);
  const secrets = change(opened.content.keys.map(({ secret }) => secret ?? assert.fail()));
  const keys = opened.content.keys.map((key, index) => ({ ...key, secret: secrets[index] }));
  return sealBackup({ ...opened.content, keys }, [password], TEST_KDF, nodeCrypto);
}

/** Of this process. */
function drillsLeft(): string[] {
  const folders = drillPlaces().flatMap((place) => readdirSync(place).map((name) => join(place, name)));
  return folders.filter((path) => basename(path).startsWith("talos-drill-") && readHolder(path)?.pid === process.pid);
}

test("a backup is good by the agent's own log, and dangerous from its next event on; status and audit say so", async () => {
  const clock = new ManualClock();
  await using at = await world(clock);
  const alice = await at.create("alice");
  const path = join(at.folder, "keys.enc");
  const made = await alice.exportKeys({ path, password: [OTHER, SAFE] });
  assert.deepEqual(
    alice.status().backups.map(({ id, state, seq, paths, verifiedAt }) => ({ id, state, seq, paths, verifiedAt })),
    [{ id: made.id, state: "current", seq: 0, paths: [path], verifiedAt: undefined }],
  );
  await clock.advance(3 * DAY_MILLISECONDS);
  const before = readFileSync(path);
  const check = await alice.verifyBackup({ path, password: SAFE });
  assert.deepEqual(readFileSync(path), before);
  const { keys, ...facts } = check;
  assert.deepEqual(facts, {
    id: made.id,
    did: alice.did,
    name: "alice",
    createdAt: made.createdAt,
    ageDays: 3,
    head: made.head,
    bytes: made.bytes,
    slot: 2,
    slots: 2,
    verdict: "good",
    comparedWith: "agent",
    eventsBehind: 0,
    eventsAhead: 0,
    peers: 0,
    auditEntries: made.auditEntries,
    leftOut: { peers: 0 },
  });
  assert.ok(keys.length === 3 && keys.every(({ proved }) => proved));
  assert.deepEqual(alice.status().backups[0]?.verifyResult, "good");
  await alice.rotateIdentity();
  const [stale] = alice.status().backups;
  assert.deepEqual([stale?.state, stale?.verifyResult], ["dangerous", "good"]);
  const again = await alice.verifyBackup({ path, password: OTHER });
  assert.deepEqual([again.verdict, again.eventsBehind, again.slot], ["dangerous", 1, 1]);
  const { backups, backupDrill } = alice.status();
  assert.deepEqual([backups[0]?.verifyResult, backupDrill?.result, backupDrill?.path], ["dangerous", "dangerous", path]);
  const entries = alice.audit.list().filter(({ kind }) => kind === "backup-verified");
  assert.deepEqual(
    entries.map(({ details }) => details),
    [
      { result: "good", seq: 0, ageDays: 3 },
      { result: "dangerous", seq: 0, ageDays: 3 },
    ],
  );
  assert.deepEqual(drillsLeft(), []);
});

test("without an agent it is compared with the data directory, beside a running agent and without a password, or with a directory, or with nothing", async () => {
  await using at = await world();
  const alice = await at.create("alice");
  await at.create("bob");
  const path = join(at.folder, "keys.enc");
  await alice.exportKeys({ path, password: SAFE });
  const file = { path, password: SAFE };
  const nothing = await verifyBackupIn(at.environment, file);
  assert.deepEqual([nothing.verdict, nothing.comparedWith, nothing.eventsBehind], ["good", "nothing", undefined]);
  const cases = [
    [{ dataDir: at.dataDir("alice") }, "data-directory"],
    [{ directory: at.url }, "directory"],
    [{ dataDir: at.dataDir("alice"), directory: at.url }, "data-directory"],
  ] as const;
  for (const [where, comparedWith] of cases) {
    const { verdict, eventsBehind, ...check } = await verifyBackupIn(at.environment, { ...file, ...where });
    assert.deepEqual([verdict, eventsBehind, check.comparedWith], ["good", 0, comparedWith]);
  }
  await alice.rotateIdentity();
  for (const [where] of cases) {
    const { verdict, eventsBehind } = await verifyBackupIn(at.environment, { ...file, ...where });
    assert.deepEqual([verdict, eventsBehind], ["dangerous", 1]);
  }
  await assert.rejects(verifyBackupIn(at.environment, { ...file, dataDir: at.dataDir("bob") }), hasCode("BACKUP_FOREIGN"));
  await assert.rejects(verifyBackupIn(at.environment, { ...file, dataDir: at.dataDir("nobody") }), hasCode("VAULT_NOT_FOUND"));
  await at.stopDirectory();
  await assert.rejects(verifyBackupIn(at.environment, { ...file, directory: at.url }), hasCode("DIRECTORY_UNREACHABLE"));
  await assert.rejects(verifyBackupIn(at.environment, { ...file, offline: true } as never), hasCode("UNKNOWN_OPTION"));
});

test("an old copy of the data directory does not say that an old backup is good, where a directory knows better", async () => {
  await using at = await world();
  const alice = await at.create("alice");
  const path = join(at.folder, "keys.enc");
  await alice.exportKeys({ path, password: SAFE });
  at.copyDataDir("alice", "copy");
  await alice.rotateIdentity();
  const where = { dataDir: at.dataDir("copy"), directory: at.url };
  const check = await verifyBackupIn(at.environment, { path, password: SAFE, ...where });
  assert.deepEqual([check.verdict, check.comparedWith, check.eventsBehind], ["dangerous", "directory", 1]);
});

test("failure 39: a backup with a key that is another's is found, is on record as one, and leaves nothing behind", async () => {
  await using at = await world();
  const alice = await at.create("alice");
  const path = join(at.folder, "keys.enc");
  await alice.exportKeys({ path, password: SAFE });
  const [good] = alice.status().backups;
  writeFileSync(
    path,
    resealed(path, ([identity, next, encryption]) => [next, identity, encryption].map((key) => key ?? assert.fail())),
  );
  await assert.rejects(alice.verifyBackup({ path, password: SAFE }), hasCode("BACKUP_KEY_FAILED"));
  const { backups, backupDrill } = alice.status();
  assert.deepEqual([backups[0]?.id, backups[0]?.verifyResult, backupDrill?.result], [good?.id, "BACKUP_KEY_FAILED", "BACKUP_KEY_FAILED"]);
  assert.deepEqual(alice.audit.list().at(-1)?.details, { result: "BACKUP_KEY_FAILED" });
  assert.deepEqual(drillsLeft(), []);
});

test("a wrong password, an absent file and a damaged one are told apart; only damage says something of the backup", async () => {
  await using at = await world();
  const alice = await at.create("alice");
  const path = join(at.folder, "keys.enc");
  await alice.exportKeys({ path, password: SAFE });
  await assert.rejects(alice.verifyBackup({ path, password: OTHER }), hasCode("BACKUP_WRONG_PASSWORD"));
  await assert.rejects(alice.verifyBackup({ path: `${path}.absent`, password: SAFE }), hasCode("FILE_NOT_FOUND"));
  await assert.rejects(alice.verifyBackup({ path: at.folder, password: SAFE }), hasCode("BACKUP_DAMAGED"));
  assert.deepEqual([alice.status().backups[0]?.verifyResult, alice.status().backupDrill?.result], [undefined, "BACKUP_DAMAGED"]);
  writeFileSync(path, readFileSync(path).subarray(0, -1));
  await assert.rejects(alice.verifyBackup({ path, password: SAFE }), hasCode("BACKUP_DAMAGED"));
  assert.equal(alice.status().backups[0]?.verifyResult, "BACKUP_DAMAGED");
  const bob = await at.create("bob");
  await bob.exportKeys({ path: join(at.folder, "bob.enc"), password: SAFE });
  const never = (): never => assert.fail("a password was asked for");
  await assert.rejects(alice.verifyBackup({ path: join(at.folder, "bob.enc"), password: never }), hasCode("BACKUP_FOREIGN"));
});

test("verifying without an agent changes no byte of the data directory", async () => {
  await using at = await world();
  const alice = await at.create("alice");
  const path = join(at.folder, "keys.enc");
  await alice.exportKeys({ path, password: SAFE });
  await alice.close();
  const before = snapshotFolder(at.dataDir("alice"));
  await verifyBackupIn(at.environment, { path, password: SAFE, dataDir: at.dataDir("alice") });
  assert.deepEqual(snapshotFolder(at.dataDir("alice")), before);
  await using look = await inspectIn(at.environment, { dataDir: at.dataDir("alice") });
  assert.deepEqual(look.status().backups[0]?.state, "current");
});
