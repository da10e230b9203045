/** Who holds the data directory. Asks SQLite for the holder row and never for the lock. */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { statPath } from "../vault/files.ts";
import { LOCK_FILE } from "../vault/keys/layout.ts";
import { type LockHolder, mayBeRunning, readHolder } from "../vault/lock.ts";
import { fromSqlite } from "../vault/sqlite-error.ts";
import { showTime } from "../vault/times.ts";
import { isTalosError } from "@talos/core";
import { type DoctorFinding, finding, NOTHING_TO_DO, pathFor } from "./finding.ts";
import type { Look } from "./look.ts";

export function checkLock({ dataDir }: Look): DoctorFinding[] {
  if (isDamaged(dataDir)) {
    return [
      finding("LOCK_DAMAGED", {
        file: LOCK_FILE,
        message: "The file lock is not what it must be. It holds no data of the agent.",
        remedy: `Make sure that no process has the agent open, then remove it: rm ${pathFor(dataDir, LOCK_FILE)}`,
        preventsOpening: true,
      }),
    ];
  }
  const holder = readHolder(dataDir);
  if (holder === undefined) return [];
  const who = `Process ${holder.pid} on ${printableHost(holder)}, since ${showTime(holder.since)}`;
  if (mayBeRunning(holder)) {
    return [
      finding("LOCK_HELD", {
        file: LOCK_FILE,
        message: `${who}, has the data directory open.`,
        remedy: "Nothing needs to be done; stop that process before opening the agent elsewhere.",
      }),
    ];
  }
  return [
    finding("LOCK_LEFT_BEHIND", {
      file: LOCK_FILE,
      message: `${who}, had it open and is not running any more. The lock fell with it.`,
      remedy: `${NOTHING_TO_DO} The next opening writes its own name there.`,
    }),
  ];
}

/** A process that may be running, by what it wrote. */
export function livingHolder(dataDir: string): LockHolder | undefined {
  const holder = readHolder(dataDir);
  return holder !== undefined && mayBeRunning(holder) ? holder : undefined;
}

function isDamaged(dataDir: string): boolean {
  const path = join(dataDir, LOCK_FILE);
  const stats = statPath(path);
  if (stats === undefined || !stats.isFile() || stats.size === 0) return false;
  const database = new DatabaseSync(path, { readOnly: true, timeout: 2000 });
  try {
    database.prepare("SELECT count(*) FROM sqlite_schema").get();
    return false;
  } catch (error) {
    return isTalosError(fromSqlite(error, "STORAGE_FAILED"), "VAULT_CORRUPT");
  } finally {
    database.close();
  }
}

function printableHost({ host }: LockHolder): string {
  return host.replaceAll(/[^\w.:-]/g, "?");
}
