/** Where the copies of a backup are now, as far as this machine can see: looks at names, file systems and what files say of themselves. */
import { statSync } from "node:fs";
import { dirname } from "node:path";
import { type Crypto, isTalosError } from "@talos/core";
import { readBackupFile } from "./backup-file.ts";
import { readBackupFacts } from "./seal-backup.ts";

export interface CopyPlace {
  readonly path: string;
  /**
   * `beside`: on the file system of the data directory; `apart`: on another one; `away`: its folder is not there, so its medium is not attached;
   * `gone`: its folder is there and it is not: moved, lost, or its medium is taken away.
   */
  readonly state: "beside" | "apart" | "away" | "gone";
  /** Of the file system that it is on, where it is here. */
  readonly device?: number;
}

export function copyPlace(path: string, id: string, dataDir: string, crypto: Pick<Crypto, "sha256">): CopyPlace {
  const folder = deviceOf(dirname(path));
  if (folder === undefined) return { path, state: "away" };
  const device = deviceOf(path);
  if (device === undefined || !isThatBackup(path, id, crypto)) return { path, state: "gone" };
  return { path, state: device === deviceOf(dataDir) ? "beside" : "apart", device };
}

function deviceOf(path: string): number | undefined {
  try {
    return statSync(path).dev;
  } catch {
    return undefined;
  }
}

/** Another file may lie there by now. */
function isThatBackup(path: string, id: string, crypto: Pick<Crypto, "sha256">): boolean {
  try {
    return readBackupFacts(readBackupFile(path), crypto).id === id;
  } catch (error) {
    if (isTalosError(error)) return false;
    throw error;
  }
}
