// What was exchanged, brought from elsewhere, or put back from earlier is named exactly: which file, which row, and what is wrong with it.
import assert from "node:assert/strict";
import { chmodSync, copyFileSync, cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { concatBytes, isTalosError, nodeCrypto, SecretBytes, toHex, utf8 } from "@talos/core";
import { otherwise, refuses } from "./disk-fixture.test.ts";
import { openParts } from "./open.ts";
import type { VaultParts } from "./parts.ts";
import {
  agent,
  FLOOR_KDF,
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

const crypto = nodeCrypto;
const id = (name: string): Uint8Array => crypto.sha256(utf8(name)).slice(0, 16);

async function withRows(dataDir: string): Promise<VaultParts> {
  await makeClosedVault(dataDir);
  const parts = openParts({ dataDir, unlock: password(), crypto, now: NOW, kdf: FLOOR_KDF });
  new Vault(parts).transaction((tx) => {
    for (const name of ["a", "b"]) {
      const common = { messageId: id(name), contentType: "text/plain", createdAt: NOW };
      const toBob = { ...common, peer: agent("bob"), sign: "instance", frameType: 1, outcome: { reason: "no-session" } } as const;
      tx.outbox.insert({ ...toBob, body: utf8(`to bob: ${name}`) });
      tx.inbox.insert({ ...common, sender: agent("bob"), time: NOW, receivedAt: NOW, resent: false, body: new Uint8Array(4000) });
      using state = SecretBytes.fromUtf8(`session ${name}`);
      const session = {
        sessionId: id(name),
        handshakeId: crypto.sha256(id(name)),
        transcriptHash: crypto.sha256(id(name)),
        peer: agent(name),
      };
      tx.sessions.put({ ...session, sending: true, answered: false, createdAt: NOW, lastUsedAt: NOW, state });
      const plan = { kind: "publish", step: "x", createdAt: NOW, updatedAt: NOW, attempts: 0, nextAttemptAt: NOW } as const;
      tx.plans.put({ ...plan, id: name, payload: utf8(`plan ${name}`) });
    }
  });
  return parts;
}

function namesRow(table: string, column: string, row: Uint8Array): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isTalosError(error, "VAULT_CORRUPT"));
    assert.deepEqual(error.details, { table, column, row: toHex(row) });
    return true;
  };
}

const SWAP = (table: string, key: string, column: string): string =>
  `UPDATE ${table} SET ${column} = (SELECT other.${column} FROM ${table} AS other WHERE other.${key} <> ${table}.${key})`;

test("failure 37: two sealed rows that were exchanged are named, each by table, column and row", async () => {
  using folder = temporaryFolder();
  const parts = await withRows(folder.dataDir);
  using vault = new Vault(parts);
  parts.database.exec("CREATE TEMP TABLE kept AS SELECT ord, bytes FROM large_values WHERE owner = 'inbox-body'");
  for (const [table, key, column] of [
    ["sessions", "session_id", "state"],
    ["outbox", "ord", "body"],
    ["plans", "id", "payload"],
  ] as const) {
    parts.database.exec(`CREATE TEMP TABLE ${table}_kept AS SELECT ${key} AS k, ${column} AS v FROM ${table}`);
    parts.database.exec(
      SWAP(table, key, column).replaceAll(
        `FROM ${table} AS other`,
        `FROM (SELECT k AS ${key}, v AS ${column} FROM ${table}_kept) AS other`,
      ),
    );
  }
  parts.database.exec(
    "UPDATE large_values SET bytes = (SELECT bytes FROM kept WHERE kept.ord <> large_values.ord) WHERE owner = 'inbox-body'",
  );
  for (const [i, name] of ["a", "b"].entries()) {
    assert.throws(() => vault.read((tx) => tx.sessions.byId(id(name))), namesRow("sessions", "state", id(name)));
    assert.throws(() => vault.read((tx) => tx.outbox.body(i + 1)), namesRow("outbox", "body", id(name)));
    assert.throws(() => vault.read((tx) => tx.inbox.next(i)), namesRow("inbox", "body", concatBytes(agent("bob"), id(name))));
    assert.throws(() => vault.read((tx) => tx.plans.get(name)), namesRow("plans", "payload", utf8(name)));
  }
  parts.database.exec("DELETE FROM large_values");
  assert.throws(() => vault.read((tx) => tx.inbox.next(0)), namesRow("inbox", "body", concatBytes(agent("bob"), id("a"))));
});

test("failure 37: a sealed row from another vault, under the same id, is named", async () => {
  using folder = temporaryFolder();
  using elsewhere = temporaryFolder();
  const foreign = await withRows(elsewhere.dataDir);
  const value = foreign.database.prepare("SELECT state FROM sessions WHERE session_id = ?").get(id("a"))?.["state"];
  new Vault(foreign).close();
  const parts = await withRows(folder.dataDir);
  using vault = new Vault(parts);
  parts.database.prepare("UPDATE sessions SET state = ? WHERE session_id = ?").run(value as Uint8Array, id("a"));
  assert.throws(() => vault.read((tx) => tx.sessions.byId(id("a"))), namesRow("sessions", "state", id("a")));
  vault.read((tx) => tx.sessions.byId(id("b")))?.state.dispose();
});

interface Damage {
  readonly what: string;
  readonly code: string;
  readonly reason: string;
  readonly file: string;
  do(dataDir: string, elsewhere: string): void;
}

const DAMAGES: readonly Damage[] = [
  {
    what: "missing",
    code: "KEY_FILE_MISSING",
    reason: "missing",
    file: "encryption.key.enc",
    do: (dataDir) => rmSync(join(dataDir, "encryption.key.enc")),
  },
  {
    what: "cut short",
    code: "KEY_FILE_CORRUPT",
    reason: "damaged",
    file: "identity.key.enc",
    do: (dataDir) => writeFileSync(join(dataDir, "identity.key.enc"), "TALOS"),
  },
  {
    what: "swapped with another of this agent",
    code: "KEY_FILE_SWAPPED",
    reason: "another key",
    file: "identity.key.enc",
    do: (dataDir) => copyFileSync(join(dataDir, "identity.next.key.enc"), join(dataDir, "identity.key.enc")),
  },
  {
    what: "another agent's",
    code: "KEY_FILE_SWAPPED",
    reason: "foreign key",
    file: "encryption.key.enc",
    do: (dataDir, elsewhere) => copyFileSync(join(elsewhere, "encryption.key.enc"), join(dataDir, "encryption.key.enc")),
  },
];

for (const damage of DAMAGES) {
  test(`a key file that is ${damage.what} is named with what is wrong, by opening and by looking`, async () => {
    using folder = temporaryFolder();
    using elsewhere = temporaryFolder();
    await makeClosedVault(folder.dataDir);
    await makeClosedVault(elsewhere.dataDir, { agentName: "bob" });
    damage.do(folder.dataDir, elsewhere.dataDir);
    await assert.rejects(
      reopen(folder.dataDir),
      (error) =>
        isTalosError(error) &&
        error.code === damage.code &&
        error.details["reason"] === damage.reason &&
        error.details["file"] === damage.file,
    );
    using inspection = await Vault.inspect({ dataDir: folder.dataDir, unlock: password(), crypto });
    const found = inspection.findings.find(({ file }) => file === damage.file);
    assert.deepEqual([found?.code, found?.reason], [damage.code, damage.reason]);
  });
}

test("a key file from before a change of the vault key is named by its age, and so is a state.db that is older than the key files", async () => {
  using folder = temporaryFolder();
  const { dataDir } = folder;
  await makeClosedVault(dataDir);
  const earlier = join(folder.parent, "earlier");
  cpSync(dataDir, earlier, { recursive: true });
  using vault = await reopen(dataDir);
  vault.replaceVaultKey(NOW);
  vault.close();
  const later = readFileSync(join(dataDir, "encryption.key.enc"));
  copyFileSync(join(earlier, "encryption.key.enc"), join(dataDir, "encryption.key.enc"));
  const is = (reason: string) => (error: unknown) => isTalosError(error, "KEY_FILE_SWAPPED") && error.details["reason"] === reason;
  await assert.rejects(reopen(dataDir), is("an earlier vault key"));
  writeFileSync(join(dataDir, "encryption.key.enc"), later);
  (await reopen(dataDir)).close();
  for (const name of ["", "prekeys"]) chmodSync(join(earlier, name), 0o700);
  renameSync(join(earlier, "state.db"), join(dataDir, "state.db"));
  const isOlder = (error: unknown): boolean => isTalosError(error, "VAULT_CORRUPT") && /older than the key files/.test(error.message);
  await assert.rejects(reopen(dataDir), isOlder);
  assert.deepEqual(readFileSync(join(dataDir, "encryption.key.enc")), later);
});

test("failure 30: what was put aside is named at every look and every opening, and is on record with its digest", async () => {
  using folder = temporaryFolder();
  const { dataDir } = folder;
  const keys = await makeClosedVault(dataDir);
  const stranger = "encryption.0123456789abcdef.key.enc";
  writeFileSync(join(dataDir, stranger), "a stranger", { mode: 0o600 });
  const sha256 = toHex(crypto.sha256(utf8("a stranger")));
  const aside = `quarantine/${stranger}.${sha256.slice(0, 16)}`;
  for (const round of [1, 2]) {
    using vault = await reopen(dataDir);
    assert.deepEqual(
      vault.findings.map(({ code, file }) => [code, file]),
      [["QUARANTINED", aside]],
      `opening ${round}`,
    );
    const entries = vault.read((tx) => tx.audit.list()).filter(({ kind }) => kind === "file-quarantined");
    assert.deepEqual(
      entries.map(({ at, generation, details }) => [at, generation, details]),
      [[NOW + 1000, 2, { file: stranger, as: aside, sha256 }]],
    );
    for (const keyId of keys.oneTime) vault.files.load("one-time-prekey", keyId).dispose();
    vault.close();
    using inspection = await Vault.inspect({ dataDir, crypto });
    assert.deepEqual(
      inspection.findings.map(({ code, file }) => [code, file]),
      [["QUARANTINED", aside]],
    );
  }
  assert.equal(readFileSync(join(dataDir, aside), "utf8"), "a stranger");
});

test("failure 30: a stranger that cannot be put aside just now stays, is named, and keeps nobody from working", async () => {
  using folder = temporaryFolder();
  const { dataDir } = folder;
  await makeClosedVault(dataDir);
  const stranger = "encryption.0123456789abcdef.key.enc";
  writeFileSync(join(dataDir, stranger), "a stranger", { mode: 0o600 });
  const parts = otherwise({ mkdirSync: refuses("ENOSPC") }, () =>
    openParts({ dataDir, unlock: password(), crypto, now: NOW, kdf: FLOOR_KDF }),
  );
  using vault = new Vault(parts);
  assert.deepEqual(
    vault.findings.map(({ code, file }) => [code, file]),
    [["QUARANTINED", stranger]],
  );
  // A running agent moves nothing aside; what it commits is placed all the same.
  const fresh = stagePrekey(vault.files, "one-time-prekey");
  vault.transaction((tx) => {
    tx.inventory.put(prekeyEntry("one-time-prekey", fresh));
  });
  assert.ok(existsSync(join(dataDir, `prekeys/otpk_${fresh}.enc`)));
  assert.ok(existsSync(join(dataDir, stranger)));
  vault.close();
  using again = await reopen(dataDir);
  assert.equal(existsSync(join(dataDir, stranger)), false);
  assert.equal(readdirSync(join(dataDir, "quarantine")).length, 1);
  assert.equal(again.findings.length, 1);
});

test("a file in the place of a new key stays, is no key, and the new one is used from where it is", async () => {
  using folder = temporaryFolder();
  const { vault, keys } = await makeVault(folder.dataDir);
  const fresh = stagePrekey(vault.files, "one-time-prekey");
  const place = join(folder.dataDir, `prekeys/otpk_${fresh}.enc`);
  writeFileSync(place, "somebody's file", { mode: 0o600 });
  vault.transaction((tx) => {
    tx.inventory.put(prekeyEntry("one-time-prekey", fresh));
  });
  vault.close();
  using again = await reopen(folder.dataDir);
  assert.deepEqual(
    again.findings.map(({ code, file, keyId, reason }) => [code, file, keyId, reason]),
    [["KEY_FILE_CORRUPT", `prekeys/otpk_${fresh}.enc`, undefined, "damaged"]],
  );
  again.files.load("one-time-prekey", fresh).dispose();
  assert.equal(readFileSync(place, "utf8"), "somebody's file");
  for (const keyId of keys.oneTime) again.files.load("one-time-prekey", keyId).dispose();
});
