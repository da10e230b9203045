// A new vault key: nothing under the old one stays, everything opens under the new one, and whatever stops it in between leaves
// the state before or after.
import assert from "node:assert/strict";
import fs, { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync, StatementSync } from "node:sqlite";
import { test } from "node:test";
import { type Crypto, fromBase64Url, isTalosError, type KeyId, nodeCrypto, revealSecret, SecretBytes, toHex, utf8 } from "@talos/core";
import { hasCode } from "@talos/testkit";
import { otherwise, refuses } from "./disk-fixture.test.ts";
import { openKeyFile, readKeyFileHeader } from "./keys/key-file.ts";
import { parseName } from "./keys/layout.ts";
import { openParts } from "./open.ts";
import type { VaultParts } from "./parts.ts";
import { Sealer } from "./sealer.ts";
import { decodeSlot } from "./slots/slot-record.ts";
import { bytes } from "./store/columns.ts";
import {
  agent,
  changeFile,
  FLOOR_KDF,
  keyMaterial,
  makeFile,
  makeVault,
  NOW,
  password,
  prekeyEntry,
  reopen,
  stagePrekey,
  temporaryFolder,
} from "./vault-fixture.test.ts";
import { Vault } from "./vault.ts";

const crypto = nodeCrypto;
const REKEY = { current: password().secret, next: password("the next one").secret, now: NOW + 9, rekey: true } as const;

const id = (name: string): Uint8Array => crypto.sha256(utf8(name)).slice(0, 16);

/** Keys in every state, and something in every sealed column. */
async function fullVault(dataDir: string): Promise<Vault> {
  const { vault, keys } = await makeVault(dataDir, { oneTimePrekeys: 2 });
  const signed = stagePrekey(vault.files, "signed-prekey");
  const following = toHex(crypto.randomBytes(8)) as KeyId;
  using secret = crypto.randomSecret(32);
  vault.files.stage("next-identity", following, secret);
  vault.transaction((tx) => {
    tx.inventory.setState(keys.signedPrekey, "retired", NOW);
    tx.inventory.put(prekeyEntry("signed-prekey", signed));
    tx.inventory.put({ ...prekeyEntry("one-time-prekey", following), kind: "identity", role: "next", state: "staged", algorithm: 1 });
    for (const size of [10, 5000]) {
      const common = { messageId: id(`m${size}`), contentType: "text/plain", createdAt: NOW };
      const toBob = { ...common, peer: agent("bob"), sign: "instance", frameType: 1, outcome: { reason: "no-session" } } as const;
      tx.outbox.insert({ ...toBob, body: new Uint8Array(size).fill(1) });
      tx.inbox.insert({ ...common, sender: agent("bob"), time: NOW, receivedAt: NOW, resent: false, body: new Uint8Array(size).fill(2) });
    }
    const session = {
      sessionId: id("s"),
      handshakeId: crypto.sha256(utf8("h")),
      transcriptHash: crypto.sha256(utf8("t")),
      peer: agent("bob"),
    };
    using state = SecretBytes.from(new Uint8Array(700).fill(3));
    tx.sessions.put({ ...session, sending: true, answered: false, createdAt: NOW, lastUsedAt: NOW, state });
    const plan = { id: "publish-1", kind: "publish", step: "a", createdAt: NOW, updatedAt: NOW, attempts: 0, nextAttemptAt: NOW } as const;
    tx.plans.put({ ...plan, payload: utf8("payload") });
  });
  return vault;
}

/** Everything that is sealed, opened. */
function contentOf(vault: Vault): Record<string, string> {
  const reveal = (secret: SecretBytes | undefined): string => {
    using taken = secret;
    return taken === undefined ? "nothing" : toHex(revealSecret(taken));
  };
  return vault.read((tx) => {
    const keys = tx.inventory.list().filter(({ state }) => state !== "ended");
    return {
      ...Object.fromEntries(keys.map(({ kind, keyId }) => [keyId, reveal(vault.files.load(kind, keyId))])),
      ...Object.fromEntries([0, 1].map((after) => [`inbox ${after}`, reveal(tx.inbox.next(after)?.body)])),
      ...Object.fromEntries([1, 2].map((order) => [`outbox ${order}`, reveal(tx.outbox.body(order))])),
      session: reveal(tx.sessions.byId(id("s"))?.state),
      plan: toHex(tx.plans.get("publish-1")?.payload ?? new Uint8Array()),
    };
  });
}

interface SeenKeyFile {
  readonly name: string;
  readonly vaultKeyNumber: number;
  readonly content: Buffer;
}

function keyFilesIn(dataDir: string): SeenKeyFile[] {
  return readdirSync(dataDir, { recursive: true, encoding: "utf8" })
    .filter((name) => parseName(name) !== undefined)
    .map((name) => ({ name, content: readFileSync(join(dataDir, name)) }))
    .map(({ name, content }) => ({ name, content, vaultKeyNumber: readKeyFileHeader(content).vaultKeyNumber }));
}

function assertOnly(dataDir: string, vaultKeyNumber: number): void {
  const files = keyFilesIn(dataDir);
  assert.ok(files.length >= 7);
  for (const file of files) assert.equal(file.vaultKeyNumber, vaultKeyNumber, file.name);
  const inventoryStaged = files.filter(({ name }) => name.endsWith(".new"));
  assert.equal(inventoryStaged.length, 1, "only the key that is not in force yet has its staged name");
}

function openForTest(dataDir: string, text?: string): VaultParts {
  return openParts({ dataDir, unlock: password(text), crypto, now: NOW + 1000, kdf: FLOOR_KDF });
}

test("failure 51: with a new vault key everything opens as before, and no old password, slot, file or row opens any more", async () => {
  using folder = temporaryFolder();
  const { dataDir } = folder;
  const vault = await fullVault(dataDir);
  vault.addSlot(keyMaterial(), "in the safe", NOW);
  const before = contentOf(vault);
  const stolen = join(folder.parent, "stolen");
  const oldFiles = keyFilesIn(dataDir);
  const files = oldFiles.length;
  const { slot, toAddAgain } = vault.changePassword(REKEY);
  assert.deepEqual([slot.number, slot.kind, slot.vaultKeyNumber, slot.opened], [1, "password", 2, true]);
  assert.deepEqual(
    toAddAgain.map(({ number, kind, label }) => [number, kind, label]),
    [[2, "key-file", "in the safe"]],
  );
  assert.equal(vault.vaultKeyNumber, 2);
  assert.deepEqual(vault.slots(), [slot]);
  assert.deepEqual(contentOf(vault), before);
  assertOnly(dataDir, 2);
  assert.deepEqual(
    vault
      .read((tx) => tx.audit.list())
      .slice(-2)
      .map(({ kind, at, details }) => ({ kind, at, details })),
    [
      { kind: "password-changed", at: NOW + 9, details: { slot: 1 } },
      { kind: "vault-key-replaced", at: NOW + 9, details: { from: 1, to: 2, slot: 1, files, values: 6, lost: 0 } },
    ],
  );
  // The vault works on: reads, writes, stages, places.
  const fresh = stagePrekey(vault.files, "one-time-prekey");
  vault.transaction((tx) => {
    tx.inventory.put(prekeyEntry("one-time-prekey", fresh));
    tx.plans.put({ ...(tx.plans.get("publish-1") ?? assert.fail()), payload: utf8("changed") });
  });
  vault.addSlot(keyMaterial("key-file", 3), "", NOW);
  vault.close();

  await assert.rejects(reopen(dataDir), hasCode("WRONG_PASSWORD"));
  await assert.rejects(Vault.inspect({ dataDir, unlock: keyMaterial(), crypto }), hasCode("WRONG_UNLOCK_KEY"));
  {
    using again = await reopen(dataDir, "the next one");
    assert.deepEqual(again.findings, []);
    const after: Record<string, string> = contentOf(again);
    delete after[fresh];
    assert.deepEqual(after, { ...before, plan: toHex(utf8("changed")) });
  }
  (await Vault.open({ dataDir, unlock: keyMaterial("key-file", 3), crypto, now: NOW, kdf: FLOOR_KDF })).close();
  // Old key files that are put back are of no use, and named.
  cpSync(dataDir, stolen, { recursive: true });
  chmodSync(stolen, 0o700);
  chmodSync(join(stolen, "prekeys"), 0o700);
  for (const { name, content } of oldFiles) if (existsSync(join(stolen, name))) writeFileSync(join(stolen, name), content);
  await assert.rejects(
    reopen(stolen, "the next one"),
    (error) => isTalosError(error, "KEY_FILE_SWAPPED") && error.details["reason"] === "an earlier vault key",
  );
});

test("failure 51: the vault key itself is another: who has the former one opens nothing, whatever number it goes by", async () => {
  for (const replace of [(vault: Vault) => vault.changePassword(REKEY), (vault: Vault) => vault.replaceVaultKey(NOW + 9)]) {
    using folder = temporaryFolder();
    (await fullVault(folder.dataDir)).close();
    const parts = openForTest(folder.dataDir);
    using vault = new Vault(parts);
    const former = parts.sealer.lendVaultKey((vaultKey) => vaultKey.clone());
    replace(vault);
    using thief = new Sealer(former, vault.agentId, vault.vaultKeyNumber, crypto);
    const keyId = vault.read((tx) => tx.inventory.live("identity")?.keyId) ?? assert.fail();
    const file = readFileSync(join(folder.dataDir, "identity.key.enc"));
    assert.throws(() => openKeyFile(file, "identity", keyId, thief), hasCode("KEY_FILE_CORRUPT"));
    openKeyFile(file, "identity", keyId, parts.sealer).dispose();
    const row = parts.database.prepare("SELECT session_id, state FROM sessions").get() ?? {};
    const open = (sealer: Sealer): Uint8Array => sealer.openRow("sessions", bytes(row, "session_id"), "state", bytes(row, "state"));
    assert.throws(() => open(thief), hasCode("VAULT_CORRUPT"));
    assert.equal(open(parts.sealer).length, 700);
  }
});

test("failure 51: nothing that was sealed under the former vault key is left in the database or its log", async () => {
  using folder = temporaryFolder();
  const { dataDir } = folder;
  const vault = await fullVault(dataDir);
  vault.close();
  const parts = openForTest(dataDir);
  const open = new Vault(parts);
  const old = parts.database
    .prepare(
      "SELECT state AS value FROM sessions UNION ALL SELECT payload FROM plans UNION ALL SELECT body FROM outbox UNION ALL SELECT body FROM inbox UNION ALL SELECT bytes FROM large_values UNION ALL SELECT record FROM slots",
    )
    .all()
    .flatMap(({ value }) => (value instanceof Uint8Array ? [Buffer.from(value).subarray(20, 80)] : []));
  assert.equal(old.length, 7);
  open.changePassword(REKEY);
  assert.ok((fs.statSync(join(dataDir, "state.db-wal"), { throwIfNoEntry: false })?.size ?? 0) === 0);
  open.close();
  for (const name of readdirSync(dataDir)) {
    if (name === "prekeys") continue;
    const content = readFileSync(join(dataDir, name));
    for (const value of old) assert.equal(content.includes(value), false, name);
  }
});

test("a new vault key needs no password: the slot that opened the vault is wrapped around it", async () => {
  using folder = temporaryFolder();
  const { dataDir } = folder;
  (await fullVault(dataDir)).close();
  let runs = 0;
  const counting: Crypto = { ...crypto, argon2id: (...args) => (runs++, crypto.argon2id(...args)) };
  for (const number of [2, 3]) {
    using opened = await Vault.open({ dataDir, unlock: password(), crypto: counting, now: NOW, kdf: FLOOR_KDF });
    const before = contentOf(opened);
    const { slot } = opened.replaceVaultKey(NOW);
    assert.deepEqual([slot.vaultKeyNumber, slot.opened], [number, true]);
    assert.deepEqual(contentOf(opened), before);
    assertOnly(dataDir, number);
  }
  assert.equal(runs, 2, "the two openings");
  using vault = await reopen(dataDir);
  vault.addSlot(keyMaterial(), "", NOW);
  vault.removeSlot(1, NOW);
  assert.throws(() => vault.replaceVaultKey(NOW), hasCode("SLOT_NOT_FOUND"));
  vault.close();
  using withFile = await Vault.open({ dataDir, unlock: keyMaterial(), crypto, now: NOW });
  assert.deepEqual([withFile.replaceVaultKey(NOW).slot.kind, withFile.vaultKeyNumber], ["key-file", 4]);
});

test("what is staged and not committed yet goes on under the new vault key", async () => {
  using folder = temporaryFolder();
  const vault = await fullVault(folder.dataDir);
  const fresh = stagePrekey(vault.files, "one-time-prekey");
  const dropped = stagePrekey(vault.files, "signed-prekey");
  const secret = toHex(revealSecret(vault.files.load("one-time-prekey", fresh)));
  vault.changePassword(REKEY);
  assert.equal(toHex(revealSecret(vault.files.load("one-time-prekey", fresh))), secret);
  vault.transaction((tx) => {
    tx.inventory.put(prekeyEntry("one-time-prekey", fresh));
  });
  assert.ok(existsSync(join(folder.dataDir, `prekeys/otpk_${fresh}.enc`)));
  vault.close();
  assert.equal(
    readdirSync(join(folder.dataDir, "prekeys")).some((name) => name.includes(dropped)),
    false,
  );
  assertOnly(folder.dataDir, 2);
  using again = await reopen(folder.dataDir, "the next one");
  assert.equal(toHex(revealSecret(again.files.load("one-time-prekey", fresh))), secret);
});

test("a lost one-time prekey and a damaged row do not stand in the way; a lost identity key does, and nothing changes", async () => {
  using folder = temporaryFolder();
  const { dataDir } = folder;
  (await fullVault(dataDir)).close();
  const parts = openForTest(dataDir);
  const vault = new Vault(parts);
  const keys = vault.read((tx) => tx.inventory.list({ state: "live" }));
  const [lost, damaged] = keys
    .filter(({ kind }) => kind === "one-time-prekey")
    .map(({ keyId }) => join(dataDir, `prekeys/otpk_${keyId}.enc`));
  assert.ok(lost !== undefined && damaged !== undefined);
  rmSync(lost);
  changeFile(damaged, (content) => content.fill(0, 60));
  parts.database.exec("UPDATE sessions SET state = zeroblob(100)");
  const identity = readFileSync(join(dataDir, "identity.key.enc"));
  rmSync(join(dataDir, "identity.key.enc"));
  assert.throws(() => vault.changePassword(REKEY), hasCode("KEY_FILE_MISSING"));
  assert.equal(vault.vaultKeyNumber, 1);
  assert.deepEqual(
    keyFilesIn(dataDir).filter(({ vaultKeyNumber }) => vaultKeyNumber !== 1),
    [],
  );
  makeFile(join(dataDir, "identity.key.enc"));
  writeFileSync(join(dataDir, "identity.key.enc"), identity);
  vault.changePassword(REKEY);
  const { details } = vault.read((tx) => tx.audit.list()).at(-1) ?? assert.fail();
  assert.deepEqual([details["lost"], details["values"]], [3, 5]);
  vault.close();
  assert.ok(existsSync(damaged), "what does not open is never removed");
  using again = await reopen(dataDir, "the next one");
  assert.equal(again.vaultKeyNumber, 2);
});

for (const [what, fail] of [
  ["cannot be staged", (work: () => void) => otherwise({ writeSync: refuses("ENOSPC") }, work)],
  ["cannot be synced", (work: () => void) => otherwise({ fsyncSync: refuses("EIO") }, work)],
] as const) {
  test(`key files that ${what} leave everything under the former vault key, and the next attempt works`, async () => {
    using folder = temporaryFolder();
    const vault = await fullVault(folder.dataDir);
    const before = contentOf(vault);
    assert.throws(() => fail(() => vault.changePassword(REKEY)), hasCode("STORAGE_FAILED"));
    assert.equal(vault.vaultKeyNumber, 1);
    assert.deepEqual(contentOf(vault), before);
    assertOnly(folder.dataDir, 1);
    vault.changePassword(REKEY);
    assert.deepEqual(contentOf(vault), before);
    vault.close();
    assertOnly(folder.dataDir, 2);
  });
}

test("without a way in to go on with, a new vault key asks for one, and nothing changes", async () => {
  using folder = temporaryFolder();
  (await fullVault(folder.dataDir)).close();
  const parts = openForTest(folder.dataDir);
  const vault = new Vault(parts);
  const refused = (error: unknown): boolean => isTalosError(error, "SLOT_NOT_FOUND") && error.hint.includes("talos passwd --rekey");
  vault.addSlot(password("another"), "", NOW);
  parts.database.exec("CREATE TEMP TABLE kept AS SELECT record FROM slots WHERE slot = 1; UPDATE slots SET record = x'00' WHERE slot = 1");
  assert.throws(() => vault.replaceVaultKey(NOW), refused, "its own slot is damaged");
  parts.database.exec("UPDATE slots SET record = (SELECT record FROM kept) WHERE slot = 1");
  vault.removeSlot(1, NOW);
  assert.throws(() => vault.replaceVaultKey(NOW), refused, "its own slot is gone");
  assert.equal(vault.vaultKeyNumber, 1);
  assertOnly(folder.dataDir, 1);
  // With a password it goes on, as if it had been opened with that.
  const change = vault.changePassword({
    current: password("another").secret,
    next: password("the next one").secret,
    now: NOW,
    rekey: true,
  });
  assert.deepEqual([change.slot.number, change.slot.opened, change.toAddAgain], [2, true, []]);
  vault.close();
  (await reopen(folder.dataDir, "the next one")).close();
});

test("the way in that goes on is the one that opened the vault, whatever its number", async () => {
  using folder = temporaryFolder();
  const { dataDir } = folder;
  const { vault } = await makeVault(dataDir);
  vault.addSlot(keyMaterial(), "in the safe", NOW);
  vault.close();
  const opened = await Vault.open({ dataDir, unlock: keyMaterial(), crypto, now: NOW, kdf: FLOOR_KDF });
  assert.equal(opened.replaceVaultKey(NOW).slot.number, 2);
  opened.close();
  await assert.rejects(reopen(dataDir), hasCode("WRONG_PASSWORD"));
  (await Vault.open({ dataDir, unlock: keyMaterial(), crypto, now: NOW, kdf: FLOOR_KDF })).close();
});

test("the former sealer seals nothing any more, and a new vault key that came to nothing leaves nothing in memory", async () => {
  using folder = temporaryFolder();
  (await fullVault(folder.dataDir)).close();
  const stretched: SecretBytes[] = [];
  const argon2id = (...args: Parameters<Crypto["argon2id"]>): SecretBytes => {
    const secret = crypto.argon2id(...args);
    stretched.push(secret);
    return secret;
  };
  const parts = openParts({ dataDir: folder.dataDir, unlock: password(), crypto: { ...crypto, argon2id }, now: NOW, kdf: FLOOR_KDF });
  using vault = new Vault(parts);
  // Refused in the middle of the commit, when everything is staged.
  parts.database.exec("CREATE TEMP TRIGGER refuse BEFORE DELETE ON slots BEGIN SELECT RAISE(ABORT, 'no'); END");
  assert.throws(() => vault.changePassword(REKEY), hasCode("INTERNAL"));
  parts.database.exec("DROP TRIGGER refuse");
  assert.equal(parts.doubtful, false);
  assertOnly(folder.dataDir, 1);
  assert.deepEqual(
    stretched.map(({ isDisposed }) => isDisposed),
    [false, true, true],
  );
  const former = parts.sealer;
  vault.changePassword(REKEY);
  assert.throws(() => former.sealFile(utf8("context"), utf8("text")));
  assert.throws(() => former.sealRow("t", utf8("row"), "c", utf8("text")));
  assert.deepEqual(
    stretched.map(({ isDisposed }) => isDisposed),
    [true, true, true, true, false],
  );
});

test("a commit that is refused leaves everything under the former vault key, and the next attempt works", async () => {
  using folder = temporaryFolder();
  (await fullVault(folder.dataDir)).close();
  const parts = openForTest(folder.dataDir);
  const vault = new Vault(parts);
  const before = contentOf(vault);
  parts.database.exec("PRAGMA query_only = ON");
  assert.throws(() => vault.changePassword(REKEY), hasCode("COMMIT_FAILED"));
  assert.deepEqual([parts.doubtful, vault.vaultKeyNumber], [false, 1]);
  assertOnly(folder.dataDir, 1);
  parts.database.exec("PRAGMA query_only = OFF");
  assert.deepEqual(contentOf(vault), before);
  vault.changePassword(REKEY);
  vault.close();
  using again = await reopen(folder.dataDir, "the next one");
  assert.deepEqual(contentOf(again), before);
});

test("failure 32: a commit that fails in its last step may come back with a crash: what was staged for it stays until the next one stands", async () => {
  using folder = temporaryFolder();
  const { dataDir } = folder;
  (await fullVault(dataDir)).close();
  const parts = openForTest(dataDir);
  const vault = new Vault(parts);
  const before = contentOf(vault);
  const staged = (number: number): number => keyFilesIn(dataDir).filter((file) => file.vaultKeyNumber === number).length;
  const { length } = keyFilesIn(dataDir);
  failAtCommit(parts.database);
  assert.throws(() => vault.changePassword(REKEY), isTalosError);
  assert.deepEqual([parts.doubtful, vault.vaultKeyNumber, staged(2)], [true, 1, length]);
  assert.deepEqual(contentOf(vault), before);
  parts.database.exec("DROP TRIGGER doomed");
  vault.transaction((tx) => tx.settings.set("any", "change"));
  assert.deepEqual([parts.doubtful, staged(2)], [false, 0]);

  // The same for a prekey: close leaves it to the next opening.
  const fresh = stagePrekey(vault.files, "one-time-prekey");
  failAtCommit(parts.database);
  const use = (): unknown => vault.transaction((tx) => [tx.inventory.put(prekeyEntry("one-time-prekey", fresh)), touchKeyNumber(parts)]);
  assert.throws(use, isTalosError);
  parts.database.exec("DROP TRIGGER doomed; DROP TABLE child; DROP TABLE parent");
  vault.close();
  assert.ok(existsSync(join(dataDir, `prekeys/otpk_${fresh}.enc.${fresh}.1.new`)));
  (await reopen(dataDir)).close();
  assert.equal(existsSync(join(dataDir, `prekeys/otpk_${fresh}.enc.${fresh}.1.new`)), false);
  assertOnly(dataDir, 1);
});

test("files that cannot be placed just now keep nobody from working, a rescue finds the slots of both vault keys, and they follow later", async () => {
  using folder = temporaryFolder();
  const { dataDir } = folder;
  const vault = await fullVault(dataDir);
  const before = contentOf(vault);
  const { renameSync } = fs;
  const onlyMetadata = (from: string, to: string): void => {
    if (!to.endsWith("metadata.json")) refuses("EROFS")();
    renameSync(from, to);
  };
  otherwise({ renameSync: onlyMetadata }, () => vault.changePassword(REKEY));
  assert.deepEqual(recordedVaultKeys(dataDir), [2, 1]);
  assert.deepEqual(contentOf(vault), before);
  // A rotation of the signed prekey meanwhile: the former file under the old vault key is in the way of the new one.
  const fresh = stagePrekey(vault.files, "signed-prekey");
  otherwise({ renameSync: onlyMetadata }, () => {
    vault.transaction((tx) => {
      tx.inventory.setState(tx.inventory.live("signed-prekey")?.keyId ?? assert.fail(), "retired", NOW);
      tx.inventory.put(prekeyEntry("signed-prekey", fresh));
    });
    assert.throws(() => vault.changePassword({ ...REKEY, current: REKEY.next }), hasCode("STORAGE_FAILED"));
  });
  vault.transaction((tx) => tx.settings.set("any", "change"));
  assertOnly(dataDir, 2);
  assert.deepEqual(recordedVaultKeys(dataDir), [2]);
  vault.close();
  using again = await reopen(dataDir, "the next one");
  const after: Record<string, string> = contentOf(again);
  delete after[fresh];
  assert.deepEqual(after, before);
});

test("failure 32: whatever step a new vault key stops at, opening gives the state before or after, whole, and a rescue finds its keys", async () => {
  using folder = temporaryFolder();
  const { dataDir } = folder;
  const vault = await fullVault(dataDir);
  const before = contentOf(vault);
  const left = stopAtEachStep(folder.parent, dataDir, () => vault.changePassword(REKEY));
  vault.close();
  assert.ok(left.length > 20, `${left.length}`);
  const seen = new Set<number>();
  for (const copy of left) {
    for (const name of ["identity.key.enc", "encryption.key.enc"]) {
      const { vaultKeyNumber } = readKeyFileHeader(readFileSync(join(copy, name)));
      assert.ok(recordedVaultKeys(copy).includes(vaultKeyNumber), `${copy}: ${name}`);
    }
    using again = await openEither(copy);
    seen.add(again.vaultKeyNumber);
    const told = again.findings.filter(({ code }) => code !== "METADATA_REWRITTEN");
    assert.deepEqual(told, [], copy);
    assert.deepEqual(contentOf(again), before, copy);
    assertOnly(copy, again.vaultKeyNumber);
    assert.deepEqual(recordedVaultKeys(copy), [again.vaultKeyNumber]);
  }
  assert.deepEqual([...seen], [1, 2]);
});

test("failure 33: a holder whose folder was opened since touches no file, also with a new vault key", async () => {
  using folder = temporaryFolder();
  const { dataDir } = folder;
  (await fullVault(dataDir)).close();
  const parts = openForTest(dataDir);
  using sleeper = new Vault(parts);
  parts.lock[Symbol.dispose]();
  using newer = await reopen(dataDir);
  newer.replaceVaultKey(NOW);
  const staged = stagePrekey(newer.files, "one-time-prekey");
  const before = keyFilesIn(dataDir);
  for (const change of [
    () => sleeper.replaceVaultKey(NOW),
    () => sleeper.changePassword(REKEY),
    () => sleeper.changePassword({ ...REKEY, rekey: false }),
    () => sleeper.addSlot(keyMaterial(), "", NOW),
    () => sleeper.removeSlot(1, NOW),
  ]) {
    assert.throws(change, hasCode("GENERATION_FENCED"));
  }
  assert.deepEqual(keyFilesIn(dataDir), before);
  newer.files.load("one-time-prekey", staged).dispose();
  assert.equal(newer.slots().length, 1);
});

test("after a new vault key each kind of damage is named as before", async () => {
  using folder = temporaryFolder();
  const { dataDir } = folder;
  const vault = await fullVault(dataDir);
  vault.changePassword(REKEY);
  const keyId = vault.read((tx) => tx.inventory.list({ kind: "one-time-prekey", state: "live" })[0]?.keyId) ?? assert.fail();
  vault.close();
  changeFile(join(dataDir, `prekeys/otpk_${keyId}.enc`), (content) => {
    content.writeUInt32BE(1, 18);
    return content;
  });
  using inspection = await Vault.inspect({ dataDir, unlock: password("the next one"), crypto });
  assert.deepEqual(
    inspection.findings.map(({ code, kind, reason }) => [code, kind, reason]),
    [["KEY_FILE_SWAPPED", "one-time-prekey", "an earlier vault key"]],
  );
});

/** Before each call that changes a file, and each commit, a copy of the folder is taken: what a crash there would leave. */
function stopAtEachStep(parent: string, dataDir: string, action: () => void): string[] {
  const copies: string[] = [];
  let copying = false;
  const take = (): void => {
    if (copying) return;
    copying = true;
    const copy = join(parent, `stopped-${copies.length}`);
    mkdirSync(copy, { mode: 0o700 });
    cpSync(dataDir, copy, { recursive: true });
    for (const name of ["", "prekeys"]) chmodSync(join(copy, name), 0o700);
    copies.push(copy);
    copying = false;
  };
  const before =
    <A extends unknown[], R>(call: (...args: A) => R): ((...args: A) => R) =>
    (...args) => {
      take();
      return call(...args);
    };
  const { writeSync, renameSync, unlinkSync } = fs;
  const descriptor = Object.getOwnPropertyDescriptor(StatementSync.prototype, "run") ?? {};
  const run = descriptor.value as (...values: unknown[]) => unknown;
  const runAndTake = function (this: StatementSync, ...values: unknown[]): unknown {
    if (this.sourceSQL === "COMMIT") take();
    const result = Reflect.apply(run, this, values);
    if (this.sourceSQL === "COMMIT") take();
    return result;
  };
  Object.defineProperty(StatementSync.prototype, "run", { ...descriptor, value: runAndTake });
  try {
    otherwise({ writeSync: before(writeSync), renameSync: before(renameSync), unlinkSync: before(unlinkSync) }, action);
  } finally {
    Object.defineProperty(StatementSync.prototype, "run", descriptor);
  }
  return copies;
}

test("a next identity key that does not open just now stops a new vault key: put back later, it must still open", async () => {
  using folder = temporaryFolder();
  const { dataDir } = folder;
  const { vault: made, keys } = await makeVault(dataDir, { oneTimePrekeys: 1 });
  made.close();
  const path = join(dataDir, "identity.next.key.enc");
  const whole = readFileSync(path);
  rmSync(path);
  {
    using vault = await reopen(dataDir);
    assert.throws(() => vault.changePassword(REKEY), hasCode("KEY_FILE_MISSING"));
  }
  writeFileSync(path, whole, { mode: 0o600 });
  using vault = await reopen(dataDir);
  vault.files.load("identity", keys.next).dispose();
});

test("a holder that was stopped in a new vault key and wakes up leaves the files of the one that came after it", async () => {
  using folder = temporaryFolder();
  const { dataDir } = folder;
  const { vault: made } = await makeVault(dataDir, { oneTimePrekeys: 2 });
  made.close();
  let seals = 0;
  let other: Vault | undefined;
  const wake = (): void => {
    // The lock fell, as on a shared volume; and the disk refuses to place files after the commit.
    rmSync(join(dataDir, "lock"));
    const { renameSync } = fs;
    const rename = (from: string, to: string): void => {
      if (from.endsWith(".new") && to.endsWith(".enc")) refuses("ENOSPC")();
      renameSync(from, to);
    };
    other = new Vault(openForTest(dataDir));
    otherwise({ renameSync: rename }, () => other?.changePassword(REKEY));
  };
  const slow: Crypto = {
    ...crypto,
    aeadSeal: (...args) => {
      // The second of six key files.
      if (++seals === 3) wake();
      return crypto.aeadSeal(...args);
    },
  };
  const first = await Vault.open({ dataDir, unlock: password(), crypto: slow, now: NOW + 1000, kdf: FLOOR_KDF });
  seals = 0;
  assert.throws(() => first.changePassword({ ...REKEY, next: password("a third one").secret }), isTalosError);
  assert.equal(keyFilesIn(dataDir).filter(({ name }) => name.endsWith(".2.new")).length, 6);
  other?.close();
  first.close();
  using again = await reopen(dataDir, "the next one");
  assert.deepEqual(again.findings, []);
});

async function openEither(dataDir: string): Promise<Vault> {
  try {
    return await reopen(dataDir);
  } catch (error) {
    if (!isTalosError(error, "WRONG_PASSWORD")) throw error;
    return await reopen(dataDir, "the next one");
  }
}

function recordedVaultKeys(dataDir: string): number[] {
  const { slots } = JSON.parse(readFileSync(join(dataDir, "metadata.json"), "utf8")) as { readonly slots: readonly string[] };
  return slots.map((slot) => decodeSlot(fromBase64Url(slot), crypto).vaultKeyNumber);
}

/** From now on a commit that touches the vault key's number is refused by SQLite at COMMIT itself. */
function failAtCommit(database: DatabaseSync): void {
  database.exec(`CREATE TABLE IF NOT EXISTS parent (id INTEGER PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS child (parent REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);
    CREATE TRIGGER doomed AFTER UPDATE OF vault_key_number ON vault BEGIN INSERT INTO child VALUES (1); END`);
}

function touchKeyNumber({ store }: VaultParts): void {
  store.run("UPDATE vault SET vault_key_number = vault_key_number");
}

test("failure 51: a new vault key under a new password needs neither the old one nor the slot that opened the vault", async () => {
  using folder = temporaryFolder();
  const vault = await fullVault(folder.dataDir);
  vault.addSlot(keyMaterial(), "in the safe", NOW);
  const before = contentOf(vault);
  const next = (): SecretBytes => password("the next one").secret;
  const { slot, toAddAgain } = vault.replaceVaultKey(NOW + 9, next());
  assert.deepEqual([slot.number, slot.kind, slot.vaultKeyNumber, slot.opened], [1, "password", 2, true]);
  assert.deepEqual(
    toAddAgain.map(({ number }) => number),
    [2],
  );
  assert.deepEqual(contentOf(vault), before);
  assert.deepEqual(
    vault
      .read((tx) => tx.audit.list())
      .slice(-2)
      .map(({ kind }) => kind),
    ["password-changed", "vault-key-replaced"],
  );
  assert.throws(() => vault.replaceVaultKey(NOW + 10, next()), hasCode("SLOT_EXISTS"), "whoever knew a password knows it still");
  assert.throws(() => vault.replaceVaultKey(NOW + 10, SecretBytes.from(new Uint8Array())), hasCode("PASSWORD_REQUIRED"));
  vault.close();
  await assert.rejects(reopen(folder.dataDir), hasCode("WRONG_PASSWORD"));
  (await reopen(folder.dataDir, "the next one")).close();
});

test("a new password makes a way in also where the one that opened the vault was removed since", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  vault.addSlot(keyMaterial(), "in the safe", NOW);
  vault.removeSlot(1, NOW);
  assert.throws(() => vault.replaceVaultKey(NOW), hasCode("SLOT_NOT_FOUND"));
  vault.replaceVaultKey(NOW, password("the next one").secret);
  vault.close();
  (await reopen(folder.dataDir, "the next one")).close();
});
