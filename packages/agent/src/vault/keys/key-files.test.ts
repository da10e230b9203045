import assert from "node:assert/strict";
import { copyFileSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isTalosError, type KeyId, nodeCrypto, type SecretBytes } from "@talos/core";
import { hasCode, listModes, snapshotFolder } from "@talos/testkit";
import { openKeyFile, sealKeyFile } from "./key-file.ts";
import { Sealer } from "../sealer.ts";
import {
  agent,
  makeClosedVault,
  makeVault,
  NOW,
  password,
  prekeyEntry,
  reopen,
  stagePrekey,
  temporaryFolder,
} from "../vault-fixture.test.ts";
import { Vault } from "../vault.ts";

const crypto = nodeCrypto;
const ID = "0123456789abcdef" as KeyId;
const OTHER_ID = "fedcba9876543210" as KeyId;

const lockIsNoKeyFile = (path: string): boolean => path === "lock";
/** Everything but the lock file, which an opening that failed may have written to. */
function keyFilesOf(dataDir: string, ...except: readonly string[]): Record<string, string> {
  const isLeftOut = (path: string): boolean => lockIsNoKeyFile(path) || path === "." || except.some((name) => path.startsWith(name));
  return Object.fromEntries(Object.entries(snapshotFolder(dataDir, { unread: isLeftOut })).filter(([path]) => !isLeftOut(path)));
}

function sealer(owner = "alice", vaultKey: SecretBytes = crypto.randomSecret(32), number = 1): Sealer {
  return new Sealer(vaultKey, agent(owner), number, crypto);
}

test("a key file opens to what was sealed, and every change of a byte is noticed", () => {
  using vaultSealer = sealer();
  using secret = crypto.randomSecret(96);
  const file = sealKeyFile("signed-prekey", ID, secret, vaultSealer);
  using opened = openKeyFile(file, "signed-prekey", ID, vaultSealer);
  assert.ok(opened.equals(secret));
  for (let at = 0; at < file.length; at++) {
    const changed = file.slice();
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.throws(() => openKeyFile(changed, "signed-prekey", ID, vaultSealer), isTalosError, `byte ${at}`);
  }
  for (let length = 0; length < file.length; length++) {
    assert.throws(() => openKeyFile(file.subarray(0, length), "signed-prekey", ID, vaultSealer), hasCode("KEY_FILE_CORRUPT"));
  }
  assert.throws(() => openKeyFile(Uint8Array.of(...file, 0), "signed-prekey", ID, vaultSealer), hasCode("KEY_FILE_CORRUPT"));
});

test("the same key sealed twice shares no bytes after its header", () => {
  using vaultSealer = sealer();
  using secret = crypto.randomSecret(32);
  const [first, second] = [0, 1].map(() => Buffer.from(sealKeyFile("identity", ID, secret, vaultSealer)).subarray(22));
  assert.equal(first?.subarray(0, 16).equals(second?.subarray(0, 16) ?? Buffer.alloc(0)), false);
  assert.equal(first?.subarray(28, 60).equals(second?.subarray(28, 60) ?? Buffer.alloc(0)), false);
});

test("failure 37: what a key file says of itself does not make it open elsewhere", () => {
  using vaultKey = crypto.randomSecret(32);
  using alices = sealer("alice", vaultKey.clone());
  using secret = crypto.randomSecret(32);
  const file = sealKeyFile("identity", ID, secret, alices);
  assert.throws(() => openKeyFile(file, "identity", OTHER_ID, alices), hasCode("KEY_FILE_SWAPPED"));
  assert.throws(() => openKeyFile(file, "encryption", ID, alices), hasCode("KEY_FILE_SWAPPED"));

  // A header that was rewritten to what the reader expects.
  const disguised = file.slice();
  disguised.set(Buffer.from(OTHER_ID, "hex"), 10);
  assert.throws(() => openKeyFile(disguised, "identity", OTHER_ID, alices), hasCode("KEY_FILE_CORRUPT"));
  const otherKind = file.slice();
  otherKind[9] = 2;
  assert.throws(() => openKeyFile(otherKind, "encryption", ID, alices), hasCode("KEY_FILE_CORRUPT"));

  // Another agent, or another number, under the very same vault key.
  using bobs = sealer("bob", vaultKey.clone());
  assert.throws(() => openKeyFile(file, "identity", ID, bobs), hasCode("KEY_FILE_CORRUPT"));
  using second = sealer("alice", vaultKey.clone(), 2);
  assert.throws(() => openKeyFile(file, "identity", ID, second), hasCode("KEY_FILE_SWAPPED"));
  const renumbered = file.slice();
  renumbered[21] = 2;
  assert.throws(() => openKeyFile(renumbered, "identity", ID, second), hasCode("KEY_FILE_CORRUPT"));
});

test("a newer key file is refused by its version", () => {
  using vaultSealer = sealer();
  using secret = crypto.randomSecret(32);
  const file = sealKeyFile("identity", ID, secret, vaultSealer);
  file[8] = 2;
  assert.throws(() => openKeyFile(file, "identity", ID, vaultSealer), hasCode("UNSUPPORTED_VERSION"));
});

for (const [what, damage, code] of [
  ["truncated", (dir: string) => truncateSync(join(dir, "identity.key.enc"), 40), "KEY_FILE_CORRUPT"],
  ["emptied", (dir: string) => truncateSync(join(dir, "encryption.key.enc"), 0), "KEY_FILE_CORRUPT"],
  ["overwritten", (dir: string) => writeFileSync(join(dir, "encryption.key.enc"), "nonsense"), "KEY_FILE_CORRUPT"],
  ["flipped in its last byte", (dir: string) => flipLast(join(dir, "identity.key.enc")), "KEY_FILE_CORRUPT"],
  ["swapped with one of another kind", (dir: string) => swap(dir, "identity.key.enc", "encryption.key.enc"), "KEY_FILE_SWAPPED"],
  [
    "a copy of another",
    (dir: string) => copyFileSync(join(dir, "identity.next.key.enc"), join(dir, "identity.key.enc")),
    "KEY_FILE_SWAPPED",
  ],
  ["gone", (dir: string) => rmSync(join(dir, "encryption.key.enc")), "KEY_FILE_MISSING"],
] as const) {
  test(`failure 30: a key file that is ${what} is named, and nothing is deleted, moved or counted up`, async () => {
    using folder = temporaryFolder();
    await makeClosedVault(folder.dataDir);
    damage(folder.dataDir);
    const before = keyFilesOf(folder.dataDir);
    const named = (error: unknown): boolean => isTalosError(error, code) && typeof error.details["file"] === "string";
    await assert.rejects(reopen(folder.dataDir), named);
    await assert.rejects(reopen(folder.dataDir), named);
    assert.deepEqual(keyFilesOf(folder.dataDir), before);
    using inspection = await Vault.inspect({ dataDir: folder.dataDir, unlock: password(), crypto });
    assert.equal(inspection.generation, 1);
    assert.ok(inspection.findings.some((finding) => finding.code === code));
  });
}

for (const [what, file, damage, code] of [
  ["overwritten", "identity.next.key.enc", (path: string) => writeFileSync(path, "nonsense"), "KEY_FILE_CORRUPT"],
  ["flipped in its last byte", "identity.next.key.enc", flipLast, "KEY_FILE_CORRUPT"],
  ["gone", "identity.next.key.enc", (path: string) => rmSync(path), "KEY_FILE_MISSING"],
  ["flipped in its last byte", "prekeys/signed_prekey.enc", flipLast, "KEY_FILE_CORRUPT"],
  ["gone", "prekeys/signed_prekey.enc", (path: string) => rmSync(path), "KEY_FILE_MISSING"],
] as const) {
  test(`failure 30: a ${file} that is ${what} is named, stays, and keeps the agent from nothing else`, async () => {
    using folder = temporaryFolder();
    await makeClosedVault(folder.dataDir);
    const path = join(folder.dataDir, file);
    const whole = readFileSync(path);
    damage(path);
    const before = keyFilesOf(folder.dataDir, "state.db");
    for (let round = 0; round < 2; round++) {
      using vault = await reopen(folder.dataDir);
      assert.deepEqual(
        vault.findings.map((finding) => [finding.code, finding.file]),
        [[code, file]],
      );
    }
    assert.deepEqual(keyFilesOf(folder.dataDir, "state.db"), before);
    writeFileSync(path, whole, { mode: 0o600 });
    using vault = await reopen(folder.dataDir);
    assert.deepEqual(vault.findings, []);
  });
}

test("failure 30: the identity key and the next one exchanged are both named, stay, and keep the agent from nothing else", async () => {
  using folder = temporaryFolder();
  const keys = await makeClosedVault(folder.dataDir);
  swap(folder.dataDir, "identity.key.enc", "identity.next.key.enc");
  const before = keyFilesOf(folder.dataDir, "state.db");
  using vault = await reopen(folder.dataDir);
  assert.deepEqual(vault.findings.map(({ code, file }) => `${code} ${file}`).sort(), [
    "KEY_FILE_SWAPPED identity.key.enc",
    "KEY_FILE_SWAPPED identity.next.key.enc",
  ]);
  vault.files.load("identity", keys.identity).dispose();
  assert.deepEqual(keyFilesOf(folder.dataDir, "state.db"), before);
});

test("failure 30: a key file of another vault in the place of one of ours is named and stays", async () => {
  using folder = temporaryFolder();
  using foreign = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  await makeClosedVault(foreign.dataDir, { agentName: "bob" });
  copyFileSync(join(foreign.dataDir, "identity.key.enc"), join(folder.dataDir, "identity.key.enc"));
  const before = keyFilesOf(folder.dataDir);
  await assert.rejects(reopen(folder.dataDir), hasCode("KEY_FILE_SWAPPED"));
  assert.deepEqual(keyFilesOf(folder.dataDir), before);
});

test("failure 30: files under final names that the inventory does not know are put aside whole, the agent works on", async () => {
  using folder = temporaryFolder();
  const { dataDir } = folder;
  const keys = await makeClosedVault(dataDir);
  const strangers = [`prekeys/otpk_${ID}.enc`, `encryption.${OTHER_ID}.key.enc`, `prekeys/signed_prekey.${ID}.enc`];
  for (const name of strangers) writeFileSync(join(dataDir, name), `stranger ${name}`, { mode: 0o600 });
  using inspection = await Vault.inspect({ dataDir, crypto });
  assert.deepEqual(inspection.findings.map(({ file }) => file).toSorted(), strangers.toSorted());
  assert.equal(existsSync(join(dataDir, "quarantine")), false);

  using vault = await reopen(dataDir);
  assert.deepEqual(
    vault.findings.map(({ code }) => code),
    ["QUARANTINED", "QUARANTINED", "QUARANTINED"],
  );
  const aside = readdirSync(join(dataDir, "quarantine"));
  assert.equal(aside.length, 3);
  assert.deepEqual(
    aside.map((name) => readFileSync(join(dataDir, "quarantine", name), "utf8")).toSorted(),
    strangers.map((name) => `stranger ${name}`).toSorted(),
  );
  assert.ok(listModes(dataDir).includes("0700 quarantine/"));
  for (const keyId of keys.oneTime) vault.files.load("one-time-prekey", keyId).dispose();
});

test("a lost one-time prekey is named, and everything else works", async () => {
  using folder = temporaryFolder();
  const keys = await makeClosedVault(folder.dataDir);
  const [lost, damaged, swapped] = keys.oneTime;
  assert.ok(lost !== undefined && damaged !== undefined && swapped !== undefined);
  rmSync(join(folder.dataDir, `prekeys/otpk_${lost}.enc`));
  copyFileSync(join(folder.dataDir, `prekeys/otpk_${damaged}.enc`), join(folder.dataDir, `prekeys/otpk_${swapped}.enc`));
  flipLast(join(folder.dataDir, `prekeys/otpk_${damaged}.enc`));

  using inspection = await Vault.inspect({ dataDir: folder.dataDir, unlock: password(), crypto });
  assert.deepEqual(Object.fromEntries(inspection.findings.map(({ keyId, code }) => [keyId, code])), {
    [lost]: "KEY_FILE_MISSING",
    [damaged]: "KEY_FILE_CORRUPT",
    [swapped]: "KEY_FILE_SWAPPED",
  });
  using vault = await reopen(folder.dataDir);
  assert.deepEqual(
    vault.findings.map(({ keyId, code }) => [keyId, code]),
    [[lost, "KEY_FILE_MISSING"]],
  );
  assert.throws(() => vault.files.load("one-time-prekey", lost), hasCode("KEY_FILE_MISSING"));
  assert.throws(() => vault.files.load("one-time-prekey", damaged), hasCode("KEY_FILE_CORRUPT"));
  assert.throws(() => vault.files.load("one-time-prekey", swapped), hasCode("KEY_FILE_SWAPPED"));
  vault.transaction((tx) => {
    tx.settings.set("still", "works");
  });
});

test("placing never goes over a file that is there", async () => {
  using folder = temporaryFolder();
  const { vault, keys } = await makeVault(folder.dataDir);
  const fresh = stagePrekey(vault.files, "signed-prekey");
  const inTheWay = join(folder.dataDir, `prekeys/signed_prekey.${keys.signedPrekey}.enc`);
  writeFileSync(inTheWay, "somebody's file", { mode: 0o600 });
  vault.transaction((tx) => {
    tx.inventory.setState(keys.signedPrekey, "retired", NOW);
    tx.inventory.put(prekeyEntry("signed-prekey", fresh));
  });
  assert.equal(readFileSync(inTheWay, "utf8"), "somebody's file");
  for (const keyId of [fresh, keys.signedPrekey]) vault.files.load("signed-prekey", keyId).dispose();
  vault.close();
  using again = await reopen(folder.dataDir);
  for (const keyId of [fresh, keys.signedPrekey]) again.files.load("signed-prekey", keyId).dispose();
  assert.equal(readFileSync(inTheWay, "utf8"), "somebody's file");
});

test("the file of a used prekey, put back from earlier, is cleared and not used", async () => {
  using folder = temporaryFolder();
  const { vault, keys } = await makeVault(folder.dataDir);
  const keyId = keys.oneTime[0] ?? assert.fail();
  const path = join(folder.dataDir, `prekeys/otpk_${keyId}.enc`);
  const copy = readFileSync(path);
  vault.transaction((tx) => tx.inventory.setState(keyId, "ended", NOW));
  vault.close();
  writeFileSync(path, copy, { mode: 0o600 });
  using again = await reopen(folder.dataDir);
  assert.equal(existsSync(path), false);
  assert.throws(() => again.files.load("one-time-prekey", keyId), hasCode("KEY_FILE_MISSING"));
});

test("an identity file put back from before a rotation is named, not used", async () => {
  using folder = temporaryFolder();
  const { vault, keys } = await makeVault(folder.dataDir);
  const earlier = readFileSync(join(folder.dataDir, "identity.key.enc"));
  const following = ID;
  using secret = crypto.randomSecret(32);
  vault.files.stage("next-identity", following, secret);
  vault.transaction((tx) => {
    tx.inventory.setState(keys.identity, "ended", NOW);
    tx.inventory.promote(keys.next, undefined);
    tx.inventory.put({ ...prekeyEntry("one-time-prekey", following), kind: "identity", role: "next", algorithm: 1 });
  });
  vault.close();
  writeFileSync(join(folder.dataDir, "identity.key.enc"), earlier);
  const before = keyFilesOf(folder.dataDir);
  await assert.rejects(
    reopen(folder.dataDir),
    (error) => isTalosError(error, "KEY_FILE_SWAPPED") && error.details["reason"] === "former key",
  );
  assert.deepEqual(keyFilesOf(folder.dataDir), before);
});

function flipLast(path: string): void {
  const content = readFileSync(path);
  content[content.length - 1] = (content[content.length - 1] ?? 0) ^ 0x80;
  writeFileSync(path, content);
}

function swap(dir: string, first: string, second: string): void {
  renameSync(join(dir, first), join(dir, "aside"));
  renameSync(join(dir, second), join(dir, first));
  renameSync(join(dir, "aside"), join(dir, second));
}
