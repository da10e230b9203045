/**
 * What the store says of backups that were made and tried. On record are places and results, in the settings, which stay on this machine; the
 * audit says the same without places. Knows no file.
 */
import { DAY_MILLISECONDS, equalBytes, type ErrorCode, fromHex } from "@talos/core";
import { isTime, readRecord, writeRecord } from "../lifecycle/stored-json.ts";
import type { ReadTransaction, Transaction } from "../vault/index.ts";
import type { BackupCheck, BackupDrillStatus, BackupStatus, BackupVerdict } from "./backup-views.ts";

const BACKUPS = "backups";
const DRILLS = "backup-drills";
const MAX_RECORDS = 16;
const MAX_PATHS = 16;

/** A backup as it is found again. */
export type KnownBackup = Pick<BackupCheck, "id" | "createdAt" | "head" | "slots">;

interface StoredBackup {
  readonly id: string;
  readonly createdAt: number;
  readonly seq: number;
  readonly hash: string;
  readonly slots: number;
  readonly paths: readonly string[];
  readonly verifiedAt?: number;
  readonly result?: string;
}

/** In the transaction after its copies were written. @param paths of those that are there */
export function recordBackup(tx: Transaction, backup: KnownBackup, paths: readonly string[], now: number): void {
  // A file that was replaced is that backup no more.
  const others = stored(tx).map((one) => ({ ...one, paths: one.paths.filter((path) => !paths.includes(path)) }));
  store(tx, [asStored(backup, paths), ...others.filter((one) => one.paths.length > 0)]);
  tx.audit.append({ kind: "backup-created", at: now, details: { seq: backup.head.seq, copies: paths.length, slots: backup.slots } });
}

/** A restoration that was tried and went through. @param path absolute */
export function recordCheck(tx: Transaction, backup: BackupCheck, path: string, now: number): void {
  const { verdict, ageDays } = backup;
  const known = stored(tx);
  const before = known.find(({ id }) => id === backup.id) ?? asStored(backup, []);
  const paths = [...new Set([...before.paths, path])].slice(-MAX_PATHS);
  const others = known.filter(({ id }) => id !== backup.id);
  const checked: StoredBackup = { ...before, paths, verifiedAt: now, result: verdict };
  store(tx, [...others, checked]);
  storeDrill(tx, { at: now, path, result: verdict });
  tx.audit.append({ kind: "backup-verified", at: now, details: { result: verdict, seq: backup.head.seq, ageDays } });
}

/** What says that the file itself is no backup to rely on; everything else says that it could not be tried. */
const FAULTS: readonly ErrorCode[] = ["BACKUP_DAMAGED", "BACKUP_KEY_FAILED", "KDF_PARAMETERS_REFUSED"];

/** A restoration that was tried and failed. @param path absolute: what is on record as lying there cannot be relied on */
export function recordFailure(tx: Transaction, path: string, code: ErrorCode, now: number): void {
  const known = stored(tx);
  const [newest] = known.filter(({ paths }) => paths.includes(path)).sort((a, b) => b.createdAt - a.createdAt);
  if (newest !== undefined && FAULTS.includes(code)) {
    store(
      tx,
      known.map((one) => (one === newest ? { ...one, verifiedAt: now, result: code } : one)),
    );
  }
  storeDrill(tx, { at: now, path, result: code });
  tx.audit.append({ kind: "backup-verified", at: now, details: { result: code } });
}

/** @returns false where none of that id is on record */
export function forgetBackup(tx: Transaction, id: string): boolean {
  const known = stored(tx);
  const others = known.filter((one) => one.id !== id);
  if (others.length < known.length) store(tx, others);
  return others.length < known.length;
}

/** The newest first. */
export function backupStatus(tx: ReadTransaction): readonly BackupStatus[] {
  const head = tx.log.head();
  return stored(tx)
    .sort((a, b) => b.createdAt - a.createdAt)
    .map(({ id, createdAt, seq, hash, slots, paths, verifiedAt, result }) => {
      const isCurrent = head !== undefined && head.seq === seq && equalBytes(head.hash, fromHex(hash));
      return {
        id,
        createdAt,
        seq,
        paths,
        slots,
        state: isCurrent ? "current" : "dangerous",
        ...(verifiedAt === undefined ? {} : { verifiedAt }),
        ...(result === undefined ? {} : { verifyResult: result as BackupVerdict | ErrorCode }),
      };
    });
}

/** The last restoration that was tried. @param path absolute: of what lies there; default: of any */
export function lastDrill(tx: ReadTransaction, path?: string): BackupDrillStatus | undefined {
  return drills(tx).find((drill) => path === undefined || drill.path === path);
}

/** Whole days; of one that is from a clock ahead of this one 0. */
export function ageInDays(createdAt: number, now: number): number {
  return Math.max(0, Math.floor((now - createdAt) / DAY_MILLISECONDS));
}

function asStored({ id, createdAt, head, slots }: KnownBackup, paths: readonly string[]): StoredBackup {
  return { id, createdAt, seq: head.seq, hash: head.hash, slots, paths: paths.slice(0, MAX_PATHS) };
}

function stored(tx: ReadTransaction): StoredBackup[] {
  return [...(readRecord(tx, BACKUPS, isBackups) ?? [])];
}

/** The newest ones stay. */
function store(tx: Transaction, backups: readonly StoredBackup[]): void {
  const newest = [...backups].sort((a, b) => b.createdAt - a.createdAt).slice(0, MAX_RECORDS);
  writeRecord(tx, BACKUPS, newest);
}

/** The newest first; one for each path. */
function drills(tx: ReadTransaction): readonly BackupDrillStatus[] {
  return readRecord(tx, DRILLS, isDrills) ?? [];
}

function storeDrill(tx: Transaction, drill: BackupDrillStatus): void {
  writeRecord(tx, DRILLS, [drill, ...drills(tx).filter(({ path }) => path !== drill.path)].slice(0, MAX_RECORDS));
}

function isBackups(value: object): value is StoredBackup[] {
  return Array.isArray(value) && value.every(isStoredBackup);
}

function isStoredBackup(value: unknown): value is StoredBackup {
  if (typeof value !== "object" || value === null) return false;
  const { id, createdAt, seq, hash, slots, paths, verifiedAt, result } = value as Record<string, unknown>;
  const isText = (text: unknown): boolean => typeof text === "string";
  return (
    isText(id) &&
    typeof hash === "string" &&
    /^[0-9a-f]{64}$/.test(hash) &&
    [createdAt, seq, slots].every(isTime) &&
    Array.isArray(paths) &&
    paths.every(isText) &&
    (verifiedAt === undefined || isTime(verifiedAt)) &&
    (result === undefined || isText(result))
  );
}

function isDrills(value: object): value is BackupDrillStatus[] {
  const isDrill = (one: unknown): boolean => {
    if (typeof one !== "object" || one === null) return false;
    const { at, path, result } = one as Record<string, unknown>;
    return isTime(at) && typeof path === "string" && typeof result === "string";
  };
  return Array.isArray(value) && value.every(isDrill);
}
