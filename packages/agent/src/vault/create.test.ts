import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { type Crypto, nodeCrypto, type SecretBytes, talosError } from "@talos/core";
import { hasCode } from "@talos/testkit";
import { createParts } from "./create.ts";
import { openForWriting } from "./database.ts";
import { recordAsync } from "./disk-fixture.test.ts";
import { KeyFolder } from "./keys/key-folder.ts";
import type { VaultParts } from "./parts.ts";
import { APPLICATION_ID } from "./store/migrations.ts";
import type { Transaction } from "./store/transaction.ts";
import type { FirstContent, KeyFileStore } from "./types.ts";
import {
  agent,
  FLOOR_KDF,
  makeClosedVault,
  makeVault,
  NOW,
  password,
  prekeyEntry,
  stageKeys,
  temporaryFolder,
} from "./vault-fixture.test.ts";
import { Vault } from "./vault.ts";

interface Making {
  readonly crypto?: Crypto;
  readonly slotLabel?: string;
  /** After the keys, in the one commit. */
  readonly write?: (tx: Transaction) => void;
}

async function make(dataDir: string, { crypto = nodeCrypto, slotLabel, write }: Making = {}): Promise<VaultParts> {
  return await createParts({
    dataDir,
    name: "alice",
    unlock: password(),
    crypto,
    now: NOW,
    kdf: FLOOR_KDF,
    ...(slotLabel === undefined ? {} : { slotLabel }),
    build: async (files) => {
      const made = await stageKeys(files, 2);
      return { agentId: agent(), write: (tx) => [made.write(tx), write?.(tx)] };
    },
  });
}

/** Something happens when the lock's token is drawn: after the folder was looked at, before the lock is taken. */
function beforeTheLock(action: () => void): Crypto {
  let drawn = 0;
  return {
    ...nodeCrypto,
    randomBytes: (length) => {
      if (drawn++ === 0) action();
      return nodeCrypto.randomBytes(length);
    },
  };
}

function failNextExec(t: TestContext, sql: string): void {
  const { mock } = t.mock.method(DatabaseSync.prototype, "exec", (text: string): void => {
    mock.restore();
    assert.equal(text, sql);
    throw Object.assign(new Error("disk full"), { errcode: 13 });
  });
}

const staged = (dataDir: string): string[] =>
  readdirSync(dataDir, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".new"));

test("an agent that was made in between is never made over", async () => {
  using folder = temporaryFolder();
  using other = temporaryFolder();
  await makeClosedVault(other.dataDir);
  const crypto = beforeTheLock(() => {
    for (const name of readdirSync(other.dataDir)) renameSync(join(other.dataDir, name), join(folder.dataDir, name));
  });
  await assert.rejects(make(folder.dataDir, { crypto }), hasCode("VAULT_EXISTS"));
  assert.deepEqual(staged(folder.dataDir), []);
  (await Vault.open({ dataDir: folder.dataDir, unlock: password(), crypto: nodeCrypto, now: NOW, kdf: FLOOR_KDF })).close();
});

test("a database that somebody else began in between has a name", async () => {
  using folder = temporaryFolder();
  const crypto = beforeTheLock(() => {
    using database = openForWriting(folder.dataDir);
    database.exec(`PRAGMA application_id = ${APPLICATION_ID}; CREATE TABLE vault (id)`);
  });
  await assert.rejects(make(folder.dataDir, { crypto }), hasCode("STORAGE_FAILED"));
});

test("a bad label makes nothing at all, no label is an empty one", async () => {
  using folder = temporaryFolder();
  await assert.rejects(make(folder.dataDir, { slotLabel: "x".repeat(65) }), hasCode("INVALID_ARGUMENT"));
  assert.equal(existsSync(folder.dataDir), false);
  using vault = new Vault(await make(folder.dataDir));
  assert.deepEqual(
    vault.slots().map(({ label }) => label),
    [""],
  );
});

test("a time before 1970 makes nothing at all; the trail of a new vault begins with it, and its slot is the way in", async () => {
  using folder = temporaryFolder();
  const early = { dataDir: folder.dataDir, name: "alice", unlock: password(), crypto: nodeCrypto, now: -1, kdf: FLOOR_KDF };
  await assert.rejects(createParts({ ...early, build: () => assert.fail("built") }), hasCode("INVALID_ARGUMENT"));
  assert.equal(existsSync(folder.dataDir), false);
  using vault = new Vault(await make(folder.dataDir, { slotLabel: "rack 7" }));
  assert.deepEqual(
    vault.read((tx) => tx.audit.list()).map(({ kind, at, details }) => [kind, at, details]),
    [["vault-created", NOW, { slot: 1, unlock: "password", label: "rack 7" }]],
  );
  assert.deepEqual(
    vault.slots().map(({ number, opened }) => [number, opened]),
    [[1, true]],
  );
});

test("a creation that fails closes what it opened and keeps nothing of the password in memory", async (t) => {
  using folder = temporaryFolder();
  const stretched: SecretBytes[] = [];
  const argon2id = (...args: Parameters<Crypto["argon2id"]>): SecretBytes => {
    const secret = nodeCrypto.argon2id(...args);
    stretched.push(secret);
    return secret;
  };
  const close = t.mock.method(DatabaseSync.prototype, "close");
  const write = (): never => {
    throw new RangeError("no");
  };
  await assert.rejects(make(folder.dataDir, { crypto: { ...nodeCrypto, argon2id }, write }), RangeError);
  assert.deepEqual(
    stretched.map(({ isDisposed }) => isDisposed),
    [true],
  );
  assert.equal(close.mock.callCount(), 2, "the lock and the database");
  assert.deepEqual(staged(folder.dataDir), []);
  close.mock.restore();
});

test("a commit that fails in its last step may come back with a crash: what was staged for it stays", async (t) => {
  using folder = temporaryFolder();
  await assert.rejects(make(folder.dataDir, { write: () => failNextExec(t, "COMMIT") }), hasCode("COMMIT_FAILED"));
  assert.equal(staged(folder.dataDir).length, 6);
  // It did not: the next attempt clears them.
  new Vault(await make(folder.dataDir)).close();
  assert.deepEqual(staged(folder.dataDir), []);
});

test("failure 32: keys that keep their ids go beside what such an attempt has left of them, never over it", async (t) => {
  using folder = temporaryFolder();
  const kept: Parameters<KeyFileStore["stage"]>[] = [];
  let write: FirstContent["write"] = () => {};
  const first = async (files: KeyFileStore): Promise<FirstContent> => {
    const stage: KeyFileStore["stage"] = (kind, keyId, secret) => {
      kept.push([kind, keyId, secret.clone()]);
      files.stage(kind, keyId, secret);
    };
    ({ write } = await stageKeys({ stage, load: (kind, keyId) => files.load(kind, keyId) }, 0));
    return { agentId: agent(), write: (tx) => [write(tx), failNextExec(t, "COMMIT")] };
  };
  const options = { dataDir: folder.dataDir, name: "alice", unlock: password(), crypto: nodeCrypto, now: NOW, kdf: FLOOR_KDF };
  await assert.rejects(createParts({ ...options, build: first }), hasCode("COMMIT_FAILED"));
  const left = staged(folder.dataDir);
  const again = async (files: KeyFileStore): Promise<FirstContent> => {
    for (const key of kept) files.stage(...key);
    return await Promise.resolve({
      agentId: agent(),
      write: (tx) => {
        write(tx);
        assert.deepEqual(
          left.filter((name) => !existsSync(join(folder.dataDir, name))),
          [],
          "until the commit both could be the one",
        );
      },
    });
  };
  new Vault(await createParts({ ...options, build: again })).close();
  assert.deepEqual(staged(folder.dataDir), []);
  using vault = await Vault.open({ ...options, unlock: password() });
  for (const [kind, keyId, secret] of kept) {
    using loaded = vault.files.load(kind === "next-identity" ? "identity" : kind, keyId);
    assert.ok(loaded.equals(secret), kind);
  }
});

test("failure 32: every name is durable before the first commit", async () => {
  using folder = temporaryFolder();
  const calls = await recordAsync(async () => {
    const { vault } = await makeVault(folder.dataDir, { oneTimePrekeys: 1 });
    vault.close();
  });
  const lastStaged = calls.findLastIndex((call) => /^close .*\.new$/.test(call) && !call.includes("metadata"));
  const commit = calls.indexOf("commit", lastStaged);
  const between = calls.slice(lastStaged, commit);
  assert.ok(lastStaged > 0 && commit > lastStaged);
  for (const path of [folder.dataDir, join(folder.dataDir, "prekeys")]) assert.ok(between.includes(`sync ${path}`), path);
});

test("what a new vault has to tell is only what is not as usual, and nothing is written outside a transaction", async (t) => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  assert.deepEqual(vault.findings, []);
  vault.close();
  using other = temporaryFolder();
  mkdirSync(other.dataDir, { mode: 0o700 });
  const { mock } = t.mock.method(KeyFolder.prototype, "apply", () => {
    throw talosError("STORAGE_FAILED");
  });
  const parts = await make(other.dataDir);
  mock.restore();
  using unsettled = new Vault(parts);
  assert.deepEqual(
    unsettled.findings.map(({ code }) => code),
    ["STORAGE_FAILED"],
  );
  assert.throws(() => parts.store.run("DELETE FROM settings"), hasCode("INTERNAL"));
  unsettled.transaction((tx) => {
    tx.inventory.put(prekeyEntry("one-time-prekey", "000000000000000c" as Parameters<typeof tx.inventory.get>[0]));
  });
});
