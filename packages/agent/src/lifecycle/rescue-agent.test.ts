import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { type ErrorCode, isTalosError, nodeCrypto, SecretBytes } from "@talos/core";
import { snapshotFolder, TEST_KDF } from "@talos/testkit";
import { rescueIn } from "../care.ts";
import { systemEnvironment, type Environment } from "../environment.ts";
import type { RescueOptions } from "../options.ts";
import { createIn, openIn } from "../talos-client.ts";
import { DEFAULT_KDF } from "../vault/slots/kdf-bounds.ts";
import { rescueVault } from "../vault/rescue/rescue.ts";
import { decodeSlot, encodeSlot } from "../vault/slots/slot-record.ts";
import type { RescueReport } from "./rescue-agent.ts";

const password = "river otter lamp quartz";
const environment: Environment = { ...systemEnvironment, kdf: TEST_KDF, allowWeakPasswords: true };
const directory = "http://127.0.0.1:9";

/** Two agents that were made once; each test works on a copy of the first. */
let folder: string;
let alice: { did: string; identityKey: string };
let copies = 0;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "talos-rescue-"));
  const make = async (name: string): Promise<{ did: string; identityKey: string }> => {
    await using client = await createIn(environment, name, { dataDir: join(folder, name), password });
    const { did, identityKey } = client;
    return { did, identityKey };
  };
  alice = await make("alice");
  await make("bob");
});

after(() => rmSync(folder, { recursive: true, force: true }));

function fresh(name: string = "alice"): string {
  const dataDir = join(folder, `copy-${++copies}`);
  execFileSync("cp", ["-a", join(folder, name), dataDir]);
  return dataDir;
}

/** Everything but the lock, in which an attempt signs in and out. */
function contents(dataDir: string): Record<string, string> {
  const { lock: _lock, ".": _folder, ...rest } = snapshotFolder(dataDir);
  return rest;
}

async function rescue(dataDir: string, options: RescueOptions = { password }): Promise<RescueReport> {
  return await rescueIn(environment, { dataDir, ...options });
}

async function assertRefused(dataDir: string, code: ErrorCode, options?: RescueOptions): Promise<Readonly<Record<string, unknown>>> {
  const earlier = contents(dataDir);
  let details: Readonly<Record<string, unknown>> = {};
  await assert.rejects(rescue(dataDir, options), (error) => {
    if (!isTalosError(error, code)) return false;
    ({ details } = error);
    return true;
  });
  assert.deepEqual(contents(dataDir), earlier);
  return details;
}

// Written beside and renamed: nothing but SQLite opens these files by name.
function replaceDatabase(dataDir: string, content: Uint8Array): void {
  writeFileSync(`${dataDir}.other`, content, { mode: 0o600 });
  renameSync(`${dataDir}.other`, join(dataDir, "state.db"));
}

function databaseBytes(dataDir: string): Buffer {
  const copy = `${dataDir}.bytes`;
  execFileSync("cp", [join(dataDir, "state.db"), copy]);
  return readFileSync(copy);
}

function changeMetadata(dataDir: string, change: (fields: Record<string, unknown>) => void): void {
  const path = join(dataDir, "metadata.json");
  const fields = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  change(fields);
  writeFileSync(path, JSON.stringify(fields));
}

function keyFilesUnder(dataDir: string): string[] {
  const names = readdirSync(dataDir, { recursive: true, encoding: "utf8" });
  return names.filter((name) => /\.enc(\.|$)/.test(name));
}

function metadataOf(dataDir: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(dataDir, "metadata.json"), "utf8")) as Record<string, unknown>;
}

const DESTROYED: readonly (readonly [string, RescueReport["was"], (dataDir: string) => void])[] = [
  ["deleted", "missing", (dataDir) => unlinkSync(join(dataDir, "state.db"))],
  ["emptied", "missing", (dataDir) => replaceDatabase(dataDir, new Uint8Array())],
  [
    "truncated to half",
    "damaged",
    (dataDir) => replaceDatabase(dataDir, databaseBytes(dataDir).subarray(0, databaseBytes(dataDir).length / 2)),
  ],
  ["truncated inside its header", "damaged", (dataDir) => replaceDatabase(dataDir, databaseBytes(dataDir).subarray(0, 50))],
  ["zeroed", "damaged", (dataDir) => replaceDatabase(dataDir, new Uint8Array(databaseBytes(dataDir).length))],
  ["overwritten with noise", "damaged", (dataDir) => replaceDatabase(dataDir, nodeCrypto.randomBytes(40_000))],
  ["overwritten with another agent's", "foreign", (dataDir) => replaceDatabase(dataDir, databaseBytes(join(folder, "bob")))],
];

for (const [how, was, destroy] of DESTROYED) {
  test(`state.db ${how}: opening names it and the way out; a rescue brings identity, next and encryption key back`, async () => {
    const dataDir = fresh();
    const keysBefore = (metadataOf(dataDir)["keys"] as { id: string; kind: string }[]).filter(({ kind }) => !kind.endsWith("prekey"));
    destroy(dataDir);
    await assert.rejects(openIn(environment, { dataDir, password }), (error) => {
      assert.ok(isTalosError(error), String(error));
      assert.equal(error.code, was === "foreign" ? "VAULT_FOREIGN" : "VAULT_CORRUPT");
      assert.match(error.hint, /talos doctor/);
      assert.match(error.hint, /--rescue/);
      return true;
    });

    const report = await rescue(dataDir);
    assert.deepEqual([report.did, report.name, report.was, report.hasNextKey], [alice.did, "alice", was, true]);
    assert.deepEqual(report.keys.map(({ keyId }) => keyId).sort(), keysBefore.map(({ id }) => id).sort());
    assert.deepEqual(report.prekeys, { made: 101, ended: 101 });
    assert.equal(report.generation, 2 ** 20 + 1);
    assert.deepEqual(report.slots, [{ number: 1, kind: "password", label: "", opened: true }]);
    assert.equal(report.putAside.length, was === "missing" ? 0 : 1);
    for (const file of report.putAside) assert.ok(existsSync(join(dataDir, file)));

    await using client = await openIn(environment, { dataDir, password });
    assert.equal(client.did, alice.did);
    assert.equal(client.identityKey, alice.identityKey);
    const status = client.status();
    assert.deepEqual(
      status.findings.map(({ code, file }) => [code, file]),
      report.putAside.map((file) => ["QUARANTINED", file]),
    );
    assert.equal(status.generation, 2 ** 20 + 2);
    assert.equal(status.oneTimePrekeys.live, 100);
    assert.deepEqual([status.sessions, status.superseded, status.publication], [[], false, "unpublished"]);
    assert.deepEqual(
      status.plans.map(({ kind, step }) => [kind, step]),
      [["publish", "events"]],
    );
    await client.close();
    assert.equal(readdirSync(join(dataDir, "prekeys")).length, 101);
    await assertRefused(dataDir, "RESCUE_NOT_NEEDED");
  });
}

test("a sound database is not rescued, whatever the password", async () => {
  const dataDir = fresh();
  await assertRefused(dataDir, "RESCUE_NOT_NEEDED");
  await assertRefused(dataDir, "RESCUE_NOT_NEEDED", { password: "another" });
});

test("a folder without an agent is no case for a rescue", async () => {
  const dataDir = fresh();
  for (const name of readdirSync(dataDir)) rmSync(join(dataDir, name), { recursive: true });
  await assertRefused(dataDir, "VAULT_NOT_FOUND");
});

test("a wrong password, and none, change nothing", async () => {
  const dataDir = fresh();
  unlinkSync(join(dataDir, "state.db"));
  await assertRefused(dataDir, "WRONG_PASSWORD", { password: "wrong" });
  await assertRefused(dataDir, "PASSWORD_REQUIRED", {});
  assert.equal((await rescue(dataDir)).did, alice.did);
});

test("without metadata.json a rescue is not possible, and says what is missing", async () => {
  const dataDir = fresh();
  unlinkSync(join(dataDir, "state.db"));
  unlinkSync(join(dataDir, "metadata.json"));
  assert.equal((await assertRefused(dataDir, "RESCUE_NOT_POSSIBLE"))["reason"], "missing");
});

const bobs = (field: string): unknown => metadataOf(join(folder, "bob"))[field];

/** The first slot, asking for more than anybody should give. */
function hostileSlot(fields: Record<string, unknown>): string[] {
  const [record = ""] = fields["slots"] as string[];
  const slot = decodeSlot(Buffer.from(record, "base64url"), nodeCrypto);
  return [Buffer.from(encodeSlot({ ...slot, kdf: { ...DEFAULT_KDF, memoryKiB: 4_000_000_000 } }, nodeCrypto)).toString("base64url")];
}

const TAMPERED: readonly (readonly [string, ErrorCode, string | undefined, (fields: Record<string, unknown>) => void])[] = [
  ["another agent id", "LOG_INVALID", "other-agent", (fields) => (fields["agentId"] = bobs("agentId"))],
  ["another agent's log", "LOG_INVALID", "other-agent", (fields) => (fields["log"] = bobs("log"))],
  ["no log", "LOG_INVALID", "empty", (fields) => (fields["log"] = [])],
  [
    "another agent's id and log",
    "WRONG_PASSWORD",
    undefined,
    (fields) => Object.assign(fields, { agentId: bobs("agentId"), log: bobs("log") }),
  ],
  [
    "everything of another agent with the same password",
    "RESCUE_NOT_POSSIBLE",
    "key files",
    (fields) => Object.assign(fields, metadataOf(join(folder, "bob"))),
  ],
  ["hashing parameters above the ceiling", "KDF_PARAMETERS_REFUSED", undefined, (fields) => (fields["slots"] = hostileSlot(fields))],
  ["a damaged slot", "RESCUE_NOT_POSSIBLE", "slots", (fields) => (fields["slots"] = ["AAAA"])],
  [
    "a hundred slots",
    "RESCUE_NOT_POSSIBLE",
    "slots",
    (fields) => (fields["slots"] = Array.from({ length: 100 }, () => (fields["slots"] as string[])[0])),
  ],
  ["no slots", "RESCUE_NOT_POSSIBLE", "slots", (fields) => (fields["slots"] = [])],
  ["a generation that would lock its owner out", "RESCUE_NOT_POSSIBLE", "generation", (fields) => (fields["generation"] = 2 ** 53 - 1)],
  ["a name that is none", "RESCUE_NOT_POSSIBLE", "name", (fields) => (fields["name"] = "a\u001bb")],
  ["a home that is no URL", "RESCUE_NOT_POSSIBLE", "directory", (fields) => (fields["directory"] = "nowhere")],
  ["another format", "RESCUE_NOT_POSSIBLE", "format", (fields) => (fields["format"] = "1")],
  ["a newer format", "UNSUPPORTED_VERSION", undefined, (fields) => (fields["format"] = 2)],
];

for (const [what, code, reason, change] of TAMPERED) {
  test(`metadata.json with ${what} is ${code}, before anything changes`, async () => {
    const dataDir = fresh();
    unlinkSync(join(dataDir, "state.db"));
    changeMetadata(dataDir, change);
    const details = await assertRefused(dataDir, code);
    if (reason !== undefined) assert.equal(details["reason"], reason);
  });
}

test("a metadata.json that is no JSON, or of gigabytes, is refused by name", async () => {
  const dataDir = fresh();
  unlinkSync(join(dataDir, "state.db"));
  const path = join(dataDir, "metadata.json");
  writeFileSync(path, "{");
  assert.equal((await assertRefused(dataDir, "RESCUE_NOT_POSSIBLE"))["reason"], "not JSON");
  writeFileSync(path, "[".repeat(100_000));
  assert.equal((await assertRefused(dataDir, "RESCUE_NOT_POSSIBLE"))["reason"], "not JSON");
  truncateSync(path, 3_000_000_000);
  await assert.rejects(rescue(dataDir), (error) => isTalosError(error, "RESCUE_NOT_POSSIBLE") && error.details["reason"] === "too large");
});

test("key files that are missing, damaged or another agent's are named; what does not open is put aside, and nothing of it lost", async () => {
  const dataDir = fresh();
  unlinkSync(join(dataDir, "state.db"));
  const identity = join(dataDir, "identity.key.enc");
  const whole = readFileSync(identity);
  unlinkSync(identity);
  assert.equal((await assertRefused(dataDir, "RESCUE_NOT_POSSIBLE"))["files"], "identity.key.enc");
  for (const content of [readFileSync(join(folder, "bob", "identity.key.enc")), whole.subarray(0, 60), Buffer.from("no key")]) {
    writeFileSync(identity, content, { mode: 0o600 });
    assert.equal((await assertRefused(dataDir, "RESCUE_NOT_POSSIBLE"))["files"], "identity.key.enc");
  }
  writeFileSync(identity, whole);

  writeFileSync(join(dataDir, "prekeys", "signed_prekey.enc"), "damaged", { mode: 0o600 });
  writeFileSync(join(dataDir, "prekeys", "otpk_0123456789abcdef.enc"), "a stranger", { mode: 0o600 });
  writeFileSync(join(dataDir, "encryption.0123456789abcdef.key.enc"), "another", { mode: 0o600 });
  const report = await rescue(dataDir);
  assert.deepEqual(report.prekeys, { made: 101, ended: 100 });
  assert.deepEqual(report.putAside.map((file) => readFileSync(join(dataDir, file), "utf8")).sort(), ["a stranger", "another", "damaged"]);
  await using client = await openIn(environment, { dataDir, password });
  assert.deepEqual(
    client
      .status()
      .findings.map(({ code, file }) => `${code} ${file}`)
      .sort(),
    report.putAside.map((file) => `QUARANTINED ${file}`).sort(),
  );
});

test("keys are found by what they are, not by the names of their files", async () => {
  const dataDir = fresh();
  unlinkSync(join(dataDir, "state.db"));
  const names = ["identity.key.enc", "identity.next.key.enc"].map((name) => join(dataDir, name)) as [string, string];
  renameSync(names[0], `${dataDir}.swap`);
  renameSync(names[1], names[0]);
  renameSync(`${dataDir}.swap`, names[1]);
  const report = await rescue(dataDir);
  assert.deepEqual([report.hasNextKey, report.putAside], [true, []]);
  await using client = await openIn(environment, { dataDir, password });
  assert.equal(client.identityKey, alice.identityKey);
  assert.deepEqual(client.status().findings, []);
});

test("a next key that is lost does not stop a rescue, and is said", async () => {
  const dataDir = fresh();
  unlinkSync(join(dataDir, "state.db"));
  unlinkSync(join(dataDir, "identity.next.key.enc"));
  assert.equal((await rescue(dataDir)).hasNextKey, false);
  await using client = await openIn(environment, { dataDir, password });
  assert.equal(client.did, alice.did);
});

test("in the middle of a change of the vault key a rescue takes the whole set that the password opens, and nothing stays under the former one", async () => {
  const earlier = fresh();
  const later = fresh("alice");
  {
    await using client = await openIn(environment, { dataDir: later, password });
    await client.changePassword({ currentPassword: password, newPassword: "another river", rekey: true });
  }
  // As it lies while files are placed: the encryption key has its new file already, the identity key still its old one.
  const ids = metadataOf(earlier)["keys"] as { id: string; kind: string; role?: string }[];
  const idOf = (role: string): string => ids.find((key) => key.role === role)?.id ?? assert.fail();
  const between = fresh();
  unlinkSync(join(between, "state.db"));
  writeFileSync(join(between, "encryption.key.enc"), readFileSync(join(later, "encryption.key.enc")));
  for (const [name, role] of [
    ["identity.key.enc", "current"],
    ["identity.next.key.enc", "next"],
  ] as const)
    writeFileSync(join(between, `${name}.${idOf(role)}.2.new`), readFileSync(join(later, name)), { mode: 0o600 });
  const slots = [...(metadataOf(later)["slots"] as string[]), ...(metadataOf(earlier)["slots"] as string[])];
  changeMetadata(between, (fields) => (fields["slots"] = slots));

  assert.equal((await assertRefused(between, "RESCUE_NOT_POSSIBLE"))["files"], "encryption.key.enc");
  const report = await rescue(between, { password: "another river" });
  assert.deepEqual([report.did, report.hasNextKey, report.slots.length], [alice.did, true, 1]);
  // They did not open, and are known by their headers: the former vault key may be in other hands.
  assert.deepEqual(report.putAside, []);
  for (const file of keyFilesUnder(between)) assert.equal(readFileSync(join(between, file)).readUInt32BE(18), 2, file);
  await using client = await openIn(environment, { dataDir: between, password: "another river" });
  assert.equal(client.identityKey, alice.identityKey);
  await assert.rejects(openIn(environment, { dataDir: between, password }), (error) => isTalosError(error));
});

test("a database from before a new vault key is no sound one: nothing opens it, so a rescue may run", async () => {
  const earlier = fresh();
  const later = fresh("alice");
  {
    const client = await openIn(environment, { dataDir: later, password });
    await client.changePassword({ currentPassword: password, newPassword: "another river", rekey: true });
    await client.close();
  }
  execFileSync("cp", ["-a", join(earlier, "state.db"), join(later, "state.db")]);
  await rescue(later, { password: "another river" });
  await using client = await openIn(environment, { dataDir: later, password: "another river" });
  assert.equal(client.identityKey, alice.identityKey);
});

test("a database whose slots open another vault key than its own is no sound one", async () => {
  const dataDir = fresh();
  {
    using database = new DatabaseSync(join(dataDir, "state.db"));
    database.exec("UPDATE vault SET vault_key_number = 7");
  }
  await rescue(dataDir);
  await using client = await openIn(environment, { dataDir, password });
  assert.equal(client.identityKey, alice.identityKey);
});

test("a file under the name of a journal that can undo nothing is no reason for a rescue", async () => {
  const dataDir = fresh();
  // Written beside and renamed: nothing but SQLite opens these files by name.
  writeFileSync(`${dataDir}.other`, "no journal", { mode: 0o600 });
  renameSync(`${dataDir}.other`, join(dataDir, "state.db-journal"));
  await assertRefused(dataDir, "RESCUE_NOT_NEEDED");
  await using client = await openIn(environment, { dataDir, password });
  assert.equal(client.identityKey, alice.identityKey);
});

test("one damaged slot in metadata.json keeps nobody out who has another one", async () => {
  for (const bad of ["AAAA", "no base64url!", 7]) {
    const dataDir = fresh();
    unlinkSync(join(dataDir, "state.db"));
    changeMetadata(dataDir, (fields) => (fields["slots"] = [...hostileSlot(fields), bad, ...(fields["slots"] as string[])]));
    assert.deepEqual((await rescue(dataDir)).slots, [{ number: 1, kind: "password", label: "", opened: true }]);
    await using client = await openIn(environment, { dataDir, password });
    assert.equal(client.did, alice.did);
  }
});

test("whatever the generation, a rescued agent opens, and can be rescued again", async () => {
  for (const generation of [2 ** 50, 2 ** 53 - 2 ** 20, 2 ** 53 - 10]) {
    const dataDir = fresh();
    unlinkSync(join(dataDir, "state.db"));
    changeMetadata(dataDir, (fields) => (fields["generation"] = generation));
    const rescued = (await rescue(dataDir)).generation;
    assert.ok(rescued > generation && Number.isSafeInteger(rescued + 2), String(rescued));
    await (await openIn(environment, { dataDir, password })).close();
    const again = await openIn(environment, { dataDir, password });
    assert.deepEqual(again.status().findings, []);
    await again.close();
    unlinkSync(join(dataDir, "state.db"));
    assert.ok((await rescue(dataDir)).generation > generation);
  }
});

test("a rescue whose commit fails leaves the copies of keys where they are, and the next one removes them", async () => {
  const dataDir = fresh();
  unlinkSync(join(dataDir, "state.db"));
  const id = (metadataOf(dataDir)["keys"] as { id: string; kind: string }[]).find(({ kind }) => kind === "encryption")?.id ?? assert.fail();
  const second = `encryption.${id}.key.enc`;
  execFileSync("cp", ["-a", join(dataDir, "encryption.key.enc"), join(dataDir, second)]);
  const attempt = rescueVault({
    dataDir,
    unlock: { kind: "password", secret: SecretBytes.fromUtf8(password) },
    crypto: nodeCrypto,
    now: Date.now(),
    build: async () => ({
      write: () => {
        throw new Error("power is gone");
      },
    }),
  });
  await assert.rejects(attempt, /power is gone/);
  assert.equal(existsSync(join(dataDir, "quarantine")), false);
  await rescue(dataDir);
  assert.deepEqual(
    keyFilesUnder(dataDir).filter((name) => /encryption/.test(name)),
    ["encryption.key.enc"],
  );
  await using client = await openIn(environment, { dataDir, password });
  assert.equal(client.identityKey, alice.identityKey);
});

test("a rescue whose commit fails in its last step keeps what it staged: a crash may bring that commit back", async () => {
  const dataDir = fresh();
  unlinkSync(join(dataDir, "state.db"));
  const staged = (): string[] => readdirSync(join(dataDir, "prekeys")).filter((name) => name.endsWith(".new"));
  // oxlint-disable-next-line typescript/unbound-method -- called with its object below
  const { exec } = DatabaseSync.prototype;
  DatabaseSync.prototype.exec = function (this: DatabaseSync, sql: string): void {
    // The one of the lock comes before anything is staged.
    if (sql === "COMMIT" && staged().length > 0)
      throw Object.assign(new Error("disk I/O error"), { code: "ERR_SQLITE_ERROR", errcode: 10 });
    exec.call(this, sql);
  };
  try {
    await assert.rejects(rescue(dataDir), isTalosError);
  } finally {
    DatabaseSync.prototype.exec = exec;
  }
  assert.equal(staged().length, 101);
  assert.equal((await rescue(dataDir)).did, alice.did);
  assert.equal(readdirSync(join(dataDir, "prekeys")).length, 101);
});

test("the home directory comes from metadata.json, or is given", async () => {
  const dataDir = fresh();
  unlinkSync(join(dataDir, "state.db"));
  changeMetadata(dataDir, (fields) => (fields["directory"] = directory));
  const again = join(folder, "again");
  execFileSync("cp", ["-a", dataDir, again]);
  assert.equal((await rescue(dataDir)).directory, directory);
  assert.equal(metadataOf(dataDir)["directory"], directory);
  assert.equal((await rescue(again, { password, directory: "https://keys.example" })).directory, "https://keys.example");
});

test("a write-ahead log that is left without its database goes aside, unread", async () => {
  const dataDir = fresh();
  unlinkSync(join(dataDir, "state.db"));
  writeFileSync(`${dataDir}.wal`, "what was committed last", { mode: 0o600 });
  renameSync(`${dataDir}.wal`, join(dataDir, "state.db-wal"));
  await assert.rejects(openIn(environment, { dataDir, password }), (error) => isTalosError(error, "VAULT_CORRUPT"));
  const [aside = "", ...more] = (await rescue(dataDir)).putAside;
  assert.match(aside, /^quarantine\/state\.db\.\d+-wal$/);
  assert.deepEqual(more, []);
  assert.equal(readFileSync(join(dataDir, aside), "utf8"), "what was committed last");
});

test("while another process has the folder open, there is no rescue", async () => {
  const dataDir = fresh();
  await using client = await openIn(environment, { dataDir, password });
  assert.equal(client.did, alice.did);
  unlinkSync(join(dataDir, "state.db"));
  await assert.rejects(rescue(dataDir), (error) => isTalosError(error, "VAULT_LOCKED"));
});
