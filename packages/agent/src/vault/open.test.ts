import assert from "node:assert/strict";
import { chmodSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { type Crypto, isTalosError, nodeCrypto, type SecretBytes } from "@talos/core";
import { hasCode } from "@talos/testkit";
import { otherwise, refuses } from "./disk-fixture.test.ts";
import { openParts } from "./open.ts";
import {
  changeFile,
  FLOOR_KDF,
  keyMaterial,
  makeClosedVault,
  makeVault,
  NOW,
  password,
  prekeyEntry,
  reopen,
  stagePrekey,
  temporaryFolder,
} from "./vault-fixture.test.ts";
import { Vault } from "./vault.ts";

const RAISED = { ...FLOOR_KDF, memoryKiB: FLOOR_KDF.memoryKiB + 64 };

/** The platform's, with everything that Argon2id gave; before its first run something else happens. */
function watching(before: () => void = () => undefined): { crypto: Crypto; stretched: SecretBytes[] } {
  const stretched: SecretBytes[] = [];
  const argon2id = (...args: Parameters<Crypto["argon2id"]>): SecretBytes => {
    if (stretched.length === 0) before();
    const secret = nodeCrypto.argon2id(...args);
    stretched.push(secret);
    return secret;
  };
  return { crypto: { ...nodeCrypto, argon2id }, stretched };
}

function openNow(dataDir: string, crypto: Crypto = nodeCrypto, kdf = FLOOR_KDF): Vault {
  return new Vault(openParts({ dataDir, unlock: password(), crypto, now: NOW, kdf }));
}

/** What another process does between the look at the slots and the lock. */
function meanwhile(dataDir: string, change: (vault: Vault) => void): () => void {
  return () => {
    using other = openNow(dataDir);
    change(other);
  };
}

test("what changed between the look at the slots and the lock is looked at again", async () => {
  for (const [what, change, runs] of [
    ["nothing that matters", (vault: Vault) => vault.transaction((tx) => tx.settings.set("a", "b")), 1],
    ["one more way in", (vault: Vault) => vault.addSlot(keyMaterial(), "", NOW), 2],
    ["a way in less", (vault: Vault) => vault.removeSlot(2, NOW), 2],
    [
      "another one's password",
      (vault: Vault) => vault.changePassword({ current: password("another").secret, next: password("next").secret, now: NOW }),
      2,
    ],
    ["a new vault key", (vault: Vault) => vault.replaceVaultKey(NOW), 2],
  ] as const) {
    using folder = temporaryFolder();
    const { vault } = await makeVault(folder.dataDir);
    vault.addSlot(keyMaterial("key-file", 7), "", NOW);
    vault.addSlot(password("another"), "", NOW);
    vault.close();
    const { crypto, stretched } = watching(meanwhile(folder.dataDir, change));
    using opened = openNow(folder.dataDir, crypto);
    assert.equal(stretched.length, runs, what);
    assert.deepEqual(
      stretched.map(({ isDisposed }) => isDisposed),
      runs === 1 ? [false] : [true, false],
      what,
    );
    assert.deepEqual(opened.findings, []);
  }
});

test("a password that was changed meanwhile opens nothing, and nothing is counted up", async () => {
  using folder = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  const change = { current: password().secret, next: password("next").secret, now: NOW };
  const { crypto, stretched } = watching(meanwhile(folder.dataDir, (vault) => vault.changePassword(change)));
  assert.throws(() => openNow(folder.dataDir, crypto), hasCode("WRONG_PASSWORD"));
  assert.ok(stretched.every(({ isDisposed }) => isDisposed));
  using again = await reopen(folder.dataDir, "next");
  assert.equal(again.generation, 3);
});

test("an opening that fails after the password was tried keeps nothing of it in memory", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  const { crypto, stretched } = watching();
  assert.throws(() => openNow(folder.dataDir, crypto), hasCode("VAULT_LOCKED"));
  assert.deepEqual(
    stretched.map(({ isDisposed }) => isDisposed),
    [true],
  );
  vault.close();
});

test("of a password that is hashed anew only the new result is kept", async () => {
  using folder = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  const { crypto, stretched } = watching();
  using vault = openNow(folder.dataDir, crypto, RAISED);
  assert.deepEqual(
    stretched.map(({ isDisposed }) => isDisposed),
    [true, false],
  );
  vault.replaceVaultKey(NOW);
});

test("the database of another agent is foreign, one that was never committed is none", async () => {
  using folder = temporaryFolder();
  using other = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  await makeClosedVault(other.dataDir, { agentName: "bob" });
  renameSync(join(other.dataDir, "state.db"), join(folder.dataDir, "state.db"));
  await assert.rejects(
    reopen(folder.dataDir),
    (error) => isTalosError(error, "VAULT_FOREIGN") && error.hint.includes("talos doctor --rescue"),
  );

  for (const name of readdirSync(other.dataDir)) rmSync(join(other.dataDir, name), { recursive: true });
  {
    using empty = new DatabaseSync(join(other.dataDir, "state.db"));
    empty.exec("CREATE TABLE a (b); DROP TABLE a");
  }
  chmodSync(join(other.dataDir, "state.db"), 0o600);
  await assert.rejects(reopen(other.dataDir), hasCode("VAULT_NOT_FOUND"));
});

test("a disk that does not read is no damaged key, and a table that is gone has a name", async () => {
  using folder = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  assert.throws(() => otherwise({ readFileSync: refuses("EIO") }, () => openNow(folder.dataDir)), hasCode("STORAGE_FAILED"));
  {
    using database = new DatabaseSync(join(folder.dataDir, "state.db"));
    database.exec("DROP TABLE inventory");
  }
  await assert.rejects(reopen(folder.dataDir), hasCode("STORAGE_FAILED"));
});

test("a key that the agent cannot do without is refused with file, id and reason; a retired one only told", async () => {
  using folder = temporaryFolder();
  const { vault, keys } = await makeVault(folder.dataDir);
  const fresh = stagePrekey(vault.files, "signed-prekey");
  vault.transaction((tx) => {
    tx.inventory.setState(keys.signedPrekey, "retired", NOW);
    tx.inventory.put(prekeyEntry("signed-prekey", fresh));
  });
  vault.close();
  rmSync(join(folder.dataDir, `prekeys/signed_prekey.${keys.signedPrekey}.enc`));
  {
    using opened = await reopen(folder.dataDir);
    assert.deepEqual(
      opened.findings.map(({ code, keyId }) => [code, keyId]),
      [["KEY_FILE_MISSING", keys.signedPrekey]],
    );
  }
  const refused = async (code: "KEY_FILE_CORRUPT" | "KEY_FILE_MISSING", reason: string): Promise<void> => {
    await assert.rejects(reopen(folder.dataDir), (error) => {
      assert.ok(isTalosError(error, code));
      assert.deepEqual(error.details, { file: "identity.key.enc", keyId: keys.identity, reason });
      return true;
    });
  };
  const flipLast = (content: Buffer): Buffer => Buffer.concat([content.subarray(0, -1), Buffer.of((content.at(-1) ?? 0) ^ 1)]);
  changeFile(join(folder.dataDir, "identity.key.enc"), flipLast);
  await refused("KEY_FILE_CORRUPT", "does not open");
  rmSync(join(folder.dataDir, "identity.key.enc"));
  await refused("KEY_FILE_MISSING", "missing");
});

test("a time before 1970 opens nothing and counts nothing up", async () => {
  using folder = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  const open = (now: number): Vault =>
    new Vault(openParts({ dataDir: folder.dataDir, unlock: password(), crypto: nodeCrypto, now, kdf: FLOOR_KDF }));
  assert.throws(() => open(-1), hasCode("INVALID_ARGUMENT"));
  using vault = open(NOW);
  assert.equal(vault.generation, 2);
});

test("what was staged in a vault that was opened and never committed is removed at close", async () => {
  using folder = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  const vault = await reopen(folder.dataDir);
  stagePrekey(vault.files, "one-time-prekey");
  vault.close();
  assert.deepEqual(
    readdirSync(join(folder.dataDir, "prekeys")).filter((name) => name.endsWith(".new")),
    [],
  );
});
