import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { type Crypto, isTalosError, nodeCrypto, revealSecret, type SecretBytes, verifyLog } from "@talos/core";
import { findSecrets, hasCode, recordingCrypto } from "@talos/testkit";
import { Lock } from "../vault/lock.ts";
import type { BackupContent, BackupKey } from "./backup-content.ts";
import { NOW, someContent, someIdentity } from "./backup-fixture.test.ts";
import { makeDrillFolder } from "./drill-folder.ts";
import { drillBackup } from "./drill.ts";
import type { CheckedKey } from "./backup-views.ts";

const crypto = nodeCrypto;
/** No process has it. */
const NOBODY = 2 ** 22 + 1;

function temporary(): Disposable & { readonly path: string; names(): string[] } {
  const path = mkdtempSync(join(tmpdir(), "talos-drills-"));
  return { path, names: () => readdirSync(path), [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

async function drill(content: BackupContent, folder: string, used: Crypto = crypto): Promise<readonly CheckedKey[]> {
  const { log } = verifyLog(undefined, content.events, NOW, crypto, content.agentId);
  return (await drillBackup(content, log, { crypto: used, now: NOW, bytes: 65_536, temporary: folder })).keys;
}

function exchanged(content: BackupContent, kind: BackupKey["kind"], changes: Partial<BackupKey>): BackupContent {
  return { ...content, keys: content.keys.map((key) => (key.kind === kind ? { ...key, ...changes } : key)) };
}

test("each key of a backup is restored, opened again and used; nothing is left of it", async () => {
  using place = temporary();
  using content = someContent();
  const checked = await drill(content, place.path);
  assert.deepEqual(
    checked.map(({ kind, proved }) => [kind, proved]),
    [
      ["identity", true],
      ["next-identity", true],
      ["encryption", true],
    ],
  );
  assert.deepEqual(place.names(), []);
  assert.ok(
    content.keys.every(({ secret }) => secret?.isDisposed === false),
    "the content stays the caller's",
  );
});

test("failure 39: a restoration that is tried finds a key that is another's, cut short or damaged", async () => {
  using place = temporary();
  using content = someContent();
  for (const kind of ["identity", "next-identity", "encryption"] as const) {
    using another = crypto.randomSecret(32);
    using short = crypto.randomSecret(31);
    for (const secret of [another, short]) {
      await assert.rejects(drill(exchanged(content, kind, { secret }), place.path), (error) => {
        assert.ok(isTalosError(error, "BACKUP_KEY_FAILED"), String(error));
        return error.details["kind"] === kind;
      });
    }
  }
  assert.deepEqual(place.names(), []);
});

test("failure 39: a key that opens and does not do its work is found by using it", async () => {
  using place = temporary();
  using content = someContent();
  const isChallenge = (message: Uint8Array): boolean => Buffer.from(message).includes("talos/v1/backup/drill");
  const broken: Crypto = {
    ...crypto,
    verifySignature: (algorithm, key, message, signature) =>
      !isChallenge(message) && crypto.verifySignature(algorithm, key, message, signature),
  };
  await assert.rejects(drill(content, place.path, broken), hasCode("BACKUP_KEY_FAILED"));
  const deaf: Crypto = {
    ...crypto,
    agreementKeyFromPrivate: (secret) => {
      const key = crypto.agreementKeyFromPrivate(secret);
      const { publicKey } = key;
      const agree = (): SecretBytes => crypto.randomSecret(32);
      return { publicKey, agree, exportPrivate: () => key.exportPrivate(), [Symbol.dispose]: () => key[Symbol.dispose]() };
    },
  };
  await assert.rejects(drill(content, place.path, deaf), hasCode("BACKUP_KEY_FAILED"));
  assert.deepEqual(place.names(), []);
});

test("a key that hardware keeps elsewhere is named as not proved", async () => {
  using place = temporary();
  using content = someContent();
  const { keyId } = content.keys[0] ?? assert.fail();
  const without = exchanged(content, "identity", { backend: "hsm", protection: "hardware", secret: undefined });
  const [identity, ...others] = await drill(without, place.path);
  assert.deepEqual(identity, { kind: "identity", keyId, proved: false, reason: "not-included" });
  assert.ok(others.length === 2 && others.every(({ proved }) => proved));
});

test("what a killed process would leave opens for nobody", async () => {
  using place = temporary();
  const recording = recordingCrypto();
  using content = someContent({}, someIdentity(1));
  for (const { kind, secret } of content.keys) recording.remember(kind, Buffer.from(revealSecret(secret ?? assert.fail())));
  const copies: string[] = [];
  const seen: Crypto = {
    ...recording,
    verifySignature: (...args) => {
      const [name = assert.fail("there is no folder")] = place.names().filter((one) => one.startsWith("talos-drill-"));
      assert.equal(statSync(join(place.path, name)).mode & 0o777, 0o700);
      const copy = join(place.path, `copy-${copies.length}`);
      execFileSync("cp", ["-a", join(place.path, name), copy]);
      copies.push(copy);
      return crypto.verifySignature(...args);
    },
  };
  await drill(content, place.path, seen);
  assert.ok(copies.length >= 2);
  for (const copy of copies) {
    for (const file of readdirSync(copy, { recursive: true, withFileTypes: true }).filter((one) => one.isFile())) {
      assert.deepEqual(findSecrets(recording.secrets, readFileSync(join(file.parentPath, file.name))), [], file.name);
    }
  }
});

test("what a killed drill left is removed by the next one, and nobody else's", async () => {
  using place = temporary();
  const make = (name: string, holder?: { readonly pid: number; readonly host: string }): string => {
    const path = join(place.path, name);
    mkdirSync(path, { mode: 0o700 });
    writeFileSync(join(path, "identity.key.enc"), "ciphertext");
    if (holder !== undefined) {
      Lock.acquire(path, NOW, crypto)[Symbol.dispose]();
      using database = new DatabaseSync(join(path, "lock"));
      database
        .prepare("INSERT INTO holder (id, pid, host, since, token) VALUES (1, ?, ?, ?, ?)")
        .run(holder.pid, holder.host, NOW, new Uint8Array(16));
    }
    return path;
  };
  const hoursAgo = (path: string, hours: number): void =>
    utimesSync(path, Date.now() / 1000 - hours * 3600, Date.now() / 1000 - hours * 3600);
  make("talos-drill-dead00", { pid: NOBODY, host: hostname() });
  hoursAgo(make("talos-drill-away00", { pid: 1, host: "elsewhere" }), 2);
  hoursAgo(make("talos-drill-bare00"), 1);
  make("talos-drill-live00", { pid: process.pid, host: hostname() });
  make("talos-drill-away01", { pid: NOBODY, host: "elsewhere" });
  make("talos-drill-fresh0");
  hoursAgo(make("talos-drill-longername"), 5);
  hoursAgo(make("something-else"), 5);
  using content = someContent();
  await drill(content, place.path);
  const left = ["something-else", "talos-drill-away01", "talos-drill-fresh0", "talos-drill-live00", "talos-drill-longername"];
  assert.deepEqual(place.names(), left);
});

test("what nobody can remove stops no drill, and takes nothing back of what it has shown; it is named", async () => {
  using place = temporary();
  using content = someContent();
  const stuck = join(place.path, "talos-drill-stuck0");
  mkdirSync(stuck);
  utimesSync(stuck, 1, 1);
  const remove = (): never => {
    throw Object.assign(new Error("EBUSY"), { code: "EBUSY" });
  };
  const { log } = verifyLog(undefined, content.events, NOW, crypto, content.agentId);
  const at = { crypto, now: NOW, bytes: 65_536, temporary: place.path, remove };
  const { keys, left } = await drillBackup(content, log, at);
  assert.ok(keys.length === 3 && keys.every(({ proved }) => proved));
  assert.deepEqual(place.names().sort(), [basename(left ?? ""), "talos-drill-stuck0"].sort());
  using other = crypto.randomSecret(32);
  await assert.rejects(drillBackup(exchanged(content, "identity", { secret: other }), log, at), hasCode("BACKUP_KEY_FAILED"));
});

test("it is tried in memory where there is room, else where temporary files are", () => {
  using place = temporary();
  using memory = temporary();
  const folder = (bytes: number, places: readonly string[]): string => {
    const made = makeDrillFolder(bytes, places);
    assert.equal(statSync(made).mode & 0o777, 0o700);
    return dirname(made);
  };
  assert.equal(folder(1, [memory.path, place.path]), memory.path);
  assert.equal(folder(Number.MAX_SAFE_INTEGER, [memory.path, place.path]), place.path);
  assert.equal(folder(1, [join(memory.path, "absent"), place.path]), place.path);
  assert.equal(folder(1, ["/proc", place.path]), place.path);
});

test("a file that somebody removes meanwhile is no fault of the backup", async () => {
  using place = temporary();
  using content = someContent();
  const cleaning: Crypto = {
    ...crypto,
    // Drawn for the challenge of the first key, when all are there.
    randomBytes: (length) => {
      const [name] = place.names();
      const folder = name === undefined ? undefined : join(place.path, name);
      if (length === 32 && folder !== undefined && existsSync(join(folder, "encryption.key.enc")))
        rmSync(join(folder, "encryption.key.enc"));
      return crypto.randomBytes(length);
    },
  };
  await assert.rejects(drill(content, place.path, cleaning), hasCode("STORAGE_FAILED"));
});

test("where there is no room for a restoration it is said so, and nothing is left", async () => {
  using place = temporary();
  using content = someContent();
  await assert.rejects(drill(content, join(place.path, "absent")), hasCode("STORAGE_FAILED"));
  const full: Crypto = {
    ...crypto,
    randomSecret: () => {
      throw new RangeError("out of everything");
    },
  };
  await assert.rejects(drill(content, place.path, full), RangeError);
  assert.deepEqual(place.names(), []);
});
