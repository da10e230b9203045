import assert from "node:assert/strict";
import { chmodSync, cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { type Crypto, isTalosError, nodeCrypto, utf8 } from "@talos/core";
import { snapshotFolder } from "@talos/testkit";
import { KeyFolder } from "./keys/key-folder.ts";
import { agent, changeFile, makeClosedVault, makeFile, makeVault, NOW, password, reopen, temporaryFolder } from "./vault-fixture.test.ts";
import { Vault } from "./vault.ts";

const crypto = nodeCrypto;
/** While this process holds the vault, nothing but SQLite may open these. */
const databases = (path: string): boolean => path === "lock" || path.startsWith("state.db");

async function lookAtEverything(dataDir: string): Promise<void> {
  assert.equal(Vault.exists(dataDir), true);
  for (const given of [undefined, password()]) {
    using inspection = await Vault.inspect({ dataDir, unlock: given, crypto });
    inspection.read((tx) => [tx.inventory.list(), tx.outbox.list(), tx.sessions.list(), tx.peers.list(), tx.plans.list(), tx.kept.list()]);
  }
}

test("failure 59: looking at a closed vault changes no byte, no time and no generation", async () => {
  using folder = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  const before = snapshotFolder(folder.dataDir);
  await lookAtEverything(folder.dataDir);
  assert.deepEqual(snapshotFolder(folder.dataDir), before);
  using vault = await reopen(folder.dataDir);
  assert.equal(vault.generation, 2);
});

test("failure 59: looking beside a running agent shows what it has committed, and it runs on", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  using closing = vault;
  for (let i = 0; i < 3; i++) {
    closing.transaction((tx) => {
      tx.settings.set("round", String(i));
    });
    const before = snapshotFolder(folder.dataDir, { unread: databases });
    await lookAtEverything(folder.dataDir);
    using inspection = await Vault.inspect({ dataDir: folder.dataDir, crypto });
    assert.equal(
      inspection.read((tx) => tx.settings.get("round")),
      String(i),
    );
    assert.equal(inspection.holder?.pid, process.pid);
    assert.equal(inspection.generation, 1);
    assert.deepEqual(inspection.findings, []);
    assert.deepEqual(snapshotFolder(folder.dataDir, { unread: databases }), before);
    if (i === 1) closing.checkpoint();
  }
  await assert.rejects(reopen(folder.dataDir), (error) => isTalosError(error, "VAULT_LOCKED"));
});

test("failure 59: looking at what a crash left behind changes no byte, and sees the last commit", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  vault.transaction((tx) => {
    tx.settings.set("last", "committed");
  });
  // What is on disk while the agent runs is what a killed one leaves. cpSync opens the databases: this lock is not needed any more.
  const left = join(folder.parent, "left");
  cpSync(folder.dataDir, left, { recursive: true, preserveTimestamps: true });
  chmodSync(left, 0o700);
  chmodSync(join(left, "prekeys"), 0o700);
  vault.close();

  const before = snapshotFolder(left);
  assert.ok("state.db-wal" in before);
  await lookAtEverything(left);
  using inspection = await Vault.inspect({ dataDir: left, crypto });
  assert.equal(
    inspection.read((tx) => tx.settings.get("last")),
    "committed",
  );
  assert.deepEqual(snapshotFolder(left), before);

  // A copy that lost its -shm: SQLite has to make one, and nothing else changes.
  rmSync(join(left, "state.db-shm"));
  using again = await Vault.inspect({ dataDir: left, crypto });
  assert.equal(
    again.read((tx) => tx.settings.get("last")),
    "committed",
  );
  using reopened = await reopen(left);
  assert.equal(
    reopened.read((tx) => tx.settings.get("last")),
    "committed",
  );
});

test("a -shm that a killed process left half made does not keep anybody from looking or opening", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  vault.transaction((tx) => tx.settings.set("last", "committed"));
  const left = join(folder.parent, "left");
  cpSync(folder.dataDir, left, { recursive: true });
  chmodSync(left, 0o700);
  chmodSync(join(left, "prekeys"), 0o700);
  vault.close();
  for (const content of [new Uint8Array(), new Uint8Array(100), new Uint8Array(32_768), new Uint8Array(32_768).fill(0xa5)]) {
    changeFile(join(left, "state.db-shm"), () => content);
    assert.equal(Vault.exists(left), true);
    using inspection = await Vault.inspect({ dataDir: left, crypto });
    assert.equal(
      inspection.read((tx) => tx.settings.get("last")),
      "committed",
    );
  }
  using again = await reopen(left);
  assert.equal(
    again.read((tx) => tx.settings.get("last")),
    "committed",
  );
});

test("without the password everything public can be read, and sealed columns say what they need", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  const order = vault.transaction((tx) =>
    tx.outbox.insert({
      messageId: crypto.randomBytes(16),
      peer: agent("bob"),
      contentType: "text/plain",
      sign: "instance",
      frameType: 1,
      createdAt: NOW,
      body: utf8("hello"),
      outcome: { reason: "no-session" },
    }),
  );
  vault.close();
  using without = await Vault.inspect({ dataDir: folder.dataDir, crypto });
  assert.equal(without.holder, undefined);
  assert.deepEqual(without.read((tx) => tx.outbox.counts()).waiting, 1);
  assert.throws(
    () => without.read((tx) => tx.outbox.body(order)),
    (error) => isTalosError(error, "PASSWORD_REQUIRED"),
  );
  using withIt = await Vault.inspect({ dataDir: folder.dataDir, unlock: password(), crypto });
  using body = withIt.read((tx) => tx.outbox.body(order)) ?? assert.fail();
  assert.equal(body.length, 5);
});

/** Removes a file after that many connections were closed: somebody tidies up while it is looked. */
function removeAfterCloses(t: TestContext, closes: number, path: string): void {
  const { mock } = t.mock.method(DatabaseSync.prototype, "close", function closeAndRemove(this: DatabaseSync): void {
    mock.restore();
    this.close();
    if (closes === 1) rmSync(path);
    else removeAfterCloses(t, closes - 1, path);
  });
}

test("what a running agent was just doing is looked at twice, what lies in a closed vault once", async (t) => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  const stranger = join(folder.dataDir, "prekeys/otpk_0123456789abcdef.enc");
  const look = async (): Promise<string[]> => {
    makeFile(stranger, "on its way");
    // The way in, the holder, the first look.
    removeAfterCloses(t, 3, stranger);
    using inspection = await Vault.inspect({ dataDir: folder.dataDir, crypto });
    return inspection.findings.map(({ code }) => code);
  };
  assert.deepEqual(await look(), []);
  vault.close();
  assert.deepEqual(await look(), ["QUARANTINED"]);
});

test("a holder that is on record and gone is none", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  const left = join(folder.parent, "left");
  cpSync(folder.dataDir, left, { recursive: true });
  vault.close();
  for (const path of [left, join(left, "prekeys")]) chmodSync(path, 0o700);
  {
    using lock = new DatabaseSync(join(left, "lock"));
    lock.exec("UPDATE holder SET pid = 99999999");
  }
  using inspection = await Vault.inspect({ dataDir: left, crypto });
  assert.equal(inspection.holder, undefined);
});

test("an inspection that is closed opens nothing sealed any more", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  const plan = { id: "p", kind: "publish", step: "a", createdAt: NOW, updatedAt: NOW, attempts: 0, nextAttemptAt: NOW } as const;
  vault.transaction((tx) => {
    tx.plans.put({ ...plan, payload: utf8("payload") });
  });
  vault.close();
  const inspection = await Vault.inspect({ dataDir: folder.dataDir, unlock: password(), crypto });
  const payload = (): unknown => inspection.read((tx) => tx.plans.get("p")?.payload);
  assert.deepEqual(payload(), utf8("payload"));
  inspection.close();
  assert.throws(payload);
});

test("an inspection that fails half way leaves no vault key behind", async (t) => {
  using folder = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  let vaultKey: Uint8Array | undefined;
  const aeadOpen: Crypto["aeadOpen"] = (...args) => (vaultKey ??= crypto.aeadOpen(...args));
  const failure = new RangeError("a disk that fails");
  t.mock.method(KeyFolder.prototype, "adopt", () => {
    throw failure;
  });
  await assert.rejects(
    Vault.inspect({ dataDir: folder.dataDir, unlock: password(), crypto: { ...crypto, aeadOpen } }),
    (error) => error === failure,
  );
  assert.deepEqual(vaultKey, new Uint8Array(32));
});

test("what cannot be inspected is a named error", async () => {
  using folder = temporaryFolder();
  await assert.rejects(Vault.inspect({ dataDir: folder.dataDir, crypto }), (error) => isTalosError(error, "VAULT_NOT_FOUND"));
});
