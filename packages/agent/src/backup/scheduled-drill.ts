/**
 * A restoration that is tried on schedule: when it is due by the record, so that a restart loses nothing, and what came of it in one word.
 * Knows no loop.
 */
import { DAY_MILLISECONDS, type ErrorCode, isTalosError } from "@talos/core";
import type { ReadTransaction } from "../vault/index.ts";
import { placeOf } from "./backup-file.ts";
import { type BackupDrillOptions, DEFAULT_DRILL_DAYS, type VerifyBackupOptions } from "./backup-options.ts";
import type { BackupCheck, BackupDrillStatus } from "./backup-views.ts";
import { isVerdict } from "./backup-standing.ts";
import { backupStatus, isFromFuture, lastDrill } from "./records.ts";

/** What could not be tried, or failed, is tried again before its time: the medium may be back. */
const AGAIN_AFTER_DAYS = 1;

/**
 * When it is due: so long after the last try of what lies at that path, at once where a backup was written there since, or where the record is
 * from a clock that was far ahead.
 *
 * @returns milliseconds since 1970, never before `now` for what is overdue
 */
export function drillDueAt(tx: ReadTransaction, { path: given, everyDays = DEFAULT_DRILL_DAYS }: BackupDrillOptions, now: number): number {
  const path = placeOf(given);
  const [known] = backupStatus(tx).filter(({ paths }) => paths.includes(path));
  const drill = lastDrill(tx, path);
  const tried = Math.max(known?.verifiedAt ?? -1, drill?.at ?? -1);
  // One of a clock that was ahead would be new for ever.
  const isNew = known !== undefined && known.verifiedAt === undefined && tried <= known.createdAt && !isFromFuture(known.createdAt, now);
  if (tried < 0 || isNew || tried > now + DAY_MILLISECONDS) return now;
  const hasFailed = drill?.at === tried && !isVerdict(drill.result);
  return Math.max(now, tried + (hasFailed ? Math.min(AGAIN_AFTER_DAYS, everyDays) : everyDays) * DAY_MILLISECONDS);
}

/** Never fails: what is wrong is the result. @param verify puts it on record */
export async function tryBackup(
  { path, password }: BackupDrillOptions,
  verify: (file: VerifyBackupOptions) => Promise<BackupCheck>,
): Promise<BackupDrillStatus["result"]> {
  try {
    return (await verify({ path, password })).verdict;
  } catch (error) {
    return isTalosError(error) ? error.code : ("INTERNAL" satisfies ErrorCode);
  }
}
