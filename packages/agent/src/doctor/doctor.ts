/**
 * Examines a data directory: every check that can run, in order, and a word on each that cannot. Takes no lock, changes no byte, works
 * beside a running agent and on a folder that is broken in any way.
 */
import { agentIdToDid, isTalosError, type Crypto } from "@talos/core";
import { readFacts, readOnce, readSlots, type StoredFacts } from "../vault/database.ts";
import { DATABASE_FILE } from "../vault/keys/layout.ts";
import { Sealer } from "../vault/sealer.ts";
import { Store } from "../vault/store/store.ts";
import { transactionOver } from "../vault/store/transaction.ts";
import { unlock, type UnlockWith } from "../vault/slots/unlock-slots.ts";
import { checkAudit } from "./audit.ts";
import { checkClock, checkDueDates, checkTimes } from "./dates.ts";
import { checkFileSystem, checkSpace, readDisk } from "./disk.ts";
import { checkFolderPermissions, checkStrangers, findFolder } from "./folder.ts";
import { type DoctorFinding, finding, type Severity, SEVERITIES } from "./finding.ts";
import { checkPlaces, checkPrivateParts } from "./key-files.ts";
import { checkLock, livingHolder } from "./lock.ts";
import type { FolderCheck, Look, StateCheck } from "./look.ts";
import { checkMetadata } from "./metadata.ts";
import { checkOwnLog } from "./own-log.ts";
import { checkQuarantine } from "./quarantine.ts";
import { checkSealedValues } from "./sealed-values.ts";
import { checkSlots } from "./slots.ts";
import { checkStanding, checkStock } from "./standing.ts";
import { checkState } from "./state.ts";

/** One check: what it found, or why it did not run. */
export interface CheckResult {
  readonly name: string;
  readonly outcome: "done" | "not-run";
  /** Why it did not run. */
  readonly because?: string;
  readonly findings: readonly DoctorFinding[];
}

/** Counts of a database that could be read. */
export interface DoctorCounts {
  readonly oneTimePrekeys: number;
  readonly sessions: number;
  readonly outbox: number;
  readonly inbox: number;
  readonly peers: number;
  readonly unlockSlots: number;
  readonly auditEntries: number;
}

export interface DoctorReport {
  readonly dataDir: string;
  /** milliseconds since 1970 */
  readonly checkedAt: number;
  /** Who the database says it is. */
  readonly did?: string;
  readonly name?: string;
  readonly generation?: number;
  /** Whether a password, key file or credential was given and opens the vault. */
  readonly unlocked: boolean;
  readonly counts?: DoctorCounts;
  readonly checks: readonly CheckResult[];
  /** Of all checks, the gravest first. */
  readonly findings: readonly DoctorFinding[];
  /** `sound`: notes at most. `cannot-be-opened`: something has to be mended first. */
  readonly worst: "sound" | "warning" | "error" | "cannot-be-opened";
}

export interface ExamineInput {
  readonly dataDir: string;
  readonly unlock: UnlockWith | undefined;
  readonly crypto: Crypto;
  readonly now: number;
  /** What the file system says; a test gives its own. */
  readonly disk?: Look["disk"];
}

const FOLDER_CHECKS: readonly (readonly [string, FolderCheck])[] = [
  ["permissions", checkFolderPermissions],
  ["folder", checkStrangers],
  ["free space", checkSpace],
  ["file system", checkFileSystem],
  ["lock", checkLock],
  ["clock", checkClock],
  ["quarantine", checkQuarantine],
];
const STATE_CHECKS: readonly (readonly [string, StateCheck])[] = [
  ["identity log", checkOwnLog],
  ["unlock slots", checkSlots],
  ["key files", checkPlaces],
  ["metadata.json", checkMetadata],
  ["one-time prekeys", checkStock],
  ["due dates", checkDueDates],
  ["times", checkTimes],
  ["standing", checkStanding],
  ["audit trail", checkAudit],
];
const SEALED_CHECKS: readonly (readonly [string, StateCheck])[] = [
  ["private parts", checkPrivateParts],
  ["sealed values", checkSealedValues],
];

/** Findings that a look between a commit and what follows it may bring. */
const MOVING = /^(KEY_FILE|FILE|METADATA|STATE)_/;

export function examine(input: ExamineInput): DoctorReport {
  const { dataDir, crypto, now, disk = readDisk } = input;
  const look: Look = { dataDir, crypto, now, disk };
  const noFolder = findFolder(dataDir);
  if (noFolder !== undefined) {
    const because = "there is no folder to look into";
    const rest = [...FOLDER_CHECKS, ...STATE_CHECKS, ...SEALED_CHECKS].filter(([name]) => name !== "folder");
    const checks = [done("folder", [noFolder]), ...notRun(["state.db", "way in", ...rest.map(([name]) => name)], because)];
    return report(input, checks, undefined, false);
  }
  const checks = FOLDER_CHECKS.map(([name, check]) => run(name, () => check(look)));
  const state = readState(look);
  checks.push(state.result);
  if (!state.readable) {
    const names = ["way in", ...STATE_CHECKS.map(([name]) => name), ...SEALED_CHECKS.map(([name]) => name)];
    checks.push(...notRun(names, "state.db cannot be used"));
    return report(input, checks, undefined, false);
  }
  const wayIn = tryWayIn(input);
  using sealer = wayIn.sealer;
  checks.push(wayIn.result);
  const examined = examineState(look, sealer);
  // A running agent may have been moving files just then.
  const again =
    livingHolder(dataDir) !== undefined && examined.checks.some(({ findings }) => findings.some(({ code }) => MOVING.test(code)));
  const { checks: stateChecks, facts, counts } = again ? examineState(look, sealer) : examined;
  checks.push(...stateChecks);
  if (sealer === undefined) {
    const because = input.unlock === undefined ? "no password was given" : "the vault did not open";
    checks.push(
      ...notRun(
        SEALED_CHECKS.map(([name]) => name),
        because,
      ),
    );
  }
  return report(input, checks, facts === undefined ? undefined : { facts, counts }, sealer !== undefined);
}

interface Examined {
  readonly checks: readonly CheckResult[];
  readonly facts: StoredFacts | undefined;
  readonly counts: DoctorCounts | undefined;
}

/** All of it against one consistent state. */
function examineState(look: Look, sealer: Sealer | undefined): Examined {
  const names = [...STATE_CHECKS, ...(sealer === undefined ? [] : SEALED_CHECKS)];
  const holder = livingHolder(look.dataDir);
  try {
    return readOnce(look.dataDir, (database) => {
      const facts = readFacts(database);
      if (facts === undefined)
        return {
          checks: notRun(
            names.map(([name]) => name),
            "state.db is empty now",
          ),
          facts: undefined,
          counts: undefined,
        };
      const store = new Store(database, sealer);
      const tx = transactionOver(store);
      const stateLook = { ...look, database, store, tx, facts, sealer, holder };
      const checks = names.map(([name, check]) => run(name, () => check(stateLook)));
      const counts = { ...countRows(store), oneTimePrekeys: tx.inventory.countOneTime(), unlockSlots: readSlots(database).length };
      return { checks, facts, counts };
    });
  } catch (error) {
    // Somebody replaced or damaged it since it was found sound.
    const [first = "", ...rest] = names.map(([name]) => name);
    const checks = [done(first, [failed(first, error)]), ...notRun(rest, "state.db could not be read any more")];
    return { checks, facts: undefined, counts: undefined };
  }
}

function countRows(store: Store): Pick<DoctorCounts, "sessions" | "outbox" | "inbox" | "peers" | "auditEntries"> {
  const count = (from: string): number => Number(store.get(`SELECT count(*) AS n FROM ${from}`)?.["n"]);
  return {
    sessions: count("sessions"),
    outbox: count("outbox WHERE finished_at IS NULL"),
    inbox: count("inbox"),
    peers: count("peers"),
    auditEntries: count("audit"),
  };
}

function readState(look: Look): { result: CheckResult; readable: boolean } {
  let readable = false;
  const result = run("state.db", () => {
    const reading = checkState(look);
    ({ readable } = reading);
    return reading.findings;
  });
  return { result, readable };
}

function tryWayIn({ dataDir, unlock: withSecret, crypto }: ExamineInput): { result: CheckResult; sealer: Sealer | undefined } {
  const name = "way in";
  if (withSecret === undefined) return { result: notRun([name], "no password was given")[0] ?? done(name, []), sealer: undefined };
  let sealer: Sealer | undefined;
  const result = run(name, () => {
    const { facts, slots } = readOnce(dataDir, (database) => ({ facts: readFacts(database), slots: readSlots(database) }));
    if (facts === undefined) return [];
    const { vaultKey, stretched } = unlock(slots, withSecret, facts, crypto);
    stretched.dispose();
    sealer = new Sealer(vaultKey, facts.agentId, facts.vaultKeyNumber, crypto);
    return [];
  });
  return { result, sealer };
}

/** A check that fails has found something too. */
function run(name: string, check: () => readonly DoctorFinding[]): CheckResult {
  try {
    return done(name, check());
  } catch (error) {
    return done(name, [failed(name, error)]);
  }
}

function failed(name: string, error: unknown): DoctorFinding {
  const code = isTalosError(error) ? error.code : "STORAGE_FAILED";
  if (code === "WRONG_PASSWORD" || code === "WRONG_UNLOCK_KEY") {
    return finding(code, {
      message: `The ${code === "WRONG_PASSWORD" ? "password" : "key"} that was given opens no unlock slot.`,
      remedy: "Try again with the right one; without any, doctor checks what it can.",
      preventsOpening: true,
    });
  }
  if (code === "KDF_PARAMETERS_REFUSED" || code === "UNSUPPORTED_VERSION" || code === "VAULT_CORRUPT") {
    return finding(code, {
      file: DATABASE_FILE,
      message: `The check of ${name} could not be finished: ${isTalosError(error) ? error.message : code}`,
      remedy: "Put back an untouched copy of what the other findings name.",
      preventsOpening: true,
    });
  }
  return finding("STORAGE_FAILED", {
    message: `The check of ${name} could not read what it needed.`,
    remedy: "Check the disk and the permissions, then run it again.",
    preventsOpening: true,
  });
}

function done(name: string, findings: readonly DoctorFinding[]): CheckResult {
  return { name, outcome: "done", findings };
}

function notRun(names: readonly string[], because: string): CheckResult[] {
  return names.map((name) => ({ name, outcome: "not-run", because, findings: [] }));
}

function report(
  { dataDir, now }: ExamineInput,
  checks: readonly CheckResult[],
  read: { facts: StoredFacts; counts: DoctorCounts | undefined } | undefined,
  unlocked: boolean,
): DoctorReport {
  const rank = ({ preventsOpening, severity }: DoctorFinding): number =>
    preventsOpening ? SEVERITIES.length : SEVERITIES.indexOf(severity);
  const findings = checks.flatMap((check) => check.findings).sort((a, b) => rank(b) - rank(a));
  const { facts, counts } = read ?? {};
  return {
    dataDir,
    checkedAt: now,
    ...(facts === undefined ? {} : { did: agentIdToDid(facts.agentId), name: facts.name, generation: facts.generation }),
    unlocked,
    ...(counts === undefined ? {} : { counts }),
    checks,
    findings,
    worst: worstOf(findings),
  };
}

function worstOf(findings: readonly DoctorFinding[]): DoctorReport["worst"] {
  const has = (severity: Severity): boolean => findings.some((one) => one.severity === severity);
  if (findings.some(({ preventsOpening }) => preventsOpening)) return "cannot-be-opened";
  if (has("error")) return "error";
  return has("warning") ? "warning" : "sound";
}
