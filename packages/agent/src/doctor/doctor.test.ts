import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, test } from "node:test";
import { encodeStruct, nodeCrypto } from "@talos/core";
import { snapshotFolder, TEST_KDF } from "@talos/testkit";
import { doctorIn } from "../care.ts";
import { systemEnvironment, type Environment } from "../environment.ts";
import type { HeldRecovery } from "../lifecycle/recover/held-recovery.ts";
import type { DoctorOptions } from "../options.ts";
import { createIn, openIn } from "../talos-client.ts";
import { DEFAULT_KDF } from "../vault/slots/kdf-bounds.ts";
import { decodeSlot, encodeSlot } from "../vault/slots/slot-record.ts";
import { APPLICATION_ID } from "../vault/store/migrations.ts";
import type { DoctorReport } from "./doctor.ts";
import type { FindingCode } from "./finding.ts";
import type { DiskState } from "./look.ts";

const password = "river otter lamp quartz";
const environment: Environment = { ...systemEnvironment, kdf: TEST_KDF, allowWeakPasswords: true };
const roomy: DiskState = { freeBytes: 1e12, totalBytes: 2e12, type: 0xef53 };
const DAY = 86_400_000;

let folder: string;
let copies = 0;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "talos-doctor-"));
  for (const name of ["alice", "bob"]) await (await createIn(environment, name, { dataDir: join(folder, name), password })).close();
});

after(() => rmSync(folder, { recursive: true, force: true }));

function fresh(): string {
  const dataDir = join(folder, `copy-${++copies}`);
  execFileSync("cp", ["-a", join(folder, "alice"), dataDir]);
  return dataDir;
}

interface Given {
  readonly options?: DoctorOptions;
  readonly disk?: Partial<DiskState>;
  /** How far the clock is ahead. */
  readonly later?: number;
}

/** Examines, and sees to it that no byte of the folder changes. */
async function examine(dataDir: string, { options = { password }, disk, later = 0 }: Given = {}): Promise<DoctorReport> {
  const clock = { ...systemEnvironment.clock, now: () => Date.now() + later };
  const isThere = readdirSync(folder).includes(dataDir.slice(folder.length + 1));
  const earlier = isThere ? snapshotFolder(dataDir) : {};
  const report = await doctorIn({ ...environment, clock }, { dataDir, ...options }, () => ({ ...roomy, ...disk }));
  assert.deepEqual(isThere ? snapshotFolder(dataDir) : {}, earlier);
  assert.deepEqual(report.checks.length, 20);
  for (const { message, remedy, severity } of report.findings) {
    assert.match(message, /^[A-Z0-9a-z].*[.:]/);
    assert.match(remedy, /\S/);
    assert.ok(["note", "warning", "error"].includes(severity));
  }
  return report;
}

function codes({ findings }: DoctorReport): string[] {
  return findings.map(({ code, file }) => (file === undefined ? code : `${code} ${file}`));
}

/** What a new agent without a directory always has. */
const ALWAYS: readonly FindingCode[] = ["SLOT_ONLY_ONE", "KDF_BELOW_DEFAULT", "UNFINISHED"];

function unusual(report: DoctorReport): string[] {
  return codes({ ...report, findings: report.findings.filter(({ code }) => !ALWAYS.includes(code)) });
}

function inDatabase(dataDir: string, sql: string, ...values: readonly (string | number | Uint8Array)[]): void {
  const database = new DatabaseSync(join(dataDir, "state.db"));
  database.prepare(sql).run(...values);
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  database.close();
}

/** @param places after the newest entry: 1 is the next one */
function appendAudit(dataDir: string, places: number, at: number, generation: number): void {
  const fields = new Map<number, string | number | ReadonlyMap<string, string>>([
    [2, "slot-added"],
    [3, at],
    [4, generation],
    [5, new Map()],
  ]);
  inDatabase(dataDir, "INSERT INTO audit (ord, entry) SELECT max(ord) + ?, ? FROM audit", places, encodeStruct(fields));
  inDatabase(dataDir, "DELETE FROM audit_edge");
}

// Written beside and renamed: nothing but SQLite opens these files by name.
function replaceDatabase(dataDir: string, content: Uint8Array, name: string = "state.db"): void {
  writeFileSync(`${dataDir}.other`, content, { mode: 0o600 });
  renameSync(`${dataDir}.other`, join(dataDir, name));
}

function databaseBytes(dataDir: string): Buffer {
  execFileSync("cp", [join(dataDir, "state.db"), `${dataDir}.bytes`]);
  return readFileSync(`${dataDir}.bytes`);
}

function flipLastByte(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

function firstPrekey(dataDir: string): string {
  return `prekeys/${readdirSync(join(dataDir, "prekeys")).find((name) => name.startsWith("otpk_")) ?? assert.fail()}`;
}

test("a sound agent: every check runs with the password, those of sealed things do not without it, and notes are no warning", async () => {
  const dataDir = fresh();
  const withIt = await examine(dataDir);
  assert.deepEqual([withIt.worst, withIt.unlocked, withIt.name, unusual(withIt)], ["sound", true, "alice", []]);
  assert.ok(withIt.checks.every(({ outcome }) => outcome === "done"));
  assert.deepEqual(withIt.counts, { oneTimePrekeys: 100, sessions: 0, outbox: 0, inbox: 0, peers: 0, unlockSlots: 1, auditEntries: 10 });
  const without = await examine(dataDir, { options: {} });
  assert.deepEqual([without.worst, without.unlocked, unusual(without)], ["sound", false, []]);
  assert.deepEqual(
    without.checks.filter(({ outcome }) => outcome === "not-run").map(({ name, because }) => [name, because]),
    ["way in", "private parts", "sealed values"].map((name) => [name, "no password was given"]),
  );
});

test("a wrong password is a finding, and what needs none is checked all the same", async () => {
  const report = await examine(fresh(), { options: { password: "wrong" } });
  assert.deepEqual([report.worst, unusual(report)], ["cannot-be-opened", ["WRONG_PASSWORD"]]);
  const keyFile = join(folder, "key-file");
  writeFileSync(keyFile, nodeCrypto.randomBytes(64), { mode: 0o600 });
  assert.deepEqual(unusual(await examine(fresh(), { options: { keyFile } })), ["WRONG_UNLOCK_KEY"]);
});

interface Case extends Given {
  readonly name: string;
  readonly damage?: (dataDir: string) => string | void;
  /** `CODE`, or `CODE file`; all that is not usual, the gravest first. `FILE` is what `damage` returned. */
  readonly found: readonly string[];
  readonly worst: DoctorReport["worst"];
  readonly only?: "as root" | undefined;
}

const CASES: readonly Case[] = [
  {
    name: "no such folder",
    damage: (dataDir) => rmSync(dataDir, { recursive: true }),
    found: ["VAULT_NOT_FOUND ."],
    worst: "cannot-be-opened",
  },
  {
    name: "a file in place of the folder",
    damage: (dataDir) => {
      rmSync(dataDir, { recursive: true });
      writeFileSync(dataDir, "");
    },
    found: ["VAULT_NOT_FOUND ."],
    worst: "cannot-be-opened",
  },
  {
    name: "an empty folder",
    damage: (dataDir) => {
      rmSync(dataDir, { recursive: true });
      mkdirSync(dataDir, { mode: 0o700 });
    },
    found: ["VAULT_NOT_FOUND state.db"],
    worst: "cannot-be-opened",
  },
  {
    name: "every path that others may read, not only the first",
    damage: (dataDir) => {
      for (const path of ["", "prekeys", "identity.key.enc", "metadata.json"]) chmodSync(join(dataDir, path), 0o755);
    },
    found: [
      "PERMISSIONS_TOO_OPEN .",
      "PERMISSIONS_TOO_OPEN identity.key.enc",
      "PERMISSIONS_TOO_OPEN metadata.json",
      "PERMISSIONS_TOO_OPEN prekeys",
    ],
    worst: "cannot-be-opened",
  },
  {
    name: "another owner",
    damage: (dataDir) => chownSync(join(dataDir, "metadata.json"), 65_534, 65_534),
    found: ["OWNER_FOREIGN metadata.json"],
    worst: "cannot-be-opened",
    only: "as root",
  },
  {
    name: "a symbolic link",
    damage: (dataDir) => {
      renameSync(join(dataDir, "identity.key.enc"), `${dataDir}.identity`);
      symlinkSync(`${dataDir}.identity`, join(dataDir, "identity.key.enc"));
    },
    found: ["SYMLINK_REFUSED identity.key.enc"],
    worst: "cannot-be-opened",
  },
  {
    name: "a file that is none of ours",
    damage: (dataDir) => writeFileSync(join(dataDir, "letter.txt"), "", { mode: 0o600 }),
    found: ["FILE_UNRELATED letter.txt"],
    worst: "sound",
  },
  { name: "little room", disk: { freeBytes: 50_000_000 }, found: ["SPACE_LOW ."], worst: "warning" },
  { name: "hardly any room", disk: { freeBytes: 1_000_000 }, found: ["SPACE_GONE ."], worst: "error" },
  { name: "a file system that does not count", disk: { freeBytes: 0, totalBytes: 0 }, found: [], worst: "sound" },
  { name: "NFS", disk: { type: 0x6969 }, found: ["FILE_SYSTEM_NETWORK ."], worst: "warning" },
  {
    name: "a lock that is no lock",
    damage: (dataDir) => replaceDatabase(dataDir, Buffer.alloc(4096, "no database "), "lock"),
    found: ["LOCK_DAMAGED lock"],
    worst: "cannot-be-opened",
  },
  {
    name: "a dead process in the lock",
    damage: (dataDir) => {
      const lock = new DatabaseSync(join(dataDir, "lock"));
      lock
        .prepare("INSERT INTO holder (id, pid, host, since, token) VALUES (1, ?, ?, ?, ?)")
        .run(4_194_304, hostname(), 1, new Uint8Array(16));
      lock.close();
    },
    found: ["LOCK_LEFT_BEHIND lock"],
    worst: "sound",
  },
  {
    name: "a process in the lock since a time that is no date",
    damage: (dataDir) => {
      const lock = new DatabaseSync(join(dataDir, "lock"));
      lock
        .prepare("INSERT INTO holder (id, pid, host, since, token) VALUES (1, ?, ?, ?, ?)")
        .run(process.pid, hostname(), 9e15, new Uint8Array(16));
      lock.close();
    },
    found: ["LOCK_HELD lock", "CLOCK_BEHIND state.db"],
    worst: "warning",
  },
  {
    name: "no database",
    damage: (dataDir) => unlinkSync(join(dataDir, "state.db")),
    found: ["VAULT_CORRUPT state.db", "RESCUE_POSSIBLE metadata.json"],
    worst: "cannot-be-opened",
  },
  {
    name: "neither database nor metadata.json",
    damage: (dataDir) => ["state.db", "metadata.json"].forEach((name) => unlinkSync(join(dataDir, name))),
    found: ["VAULT_CORRUPT state.db", "RESCUE_NOT_POSSIBLE metadata.json"],
    worst: "cannot-be-opened",
  },
  {
    name: "half a database",
    damage: (dataDir) => replaceDatabase(dataDir, databaseBytes(dataDir).subarray(0, databaseBytes(dataDir).length / 2)),
    found: ["VAULT_CORRUPT state.db", "RESCUE_POSSIBLE metadata.json"],
    worst: "cannot-be-opened",
  },
  {
    name: "another agent's database",
    damage: (dataDir) => replaceDatabase(dataDir, databaseBytes(join(folder, "bob"))),
    found: ["VAULT_FOREIGN state.db", "RESCUE_POSSIBLE metadata.json"],
    worst: "cannot-be-opened",
  },
  {
    name: "another program's database",
    damage: (dataDir) => inDatabase(dataDir, "PRAGMA application_id = 7"),
    found: ["VAULT_CORRUPT state.db", "RESCUE_POSSIBLE metadata.json"],
    worst: "cannot-be-opened",
  },
  {
    name: "a newer format",
    damage: (dataDir) => inDatabase(dataDir, "PRAGMA user_version = 3"),
    found: ["UNSUPPORTED_VERSION state.db"],
    worst: "cannot-be-opened",
  },
  {
    name: "no own log",
    damage: (dataDir) => inDatabase(dataDir, "DELETE FROM own_events"),
    found: ["LOG_INVALID state.db", "VAULT_CORRUPT state.db", "METADATA_STALE metadata.json", "RESCUE_POSSIBLE metadata.json"],
    worst: "cannot-be-opened",
  },
  {
    name: "no unlock slot",
    damage: (dataDir) => inDatabase(dataDir, "DELETE FROM slots"),
    options: {},
    found: ["SLOT_DAMAGED state.db", "VAULT_CORRUPT state.db", "METADATA_STALE metadata.json", "RESCUE_POSSIBLE metadata.json"],
    worst: "cannot-be-opened",
  },
  {
    name: "a missing identity key",
    damage: (dataDir) => unlinkSync(join(dataDir, "identity.key.enc")),
    found: ["KEY_FILE_MISSING identity.key.enc"],
    worst: "cannot-be-opened",
  },
  {
    name: "a missing one-time prekey",
    damage: (dataDir) => {
      const file = firstPrekey(dataDir);
      unlinkSync(join(dataDir, file));
      return file;
    },
    found: ["KEY_FILE_MISSING FILE"],
    worst: "error",
  },
  {
    name: "a damaged one-time prekey, with the password",
    damage: (dataDir) => {
      const file = firstPrekey(dataDir);
      flipLastByte(join(dataDir, file));
      return file;
    },
    found: ["KEY_FILE_CORRUPT FILE"],
    worst: "error",
  },
  {
    name: "a damaged encryption key, with the password",
    damage: (dataDir) => flipLastByte(join(dataDir, "encryption.key.enc")),
    found: ["KEY_FILE_CORRUPT encryption.key.enc"],
    worst: "cannot-be-opened",
  },
  {
    name: "identity and next key exchanged",
    damage: (dataDir) => {
      renameSync(join(dataDir, "identity.key.enc"), `${dataDir}.swap`);
      renameSync(join(dataDir, "identity.next.key.enc"), join(dataDir, "identity.key.enc"));
      renameSync(`${dataDir}.swap`, join(dataDir, "identity.next.key.enc"));
    },
    found: ["KEY_FILE_SWAPPED identity.key.enc", "KEY_FILE_SWAPPED identity.next.key.enc"],
    worst: "error",
  },
  {
    name: "a key file that nobody knows",
    damage: (dataDir) => writeFileSync(join(dataDir, "prekeys", "otpk_0123456789abcdef.enc"), "a stranger", { mode: 0o600 }),
    found: ["FILE_UNKNOWN prekeys/otpk_0123456789abcdef.enc"],
    worst: "warning",
  },
  {
    name: "a staged file that never came into force",
    damage: (dataDir) => writeFileSync(join(dataDir, "identity.key.enc.0123456789abcdef.1.new"), "", { mode: 0o600 }),
    found: ["FILE_LEFT_OVER identity.key.enc.0123456789abcdef.1.new"],
    worst: "sound",
  },
  {
    name: "something in quarantine",
    damage: (dataDir) => {
      mkdirSync(join(dataDir, "quarantine"), { mode: 0o700 });
      writeFileSync(join(dataDir, "quarantine", "what"), "", { mode: 0o600 });
    },
    found: ["QUARANTINE_NOT_EMPTY quarantine/what"],
    worst: "sound",
  },
  {
    name: "no metadata.json",
    damage: (dataDir) => unlinkSync(join(dataDir, "metadata.json")),
    found: ["METADATA_MISSING metadata.json"],
    worst: "warning",
  },
  {
    name: "an edited metadata.json",
    damage: (dataDir) => writeFileSync(join(dataDir, "metadata.json"), "{}"),
    found: ["METADATA_STALE metadata.json"],
    worst: "warning",
  },
  {
    name: "a database older than metadata.json",
    damage: (dataDir) => {
      const path = join(dataDir, "metadata.json");
      writeFileSync(path, readFileSync(path, "utf8").replace('"generation": 1,', '"generation": 5,'));
    },
    found: ["STATE_OLDER metadata.json"],
    worst: "error",
  },
  {
    name: "nine one-time prekeys left",
    damage: (dataDir) => {
      inDatabase(
        dataDir,
        `UPDATE inventory SET state = 'ended', ended_at = created_at WHERE key_id IN
          (SELECT key_id FROM inventory WHERE kind = 'one-time-prekey' LIMIT 91)`,
      );
    },
    // Each ended key's file is still there, and metadata.json does not know.
    found: ["ONE_TIME_PREKEYS_LOW", "METADATA_STALE metadata.json", "FILE_LEFT_OVER"],
    worst: "warning",
  },
  { name: "40 days later", later: 40 * DAY, found: ["KEY_DUE", "CERTIFICATE_EXPIRED state.db"], worst: "warning" },
  { name: "50 days later", later: 50 * DAY, found: ["KEY_EXPIRED", "CERTIFICATE_EXPIRED state.db"], worst: "warning" },
  { name: "a clock that was set back a day", later: -DAY, found: ["CLOCK_BEHIND state.db"], worst: "warning" },
  { name: "a clock before 1970", later: -Date.now() - DAY, found: ["CLOCK_IMPLAUSIBLE", "CLOCK_BEHIND state.db"], worst: "warning" },
  { name: "a clock of 1970", later: -Date.now(), found: ["CLOCK_IMPLAUSIBLE", "CLOCK_BEHIND state.db"], worst: "warning" },
  {
    name: "hashing parameters of nobody",
    damage: (dataDir) => {
      const database = new DatabaseSync(join(dataDir, "state.db"));
      const record = database.prepare("SELECT record FROM slots").get()?.["record"] as Uint8Array;
      database.close();
      const slot = decodeSlot(record, nodeCrypto);
      const hostile = encodeSlot({ ...slot, kdf: { ...DEFAULT_KDF, passes: 1_000_000 } }, nodeCrypto);
      inDatabase(dataDir, "INSERT INTO slots (slot, record) VALUES (2, ?)", hostile);
    },
    found: ["KDF_PARAMETERS_REFUSED state.db", "METADATA_STALE metadata.json"],
    worst: "error",
  },
  {
    name: "a sealed plan that was damaged",
    damage: (dataDir) => inDatabase(dataDir, "UPDATE plans SET payload = zeroblob(100)"),
    found: ["ROW_DAMAGED state.db"],
    worst: "error",
  },
  {
    name: "an audit trail without its first entry",
    damage: (dataDir) => inDatabase(dataDir, "DELETE FROM audit"),
    found: ["AUDIT_DAMAGED state.db"],
    worst: "error",
  },
  {
    name: "an audit entry of noise",
    damage: (dataDir) => inDatabase(dataDir, "UPDATE audit SET entry = x'00'"),
    found: ["AUDIT_DAMAGED state.db"],
    worst: "error",
  },
  {
    name: "an audit entry of a day when the clock was behind",
    damage: (dataDir) => {
      appendAudit(dataDir, 1, Date.now(), 1);
      appendAudit(dataDir, 1, 1000, 2);
      appendAudit(dataDir, 1, Date.now(), 2);
    },
    found: ["CLOCK_WENT_BACK state.db"],
    worst: "warning",
  },
  {
    name: "an audit entry of an earlier generation",
    damage: (dataDir) => {
      appendAudit(dataDir, 1, Date.now(), 3);
      appendAudit(dataDir, 1, Date.now(), 2);
    },
    found: ["AUDIT_DAMAGED state.db"],
    worst: "error",
  },
  {
    name: "a gap in the audit trail",
    damage: (dataDir) => appendAudit(dataDir, 2, Date.now(), 1),
    found: ["AUDIT_DAMAGED state.db"],
    worst: "error",
  },
  {
    name: "no next key in the inventory",
    damage: (dataDir) => inDatabase(dataDir, "DELETE FROM inventory WHERE role = 'next'"),
    found: ["NEXT_KEY_LOST state.db", "FILE_UNKNOWN identity.next.key.enc", "METADATA_STALE metadata.json"],
    worst: "error",
  },
  {
    name: "a newer copy elsewhere",
    damage: (dataDir) => inDatabase(dataDir, "INSERT INTO settings (name, value) VALUES ('superseded-by', 'x')"),
    found: ["SUPERSEDED"],
    worst: "error",
  },
  {
    name: "a recovery that was not compared",
    damage: (dataDir) =>
      inDatabase(dataDir, held({ way: "restored", since: 1, backupAt: 1, reason: "DIRECTORY_UNREACHABLE", lastAttemptAt: 1 })),
    found: ["RECOVERY_UNCHECKED", "METADATA_STALE metadata.json"],
    worst: "warning",
  },
  {
    name: "a recovery from a backup that was left behind",
    damage: (dataDir) =>
      inDatabase(dataDir, held({ way: "restored", since: 1, backupAt: 1, reason: "BACKUP_OUTDATED", lastAttemptAt: 1, eventsBehind: 2 })),
    found: ["BACKUP_OUTDATED", "METADATA_STALE metadata.json"],
    worst: "error",
  },
  {
    name: "a recovery whose event was not accepted",
    damage: (dataDir) =>
      inDatabase(dataDir, held({ way: "rotated", since: 1, backupAt: 1, reason: "DIRECTORY_UNREACHABLE", lastAttemptAt: 1 })),
    found: ["RECOVERY_UNCHECKED", "METADATA_STALE metadata.json"],
    worst: "warning",
  },
  {
    name: "a recovery whose place in the log another event has",
    damage: (dataDir) =>
      inDatabase(dataDir, held({ way: "rotated", since: 1, backupAt: 1, reason: "IDENTITY_MOVED", lastAttemptAt: 1, eventsBehind: 1 })),
    found: ["IDENTITY_MOVED", "METADATA_STALE metadata.json"],
    worst: "error",
  },
];

function held(mark: HeldRecovery): string {
  return `INSERT INTO settings (name, value) VALUES ('recovery-unchecked', '${JSON.stringify(mark)}')`;
}

for (const { name, damage, found, worst, only, ...given } of CASES) {
  if (only === "as root" && process.getuid?.() !== 0) continue;
  test(`${name}: ${found.length === 0 ? "nothing" : found.join(", ")}, ${worst}`, async () => {
    const dataDir = fresh();
    const file = damage?.(dataDir) ?? "";
    const report = await examine(dataDir, given);
    const unlike = [...new Set(unusual(report).map((one) => (one.startsWith("FILE_LEFT_OVER prekeys/") ? "FILE_LEFT_OVER" : one)))];
    assert.deepEqual(unlike.sort(), found.map((one) => one.replace("FILE", "FILE").replace(/ FILE$/, ` ${file}`)).sort());
    assert.equal(report.worst, worst);
    const [first] = report.findings;
    if (worst === "cannot-be-opened") assert.equal(first?.preventsOpening, true);
  });
}

test("what a check needs and cannot have, it says, and throws nothing", async () => {
  const dataDir = fresh();
  unlinkSync(join(dataDir, "state.db"));
  const { checks } = await examine(dataDir);
  const notRun = checks.filter(({ outcome }) => outcome === "not-run");
  assert.ok(notRun.length > 8);
  assert.ok(notRun.every(({ because }) => because === "state.db cannot be used"));
});

test("beside a running agent nothing is wrong, and its process is named", async () => {
  const dataDir = fresh();
  await using client = await openIn(environment, { dataDir, password });
  const report = await doctorIn(environment, { dataDir, password }, () => roomy);
  assert.deepEqual([report.worst, unusual(report)], ["sound", ["LOCK_HELD lock"]]);
  assert.match(report.findings.find(({ code }) => code === "LOCK_HELD")?.message ?? "", new RegExp(`^Process ${process.pid} on `));
  assert.equal(report.generation, client.status().generation);
  // The lock did not fall: nobody else gets in.
  await assert.rejects(openIn(environment, { dataDir, password }), { code: "VAULT_LOCKED" });
});

test("the application id is that of the format", () => {
  assert.equal(APPLICATION_ID, 0x54414c4f);
});
