// What an open vault promises of its log, its errors and its fence.
import assert from "node:assert/strict";
import { lstatSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { nodeCrypto, utf8 } from "@talos/core";
import { hasCode } from "@talos/testkit";
import { KeyFolder } from "./keys/key-folder.ts";
import { openParts } from "./open.ts";
import {
  FLOOR_KDF,
  keyMaterial,
  makeClosedVault,
  makeVault,
  NOW,
  password,
  prekeyEntry,
  stagePrekey,
  temporaryFolder,
} from "./vault-fixture.test.ts";
import { Vault } from "./vault.ts";

const crypto = nodeCrypto;

test("an open vault says where it lies and under which vault key", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  using closing = vault;
  assert.deepEqual([closing.dataDir, closing.vaultKeyNumber], [folder.dataDir, 1]);
  closing.replaceVaultKey(NOW);
  assert.equal(closing.vaultKeyNumber, 2);
});

test("the write-ahead log, which keeps old rows, is truncated when asked, and when a way in goes", async (t) => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  const logBytes = (): number => lstatSync(join(folder.dataDir, "state.db-wal")).size;
  let writes = 0;
  const write = (): void => {
    vault.transaction((tx) => tx.settings.set("writes", String(++writes)));
    assert.ok(logBytes() > 0);
  };
  write();
  vault.checkpoint();
  assert.equal(logBytes(), 0);
  vault.addSlot(password("another"), "", NOW);
  for (const change of [
    () => vault.changePassword({ current: password("another").secret, next: password("next").secret, now: NOW }),
    () => vault.removeSlot(2, NOW),
    () => vault.replaceVaultKey(NOW),
  ]) {
    write();
    change();
    assert.equal(logBytes(), 0);
  }
  write();
  const { mock } = t.mock.method(DatabaseSync.prototype, "exec", () => {
    throw Object.assign(new Error("disk full"), { errcode: 13 });
  });
  vault.checkpoint(); // another time
  mock.restore();
  assert.ok(logBytes() > 0);
  vault.close();
  assert.throws(() => vault.checkpoint(), hasCode("CLIENT_CLOSED"));
});

test("a table that is gone has a name for who reads and for who changes a way in; closing wipes what seals", async () => {
  using folder = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  const parts = openParts({ dataDir: folder.dataDir, unlock: password(), crypto, now: NOW, kdf: FLOOR_KDF });
  const vault = new Vault(parts);
  parts.database.exec("ALTER TABLE settings RENAME TO elsewhere; ALTER TABLE slots RENAME TO nowhere");
  assert.throws(() => vault.read((tx) => tx.settings.get("a")), hasCode("STORAGE_FAILED"));
  assert.throws(() => vault.removeSlot(1, NOW), hasCode("STORAGE_FAILED"));
  vault.close();
  assert.throws(() => parts.sealer.sealFile(utf8("context"), utf8("text")));
});

test("failure 33: who was fenced off changes no way in either, and reads no other's first; a vault without its row is fenced, too", async () => {
  using folder = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  const parts = openParts({ dataDir: folder.dataDir, unlock: password(), crypto, now: NOW, kdf: FLOOR_KDF });
  using sleeper = new Vault(parts);
  parts.database.exec("UPDATE vault SET generation = generation + 1");
  assert.throws(() => sleeper.removeSlot(8, NOW), hasCode("GENERATION_FENCED"));
  parts.database.exec("DELETE FROM vault");
  assert.throws(() => sleeper.transaction(() => 1), hasCode("GENERATION_FENCED"));
});

test("a transaction that failed leaves nothing writable; one whose commit stands is not undone by what follows it", async (t) => {
  using folder = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  const parts = openParts({ dataDir: folder.dataDir, unlock: password(), crypto, now: NOW, kdf: FLOOR_KDF });
  using vault = new Vault(parts);
  assert.throws(
    () =>
      vault.transaction(() => {
        throw new RangeError("no");
      }),
    RangeError,
  );
  assert.throws(() => parts.store.run("DELETE FROM settings"), hasCode("INTERNAL"));
  const keyId = stagePrekey(vault.files, "one-time-prekey");
  const entry = prekeyEntry("one-time-prekey", keyId);
  const { mock } = t.mock.method(KeyFolder.prototype, "noteCommitted", () => {
    throw new RangeError("the disk");
  });
  vault.transaction((tx) => tx.inventory.put(entry));
  mock.restore();
  vault.files.load("one-time-prekey", keyId).dispose();
});

test("a time before 1970 changes no way in", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  using closing = vault;
  closing.addSlot(keyMaterial(), "", NOW);
  for (const change of [
    () => closing.addSlot(keyMaterial("key-file", 3), "", -1),
    () => closing.removeSlot(2, -1),
    () => closing.changePassword({ current: password().secret, next: password("next").secret, now: -1 }),
    () => closing.replaceVaultKey(-1),
  ]) {
    assert.throws(change, hasCode("INVALID_ARGUMENT"));
  }
  assert.deepEqual([closing.vaultKeyNumber, closing.slots().length], [1, 2]);
});
