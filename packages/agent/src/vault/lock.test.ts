import assert from "node:assert/strict";
import { existsSync, lstatSync, mkdirSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test, type TestContext } from "node:test";
import { Worker } from "node:worker_threads";
import { isTalosError, nodeCrypto } from "@talos/core";
import { Lock, mayBeRunning, readHolder } from "./lock.ts";
import { makeFile, NOW, temporaryFolder } from "./vault-fixture.test.ts";

const crypto = nodeCrypto;
/** Above what any system gives out. */
const NO_PROCESS = 99_999_999;
const TAKE_OVER = "INSERT OR REPLACE INTO holder (id, pid, host, since, token) VALUES (1, 7, 'elsewhere', 8, x'09')";

function dataDirectory(folder: { readonly dataDir: string }): string {
  mkdirSync(folder.dataDir, { mode: 0o700 });
  return folder.dataDir;
}

/** Does something once that SQL was executed through any connection of this process, to go between two steps of it. */
function afterExec(t: TestContext, sql: string, action: () => void): void {
  const { mock } = t.mock.method(DatabaseSync.prototype, "exec", function execThen(this: DatabaseSync, text: string): void {
    mock.restore();
    this.exec(text);
    if (text === sql) action();
    else afterExec(t, sql, action);
  });
}

test("failure 33: one holder at a time, on record with process, host and time until it lets go", () => {
  using folder = temporaryFolder();
  const dataDir = dataDirectory(folder);
  assert.equal(readHolder(dataDir), undefined);
  assert.equal(existsSync(join(dataDir, "lock")), false, "looking creates nothing");
  using lock = Lock.acquire(dataDir, NOW, crypto);
  assert.equal(lstatSync(join(dataDir, "lock")).mode & 0o777, 0o600);
  assert.deepEqual(readHolder(dataDir), { pid: process.pid, host: hostname(), since: NOW });
  assert.throws(
    () => Lock.acquire(dataDir, NOW + 1, crypto),
    (error) => {
      assert.ok(isTalosError(error, "VAULT_LOCKED"));
      assert.deepEqual(error.details, { pid: process.pid, host: hostname(), since: "2027-01-15T08:00:00.000Z" });
      assert.ok(error.message.includes(`Process ${process.pid} on ${hostname()}`));
      return true;
    },
  );
  lock[Symbol.dispose]();
  lock[Symbol.dispose]();
  assert.equal(readHolder(dataDir), undefined);
  Lock.acquire(dataDir, NOW + 2, crypto)[Symbol.dispose]();
});

test("failure 33: who finds another's name on record after its own commit, or none, has not got the lock", (t) => {
  using folder = temporaryFolder();
  const dataDir = dataDirectory(folder);
  Lock.acquire(dataDir, NOW, crypto)[Symbol.dispose]();
  using other = new DatabaseSync(join(dataDir, "lock"));
  for (const [meanwhile, code] of [
    [TAKE_OVER, "VAULT_LOCKED"],
    ["DELETE FROM holder", "VAULT_LOCKED"],
    [`BEGIN IMMEDIATE; ${TAKE_OVER}`, "VAULT_LOCKED"],
  ] as const) {
    afterExec(t, "COMMIT", () => other.exec(meanwhile));
    assert.throws(
      () => Lock.acquire(dataDir, NOW, crypto),
      (error) => isTalosError(error, code),
      meanwhile,
    );
    if (other.isTransaction) other.exec("COMMIT");
    assert.equal(readHolder(dataDir)?.host, meanwhile === "DELETE FROM holder" ? undefined : "elsewhere");
    // And it left nothing locked behind.
    Lock.acquire(dataDir, NOW, crypto)[Symbol.dispose]();
  }
});

test("a lock that was taken over leaves the record of its new holder when it lets go", () => {
  using folder = temporaryFolder();
  const dataDir = dataDirectory(folder);
  const token = Uint8Array.of(1, 2, 3);
  const lock = Lock.acquire(dataDir, NOW, { randomBytes: () => token });
  token.fill(0); // so that the row is not its own any more
  lock[Symbol.dispose]();
  assert.equal(readHolder(dataDir)?.pid, process.pid);
});

test("somebody who only reads the record is waited for, at taking and at letting go", async () => {
  using folder = temporaryFolder();
  const dataDir = dataDirectory(folder);
  Lock.acquire(dataDir, NOW, crypto)[Symbol.dispose]();
  const reader = new Worker(
    `const { DatabaseSync } = require("node:sqlite");
     const { parentPort, workerData } = require("node:worker_threads");
     const database = new DatabaseSync(workerData, { readOnly: true });
     parentPort.on("message", (end) => {
       if (end) { database.close(); parentPort.close(); return; }
       database.exec("BEGIN");
       database.prepare("SELECT * FROM holder").all();
       parentPort.postMessage("reading");
       setTimeout(() => { database.exec("COMMIT"); parentPort.postMessage("done"); }, 100);
     });`,
    { eval: true, workerData: join(dataDir, "lock") },
  );
  const said = (): Promise<unknown> => new Promise((resolve) => reader.once("message", resolve));
  const reading = async (): Promise<void> => {
    const started = said();
    reader.postMessage(false);
    assert.equal(await started, "reading");
  };
  await reading();
  using lock = Lock.acquire(dataDir, NOW, crypto);
  await said();
  await reading();
  lock[Symbol.dispose]();
  await said();
  assert.equal(readHolder(dataDir), undefined);
  const ended = new Promise((resolve) => reader.once("exit", resolve));
  reader.postMessage(true);
  await ended;
});

test("a holder whose time is no date is named all the same", () => {
  using folder = temporaryFolder();
  const dataDir = dataDirectory(folder);
  Lock.acquire(dataDir, NOW, crypto)[Symbol.dispose]();
  using other = new DatabaseSync(join(dataDir, "lock"));
  other.exec(`${TAKE_OVER.replace("8", "9000000000000000")}; BEGIN IMMEDIATE`);
  assert.throws(
    () => Lock.acquire(dataDir, NOW, crypto),
    (error) => isTalosError(error, "VAULT_LOCKED") && error.details["since"] === "a time that is no date" && error.details["pid"] === 7,
  );
});

test("letting go cannot fail, and frees the lock in any case", (t) => {
  using folder = temporaryFolder();
  const dataDir = dataDirectory(folder);
  const lock = Lock.acquire(dataDir, NOW, crypto);
  const mock = t.mock.method(DatabaseSync.prototype, "prepare", () => assert.fail("a disk that fails"));
  lock[Symbol.dispose]();
  mock.mock.restore();
  assert.equal(readHolder(dataDir)?.since, NOW, "it names a holder that is gone");
  using next = Lock.acquire(dataDir, NOW + 1, crypto);
  assert.equal(readHolder(dataDir)?.since, NOW + 1);
  assert.ok(next);
});

test("a disk that fails when the lock is taken is no other holder, and nothing stays open", (t) => {
  using folder = temporaryFolder();
  const dataDir = dataDirectory(folder);
  const close = t.mock.method(DatabaseSync.prototype, "close");
  const { mock } = t.mock.method(DatabaseSync.prototype, "exec", () => {
    throw Object.assign(new Error("disk full"), { errcode: 13 });
  });
  assert.throws(
    () => Lock.acquire(dataDir, NOW, crypto),
    (error) => isTalosError(error, "STORAGE_FAILED"),
  );
  mock.restore();
  assert.equal(close.mock.callCount(), 1);
  Lock.acquire(dataDir, NOW, crypto)[Symbol.dispose]();
  readHolder(dataDir);
  assert.equal(close.mock.callCount(), 3);
});

test("a lock file that is none is damage, and names no holder", () => {
  using folder = temporaryFolder();
  const dataDir = dataDirectory(folder);
  makeFile(join(dataDir, "lock"));
  assert.equal(readHolder(dataDir), undefined);
  using foreign = temporaryFolder();
  makeFile(join(dataDirectory(foreign), "lock"), "nonsense".repeat(100));
  assert.equal(readHolder(foreign.dataDir), undefined);
  assert.throws(
    () => Lock.acquire(foreign.dataDir, NOW, crypto),
    (error) => isTalosError(error, "VAULT_CORRUPT"),
  );
});

test("a holder on this host is asked for, one elsewhere cannot be", (t) => {
  const holder = { pid: process.pid, host: hostname(), since: NOW };
  assert.equal(mayBeRunning(holder), true);
  assert.equal(mayBeRunning({ ...holder, pid: NO_PROCESS }), false);
  assert.equal(mayBeRunning({ ...holder, pid: NO_PROCESS, host: "elsewhere" }), true);
  for (const [thrown, running] of [
    [Object.assign(new Error("another user's"), { code: "EPERM" }), true],
    [Object.assign(new Error("gone"), { code: "ESRCH" }), false],
    [new Error("without a code"), false],
  ] as const) {
    const { mock } = t.mock.method(process, "kill", () => {
      throw thrown;
    });
    assert.equal(mayBeRunning(holder), running);
    mock.restore();
  }
});
