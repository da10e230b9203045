import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { nodeCrypto, SecretBytes, type KeyId } from "@talos/core";
import { hasCode, snapshotFolder, take, TEST_KDF, TEST_PASSWORD } from "@talos/testkit";
import { readBackupFile } from "../../backup/backup-file.ts";
import type { BackupContent } from "../../backup/backup-content.ts";
import { openBackup, sealBackup } from "../../backup/seal-backup.ts";
import { recoverIn, takeoverIn, type TalosClient } from "../../talos-client.ts";
import { Vault } from "../../vault/index.ts";
import type { RecoverOptions } from "../recover-options.ts";
import { BACKUP_PASSWORD, KIT_PASSWORD, lostMachine, type LostMachine } from "./recover-fixture.test.ts";

/** The backup as somebody who has its password could have written it. */
function rewritten({ backupPath }: LostMachine, change: (content: BackupContent) => BackupContent): void {
  using password = SecretBytes.fromUtf8(BACKUP_PASSWORD);
  using opened = openBackup(readBackupFile(backupPath), password, nodeCrypto);
  writeFileSync(backupPath, sealBackup(change(opened.content), [password], TEST_KDF, nodeCrypto));
}

test("an agent whose directory has nothing more than its backup lives on: new generation, new prekeys, peers, settings and record", async () => {
  let bob: TalosClient | undefined;
  let last = 0;
  await using lost = await lostMachine({
    before: async (alice, world) => {
      bob = await world.create("bob");
      await alice.peers.add(bob.did, { name: "Bobby" });
      alice.peers.verify("Bobby", bob.peers.fingerprint(alice.did));
      await alice.send("Bobby", "one", { waitFor: "deposited" });
      await take(bob, 1);
      await alice.sign("test", "on record");
    },
    after: async (alice, world) => {
      await alice.close();
      const later = await world.open("alice");
      await later.send("Bobby", "two", { waitFor: "deposited" });
      last = later.status().generation;
      await later.close();
    },
  });
  const { world, did } = lost;
  const back = await lost.recover({ name: "alice-again" });
  const { recovered } = back;
  assert.deepEqual([recovered?.way, recovered?.recoveryKit, recovered?.peers], ["restored", "not-given", 1]);
  assert.equal(recovered?.event, undefined);
  const status = back.status();
  assert.deepEqual([back.did, back.name, back.held, status.held], [did, "alice-again", false, undefined]);
  assert.equal(status.publication, "published");
  assert.ok(last === 2 && status.generation > last + 1000, "far above the last one that anybody has seen");
  assert.deepEqual([back.peers.show("Bobby").trust, back.directory], ["verified", world.url]);
  const kinds = back.audit.list().map(({ kind }) => kind);
  const begins = kinds.lastIndexOf("vault-created");
  assert.ok(begins > 3 && kinds[0] === "vault-created" && kinds.includes("signature-made"));
  assert.deepEqual(kinds.slice(begins, begins + 5), ["vault-created", "backup-restored", "key-restored", "key-restored", "key-restored"]);
  assert.deepEqual(back.audit.list().at(begins + 1)?.details, {
    seq: 0,
    entries: begins,
    made: recovered?.backup.createdAt,
  });
  assert.equal(back.audit.verify().sound, true);
  assert.equal(recovered?.auditEntries, begins);
  assert.ok(bob !== undefined);
  await back.send("Bobby", "back", { waitFor: "deposited" });
  assert.deepEqual(
    (await take(bob, 2)).map((message) => message.text()),
    ["two", "back"],
  );
  await back.close();
  const again = await world.open("found");
  assert.deepEqual([again.held, again.superseded, again.recovered], [false, false, undefined]);
  await again.sign("test", "more");
});

test("a kit that is given though nothing is behind is not even opened", async () => {
  await using lost = await lostMachine();
  const back = await lost.recover({ recoveryKit: { path: join(lost.world.folder, "no such kit"), password: "x" } });
  assert.deepEqual([back.recovered?.way, back.recovered?.recoveryKit], ["restored", "not-needed"]);
});

test("what is wrong with the call is named before anything is read", async () => {
  await using lost = await lostMachine();
  const { recover, dataDir, world } = lost;
  const missing = join(world.folder, "no such backup");
  const options = { backupPath: missing, password: BACKUP_PASSWORD, dataDir };
  const before = process.env["TALOS_KEY_PASSWORD"];
  delete process.env["TALOS_KEY_PASSWORD"];
  try {
    await assert.rejects(recoverIn(world.environment, options), hasCode("PASSWORD_REQUIRED"));
    process.env["TALOS_KEY_PASSWORD"] = TEST_PASSWORD;
    await assert.rejects(recoverIn(world.environment, options), hasCode("FILE_NOT_FOUND"), "then that one counts");
  } finally {
    if (before === undefined) delete process.env["TALOS_KEY_PASSWORD"];
    else process.env["TALOS_KEY_PASSWORD"] = before;
  }
  const backupPath = missing;
  await assert.rejects(recover({ backupPath, newPassword: "" }), hasCode("PASSWORD_REQUIRED"));
  await assert.rejects(recover({ backupPath, newPassword: BACKUP_PASSWORD }), hasCode("BACKUP_PASSWORD_REUSED"));
  await assert.rejects(recover({ backupPath, newPassword: `${BACKUP_PASSWORD}\r\n` }), hasCode("BACKUP_PASSWORD_REUSED"));
  await assert.rejects(recover({ backupPath, keyFile: "x" }), hasCode("INVALID_ARGUMENT"));
  for (const bad of [{ cutAfter: 0 }, { reason: "lost" }, { suspectFrom: 1 }, { directory: "ftp://x" }, { did: "x" }, { name: "../x" }]) {
    await assert.rejects(recover(bad as Partial<RecoverOptions>), hasCode("INVALID_ARGUMENT"), JSON.stringify(bad));
  }
  await assert.rejects(recover({ backup: "x" } as Partial<RecoverOptions>), hasCode("UNKNOWN_OPTION"));
  assert.equal(existsSync(dataDir), false);
});

test("the wrong password, a weak one, one that opens the backup too, and another agent's backup are refused, and nothing is made", async () => {
  await using lost = await lostMachine();
  const { recover, dataDir, world, backupPath } = lost;
  await assert.rejects(recover({ password: TEST_PASSWORD, newPassword: "another lamp quartz mole" }), hasCode("BACKUP_WRONG_PASSWORD"));
  const strict = { ...world.environment, allowWeakPasswords: false };
  await assert.rejects(recover({ newPassword: "umbrella17" }, strict), hasCode("WEAK_PASSWORD"));
  await assert.rejects(recover({ did: (await world.create("bob")).did }), hasCode("BACKUP_FOREIGN"));
  const whole = readFileSync(backupPath);
  const second = SecretBytes.fromUtf8("seven ladders under a brass moon");
  using password = SecretBytes.fromUtf8(BACKUP_PASSWORD);
  using opened = openBackup(readBackupFile(backupPath), password, nodeCrypto);
  writeFileSync(backupPath, sealBackup(opened.content, [password, second], TEST_KDF, nodeCrypto));
  await assert.rejects(recover({ newPassword: second }), hasCode("BACKUP_PASSWORD_REUSED"));
  await assert.rejects(recover({ newPassword: "seven ladders under a brass moon " }), hasCode("BACKUP_PASSWORD_REUSED"));
  for (const at of [10, 400, whole.length - 1]) {
    const damaged = Buffer.from(whole);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    writeFileSync(backupPath, damaged);
    await assert.rejects(recover(), hasCode("BACKUP_DAMAGED"));
  }
  assert.equal(existsSync(dataDir), false);
});

test("a folder in which anything lies is left as it is; what an attempt has left that never made an agent is no obstacle", async () => {
  await using lost = await lostMachine();
  const { recover, dataDir, world } = lost;
  mkdirSync(dataDir, { mode: 0o700 });
  for (const name of ["mine", ".hidden", "metadata.json.new", "identity.key.enc.new"]) {
    writeFileSync(join(dataDir, name), "mine", { mode: 0o600 });
    const before = snapshotFolder(dataDir);
    await assert.rejects(recover(), hasCode("DATA_DIR_NOT_EMPTY"), name);
    assert.deepEqual(snapshotFolder(dataDir), before);
    rmSync(join(dataDir, name));
  }
  // An attempt that broke off after it had staged its keys.
  const broken = { kind: "password", secret: SecretBytes.fromUtf8(TEST_PASSWORD) } as const;
  const attempt = Vault.create({
    dataDir,
    name: "alice",
    unlock: broken,
    crypto: nodeCrypto,
    now: Date.now(),
    kdf: TEST_KDF,
    build: async (files) => {
      using secret = nodeCrypto.randomSecret(32);
      files.stage("identity", "00112233445566aa" as KeyId, secret);
      throw new RangeError("the machine stops");
    },
  });
  await assert.rejects(attempt, RangeError);
  assert.ok(existsSync(join(dataDir, "state.db")));
  writeFileSync(join(dataDir, "identity.key.enc.00112233445566aa.1.new"), "half", { mode: 0o600 });
  const back = await recover();
  assert.equal(back.held, false);
  await back.close();
  const before = snapshotFolder(dataDir);
  await assert.rejects(recover(), hasCode("VAULT_EXISTS"));
  assert.deepEqual(snapshotFolder(dataDir), before);
  assert.equal((await world.open("found")).did, lost.did);
});

test("failure 38: with a directory that has more than the backup nothing is made without the kit, and the error says how much more", async () => {
  await using lost = await lostMachine({
    after: async (alice) => {
      await alice.rotateIdentity();
      await alice.rotateIdentity();
    },
  });
  await assert.rejects(lost.recover(), (error) => {
    assert.ok(hasCode("BACKUP_OUTDATED")(error));
    assert.deepEqual((error as { details?: unknown }).details, { seq: 2, events: 2 });
    return true;
  });
  assert.equal(existsSync(lost.dataDir), false);
});

test("a revocation by the recovery key is the end, with or without the kit", async () => {
  await using lost = await lostMachine({
    after: async (alice, world) => {
      await alice.revokeIdentity({ recoveryKit: { path: join(world.folder, "alice.kit"), password: KIT_PASSWORD } });
    },
  });
  await assert.rejects(lost.recover(), hasCode("AGENT_REVOKED"));
  await assert.rejects(lost.recover({ recoveryKit: lost.kit }), hasCode("AGENT_REVOKED"));
  assert.equal(existsSync(lost.dataDir), false);
});

test("an agent without a directory lives on at once, and one that its directory does not know leaps above whatever it may have been", async () => {
  await using alone = await lostMachine({ create: { directory: undefined } as object });
  const back = await alone.recover();
  assert.equal(back.held, false);
  await back.sign("test", "at once");
  await using lost = await lostMachine();
  const { world } = lost;
  await world.stopDirectory();
  for (const suffix of ["", "-wal", "-shm"]) rmSync(join(world.folder, `directory.db${suffix}`), { force: true });
  await world.startDirectory();
  const found = await lost.recover();
  assert.deepEqual([found.held, found.status().publication], [false, "published"]);
  for (const client of [back, found]) assert.ok(client.status().generation > 2 ** 20);
});

test("keys of which the backup has only the name are found where they were, or named before the folder is touched", async () => {
  await using lost = await lostMachine();
  rewritten(lost, (content) => ({
    ...content,
    keys: content.keys.map((key) =>
      key.kind === "encryption" ? { ...key, backend: "hsm", protection: "hardware", secret: undefined } : key,
    ),
    [Symbol.dispose]: () => undefined,
  }));
  await assert.rejects(lost.recover(), hasCode("BACKUP_KEY_NOT_INCLUDED"));
  assert.equal(existsSync(lost.dataDir), false);
});

test("with the kit keys in hardware are not missed: they are replaced", async () => {
  await using lost = await lostMachine({ after: async (alice) => await alice.rotateIdentity() });
  rewritten(lost, (content) => ({
    ...content,
    keys: content.keys.map((key) => ({ ...key, backend: "hsm", protection: "hardware", secret: undefined })),
    [Symbol.dispose]: () => undefined,
  }));
  const back = await lost.recover({ recoveryKit: lost.kit });
  assert.equal(back.recovered?.way, "rotated");
  await back.sign("test", "with new keys");
});

test("settings that belong to no backup are not taken from one", async () => {
  await using lost = await lostMachine();
  rewritten(lost, (content) => ({
    ...content,
    settings: new Map([...content.settings, ["superseded-by", "AAAA"], ["identity-moved", "{}"], ["former-homes", "no json"]]),
    [Symbol.dispose]: () => undefined,
  }));
  const back = await lost.recover();
  assert.deepEqual([back.superseded, back.held, back.status().identityMoved], [false, false, undefined]);
});

test("failure 50: where somebody has gone up to the highest generations, an event of the identity outranks him", async () => {
  await using lost = await lostMachine({
    after: async (alice, world) => {
      await alice.close();
      world.copyDataDir("alice", "thief");
      {
        using vault = await Vault.open({
          dataDir: world.dataDir("thief"),
          unlock: { kind: "password", secret: SecretBytes.fromUtf8(TEST_PASSWORD) },
          crypto: world.environment.crypto,
          now: world.environment.clock.now(),
        });
        vault.transactionAt(Number.MAX_SAFE_INTEGER - 5, () => undefined);
      }
      const thief = await world.open("thief");
      const bob = await world.create("bob");
      await thief.send(bob.did, "from the thief", { waitFor: "deposited" });
      await thief.close();
    },
  });
  const back = await lost.recover();
  assert.deepEqual([back.held, back.superseded], [false, true], "it has been compared, and is not the living copy");
  await assert.rejects(back.sign("test", "no"), hasCode("INSTANCE_SUPERSEDED"));
  await assert.rejects(takeoverIn(lost.world.environment, { dataDir: lost.dataDir, password: TEST_PASSWORD }), hasCode("VAULT_LOCKED"));
  await back.emergencyRotate();
  assert.deepEqual([back.superseded, back.held], [false, false]);
  await back.sign("test", "mine again");
});

test("a key file whose text is a password of the backup is no way into the new data directory", async () => {
  await using lost = await lostMachine();
  const { world, backupPath, dataDir } = lost;
  const [text, another] = [0, 1].map(() => Buffer.from(nodeCrypto.randomBytes(32)).toString("base64"));
  assert.ok(text !== undefined && another !== undefined);
  using password = SecretBytes.fromUtf8(BACKUP_PASSWORD);
  using opened = openBackup(readBackupFile(backupPath), password, nodeCrypto);
  const passwords = [SecretBytes.fromUtf8(text), SecretBytes.fromUtf8(another)];
  writeFileSync(backupPath, sealBackup(opened.content, passwords, TEST_KDF, nodeCrypto));
  for (const key of [text, another]) {
    const keyFile = join(world.folder, "key");
    writeFileSync(keyFile, `${key}\n`, { mode: 0o600 });
    const options = { backupPath, password: text, dataDir, keyFile };
    await assert.rejects(recoverIn(world.environment, options), hasCode("BACKUP_PASSWORD_REUSED"));
  }
  assert.equal(existsSync(dataDir), false);
});

test("a key file is as good a new way in as a password", async () => {
  await using lost = await lostMachine();
  const keyFile = join(lost.world.folder, "key");
  writeFileSync(keyFile, nodeCrypto.randomBytes(32), { mode: 0o600 });
  const { world, backupPath, dataDir, did } = lost;
  const back = await recoverIn(world.environment, { backupPath, password: BACKUP_PASSWORD, dataDir, keyFile, did });
  await back.close();
  await assert.rejects(world.open("found"), hasCode("WRONG_PASSWORD"));
});
