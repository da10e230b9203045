/**
 * The backups that are on record, as they are stored: in the settings, which stay on this machine. In the order in which they were made here,
 * whatever clocks said; and how many had to make room. Knows no log.
 */
import { type ErrorCode, fromHex, isErrorCode, type LogHead, toHex } from "@talos/core";
import { isTime, readRecord, writeRecord } from "../lifecycle/stored-json.ts";
import type { ReadTransaction, Transaction } from "../vault/index.ts";
import { isVerdict } from "./backup-standing.ts";
import type { BackupVerdict } from "./backup-views.ts";
import type { StoredCopy } from "./copy-places.ts";

const BACKUPS = "backups";
const UNLISTED = "backups-unlisted";
const MAX_BACKUPS = 64;
export const MAX_COPIES_ON_RECORD = 16;
/** Heads at which backups were made that are not listed any more. */
const MAX_HEADS = 64;

export interface StoredBackup {
  readonly id: string;
  readonly createdAt: number;
  /** Of the log that it was made at: seq, and event hash in hexadecimal. */
  readonly seq: number;
  readonly hash: string;
  readonly slots: number;
  readonly copies: readonly StoredCopy[];
  /** The passwords of the data directory that were tried when it was made: when each was set. Absent: it was not made here. */
  readonly triedWays?: readonly number[];
  readonly verifiedAt?: number;
  readonly result?: BackupVerdict | ErrorCode;
}

/** Backups at one head that are on record by their number alone. */
export interface Unlisted {
  readonly seq: number;
  readonly hash: string;
  readonly count: number;
}

export function headOfStored({ seq, hash }: Pick<StoredBackup, "seq" | "hash">): LogHead {
  return { seq, hash: fromHex(hash) };
}

/** The one that was made last first. */
export function storedBackups(tx: ReadTransaction): StoredBackup[] {
  return [...(readRecord(tx, BACKUPS, isBackups) ?? [])];
}

export function unlistedBackups(tx: ReadTransaction): readonly Unlisted[] {
  return readRecord(tx, UNLISTED, isUnlisted) ?? [];
}

export function forgetUnlisted(tx: Transaction): void {
  writeRecord(tx, UNLISTED, []);
}

/**
 * What makes room where there are too many: the oldest at the log's present head, since newer ones are there; else the oldest of all. It stays
 * counted: it goes on lying somewhere.
 *
 * @param kept the id of one that was just made or looked at
 */
export function storeBackups(tx: Transaction, backups: readonly StoredBackup[], kept: string): void {
  const head = tx.log.head();
  const present = head === undefined ? "" : toHex(head.hash);
  const listed = [...backups];
  const dropped: StoredBackup[] = [];
  while (listed.length > MAX_BACKUPS) {
    const newest = listed.findIndex(({ hash }) => hash === present);
    const ofHead = listed.findLastIndex(({ id, hash }) => id !== kept && hash === present);
    const index = ofHead > newest ? ofHead : listed.findLastIndex(({ id }, at) => id !== kept && at !== newest);
    dropped.push(...listed.splice(index, 1));
  }
  writeRecord(tx, BACKUPS, listed);
  if (dropped.length > 0) writeRecord(tx, UNLISTED, counted(unlistedBackups(tx), dropped));
}

/** The lowest heads go together where there are too many: all of them are of the past. */
function counted(before: readonly Unlisted[], dropped: readonly StoredBackup[]): readonly Unlisted[] {
  const byHead = new Map(before.map((one) => [one.hash, one]));
  for (const { seq, hash } of dropped) byHead.set(hash, { seq, hash, count: (byHead.get(hash)?.count ?? 0) + 1 });
  const [...heads] = [...byHead.values()].sort((a, b) => b.seq - a.seq);
  const over = heads.splice(MAX_HEADS);
  const last = heads.at(-1);
  if (last === undefined || over.length === 0) return heads;
  return [...heads.slice(0, -1), { ...last, count: over.reduce((sum, { count }) => sum + count, last.count) }];
}

function isBackups(value: object): value is StoredBackup[] {
  return Array.isArray(value) && value.every(isStoredBackup);
}

function isStoredBackup(value: unknown): value is StoredBackup {
  if (typeof value !== "object" || value === null) return false;
  const { id, createdAt, seq, hash, slots, copies, triedWays, verifiedAt, result } = value as Record<string, unknown>;
  return (
    typeof id === "string" &&
    isHash(hash) &&
    [createdAt, seq, slots].every(isTime) &&
    Array.isArray(copies) &&
    copies.every(isCopy) &&
    (triedWays === undefined || (Array.isArray(triedWays) && triedWays.every(isTime))) &&
    (verifiedAt === undefined || isTime(verifiedAt)) &&
    (result === undefined || isResult(result))
  );
}

function isCopy(value: unknown): value is StoredCopy {
  if (typeof value !== "object" || value === null) return false;
  const { path, medium } = value as Record<string, unknown>;
  return typeof path === "string" && (medium === undefined || typeof medium === "string");
}

function isUnlisted(value: object): value is Unlisted[] {
  const isOne = (one: unknown): boolean => {
    if (typeof one !== "object" || one === null) return false;
    const { seq, hash, count } = one as Record<string, unknown>;
    return isTime(seq) && isHash(hash) && isTime(count);
  };
  return Array.isArray(value) && value.every(isOne);
}

function isHash(value: unknown): value is string {
  return typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
}

export function isResult(value: unknown): value is BackupVerdict | ErrorCode {
  return typeof value === "string" && (isVerdict(value) || isErrorCode(value));
}
