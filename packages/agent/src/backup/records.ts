/**
 * What the store says of backups that were made and tried. On record are places and results, in the settings, which stay on this machine; the
 * audit says the same without places. Knows no file.
 */
import { DAY_MILLISECONDS, type ErrorCode } from "@talos/core";
import { isTime, readRecord, writeRecord } from "../lifecycle/stored-json.ts";
import type { ReadTransaction, Transaction } from "../vault/index.ts";
import { judgeBackup, knownByAgent } from "./backup-standing.ts";
import type { BackupCheck, BackupDrillStatus, BackupStatus } from "./backup-views.ts";
import type { StoredCopy } from "./copy-places.ts";
import {
  forgetUnlisted,
  headOfStored,
  isResult,
  MAX_COPIES_ON_RECORD,
  storeBackups,
  storedBackups,
  type StoredBackup,
  unlistedBackups,
} from "./stored-backups.ts";

const DRILLS = "backup-drills";
const MAX_DRILLS = 16;
/** In the place of an id: those that had to make room. */
export const UNLISTED_ID = "unlisted";

/** A backup as it is found again. */
export type KnownBackup = Pick<BackupCheck, "id" | "createdAt" | "head" | "slots">;

/** A copy that was written just now. */
export interface WrittenCopy extends StoredCopy {
  /** The id of the backup that lay there before, and is gone. */
  readonly replaced?: string | undefined;
}

/** A backup that is on record, with what only its plan needs. */
export interface RecordedBackup {
  readonly status: BackupStatus;
  readonly copies: readonly StoredCopy[];
  /** The passwords of the data directory that were tried when it was made: when each was set. Absent: it was not made here. */
  readonly triedWays: readonly number[] | undefined;
}

/**
 * In the transaction after its copies were written.
 *
 * @param copies those that are there; a record loses a path only where that very backup was replaced there: what lay there on another medium, or
 *   was moved away, is somewhere still
 * @param triedWays of the passwords that open the data directory, and none of which opens it: when each was set
 */
export function recordBackup(
  tx: Transaction,
  backup: KnownBackup,
  copies: readonly WrittenCopy[],
  triedWays: readonly number[],
  now: number,
): void {
  const others = storedBackups(tx).flatMap((one) => {
    const left = one.copies.filter(({ path }) => !copies.some((copy) => copy.path === path && copy.replaced === one.id));
    return left.length > 0 || one.copies.length === 0 ? [{ ...one, copies: left }] : [];
  });
  const stored = copies.map(({ path, medium }) => ({ path, ...(medium === undefined ? {} : { medium }) }));
  const made: StoredBackup = { ...asStored(backup, stored), triedWays };
  storeBackups(tx, [made, ...others], backup.id);
  tx.audit.append({ kind: "backup-created", at: now, details: { seq: backup.head.seq, copies: copies.length, slots: backup.slots } });
}

/** A restoration that was tried and went through. @param copy that it was tried with */
export function recordCheck(tx: Transaction, backup: BackupCheck, copy: StoredCopy, now: number): void {
  const { verdict, ageDays } = backup;
  const known = storedBackups(tx);
  const at = known.findIndex(({ id }) => id === backup.id);
  const before = known[at] ?? asStored(backup, []);
  const copies = [...before.copies.filter(({ path }) => path !== copy.path), copy].slice(-MAX_COPIES_ON_RECORD);
  const checked: StoredBackup = { ...before, copies, verifiedAt: now, result: verdict };
  // One that was not made here takes its place by what it says of its time.
  const after = known.findIndex(({ createdAt }) => createdAt <= backup.createdAt);
  const place = at >= 0 ? at : after >= 0 ? after : known.length;
  storeBackups(tx, known.toSpliced(place, at >= 0 ? 1 : 0, checked), backup.id);
  storeDrill(tx, { at: now, path: copy.path, result: verdict });
  tx.audit.append({ kind: "backup-verified", at: now, details: { result: verdict, seq: backup.head.seq, ageDays } });
}

/** What says that the file itself is no backup to rely on; everything else says that it could not be tried. */
const FAULTS: readonly ErrorCode[] = ["BACKUP_DAMAGED", "BACKUP_KEY_FAILED", "KDF_PARAMETERS_REFUSED"];

/** A restoration that was tried and failed. @param path absolute: what is on record as lying there cannot be relied on */
export function recordFailure(tx: Transaction, path: string, code: ErrorCode, now: number): void {
  const known = storedBackups(tx);
  const newest = known.find(({ copies }) => copies.some((copy) => copy.path === path));
  if (newest !== undefined && FAULTS.includes(code)) {
    const faulty = { ...newest, verifiedAt: now, result: code };
    storeBackups(
      tx,
      known.map((one) => (one === newest ? faulty : one)),
      newest.id,
    );
  }
  storeDrill(tx, { at: now, path, result: code });
  tx.audit.append({ kind: "backup-verified", at: now, details: { result: code } });
}

/** @param id of one, or `unlisted` for all that had to make room @returns false where there is none on record */
export function forgetBackup(tx: Transaction, id: string): boolean {
  if (id === UNLISTED_ID) {
    const isAny = unlistedCount(tx) > 0;
    if (isAny) forgetUnlisted(tx);
    return isAny;
  }
  const known = storedBackups(tx);
  const others = known.filter((one) => one.id !== id);
  if (others.length < known.length) storeBackups(tx, others, "");
  return others.length < known.length;
}

/** The one that was made last first. */
export function backupStatus(tx: ReadTransaction): readonly BackupStatus[] {
  return recordedBackups(tx).map(({ status }) => status);
}

/** As `backupStatus`. */
export function recordedBackups(tx: ReadTransaction): readonly RecordedBackup[] {
  const stored = storedBackups(tx);
  if (stored.length === 0) return [];
  const known = knownByAgent(tx, "agent");
  return stored.map((backup) => {
    const { id, createdAt, seq, slots, copies, triedWays, verifiedAt, result } = backup;
    const { state } = judgeBackup([headOfStored(backup)], known);
    const status: BackupStatus = {
      id,
      createdAt,
      seq,
      paths: copies.map(({ path }) => path),
      slots,
      // Its head alone does not say whether what is before it stands here; whoever has opened it has seen that.
      state: state === "ahead" && result === "other-branch" ? result : state,
      ...(verifiedAt === undefined ? {} : { verifiedAt }),
      ...(result === undefined ? {} : { verifyResult: result }),
    };
    return { status, copies, triedWays };
  });
}

/** How many had to make room. @param isDangerous only those of a head that is not the present one */
export function unlistedCount(tx: ReadTransaction, isDangerous: boolean = false): number {
  const unlisted = unlistedBackups(tx);
  if (unlisted.length === 0) return 0;
  const known = knownByAgent(tx, "agent");
  return unlisted
    .filter((one) => !isDangerous || judgeBackup([headOfStored(one)], known).state === "dangerous")
    .reduce((sum, { count }) => sum + count, 0);
}

/** The last restoration that was tried. @param path absolute: of what lies there; default: of any */
export function lastDrill(tx: ReadTransaction, path?: string): BackupDrillStatus | undefined {
  return drills(tx).find((drill) => path === undefined || drill.path === path);
}

/** Whole days; of one that is from a clock ahead of this one 0. */
export function ageInDays(createdAt: number, now: number): number {
  return Math.max(0, Math.floor((now - createdAt) / DAY_MILLISECONDS));
}

/** Its time is from a clock that was ahead: how old it is nobody knows. */
export function isFromFuture(createdAt: number, now: number): boolean {
  return createdAt > now + DAY_MILLISECONDS;
}

function asStored({ id, createdAt, head, slots }: KnownBackup, copies: readonly StoredCopy[]): StoredBackup {
  return { id, createdAt, seq: head.seq, hash: head.hash, slots, copies: copies.slice(0, MAX_COPIES_ON_RECORD) };
}

/** The newest first; one for each path. */
function drills(tx: ReadTransaction): readonly BackupDrillStatus[] {
  return readRecord(tx, DRILLS, isDrills) ?? [];
}

function storeDrill(tx: Transaction, drill: BackupDrillStatus): void {
  writeRecord(tx, DRILLS, [drill, ...drills(tx).filter(({ path }) => path !== drill.path)].slice(0, MAX_DRILLS));
}

function isDrills(value: object): value is BackupDrillStatus[] {
  const isDrill = (one: unknown): boolean => {
    if (typeof one !== "object" || one === null) return false;
    const { at, path, result } = one as Record<string, unknown>;
    return isTime(at) && typeof path === "string" && isResult(result);
  };
  return Array.isArray(value) && value.every(isDrill);
}
