/**
 * Refuses a data directory that others could read or change, before anything is read from it: looser modes than 0700
 * and 0600, foreign owners, symbolic links. Changes nothing; the error carries the command that mends it.
 */
import type { Stats } from "node:fs";
import { join } from "node:path";
import { talosError } from "@talos/core";
import { listFolder, statPath } from "./files.ts";
import { PREKEYS_FOLDER, QUARANTINE_FOLDER } from "./keys/layout.ts";

const FOLDER_EXCESS = 0o077;
const FILE_EXCESS = 0o177;

export interface PermissionFault {
  readonly code: "SYMLINK_REFUSED" | "OWNER_FOREIGN" | "PERMISSIONS_TOO_OPEN";
  readonly path: string;
  /** With the command that mends it. */
  readonly hint: string;
}

/**
 * Checks the folder, its sub-folders of ours, and every file in them.
 *
 * @throws TalosError VAULT_NOT_FOUND where there is no such folder; SYMLINK_REFUSED, OWNER_FOREIGN, PERMISSIONS_TOO_OPEN
 */
export function checkPermissions(dataDir: string): void {
  for (const { code, path, hint } of findFaults(dataDir)) throw talosError(code, undefined, { hint, details: { path } });
}

/** Every path that is not as it must be, the folder first. @throws TalosError VAULT_NOT_FOUND; STORAGE_FAILED where a folder cannot be read */
export function* findFaults(dataDir: string): Generator<PermissionFault> {
  const folder = statPath(dataDir);
  if (folder === undefined) throw talosError("VAULT_NOT_FOUND");
  if (!folder.isDirectory() && !folder.isSymbolicLink()) throw talosError("VAULT_NOT_FOUND", "The data directory is not a folder.");
  yield* faultsOf(dataDir, folder);
  for (const name of listFolder(dataDir)) {
    const path = join(dataDir, name);
    const stats = statPath(path);
    if (stats === undefined) continue; // a running agent may have removed it since
    yield* faultsOf(path, stats);
    if (stats.isDirectory() && (name === PREKEYS_FOLDER || name === QUARANTINE_FOLDER)) yield* faultsIn(path);
  }
}

function* faultsIn(folder: string): Generator<PermissionFault> {
  for (const name of listFolder(folder)) {
    const path = join(folder, name);
    const stats = statPath(path);
    if (stats !== undefined) yield* faultsOf(path, stats);
  }
}

function* faultsOf(path: string, stats: Stats): Generator<PermissionFault> {
  if (stats.isSymbolicLink()) {
    yield { code: "SYMLINK_REFUSED", path, hint: `Replace it by the file or folder it points to: ls -l ${quote(path)}` };
    return;
  }
  const user = process.getuid?.();
  if (user === undefined) return; // a system without such owners and modes
  if (stats.uid !== user) yield { code: "OWNER_FOREIGN", path, hint: `Run: chown -R ${user} ${quote(path)}` };
  if (stats.isDirectory() ? (stats.mode & FOLDER_EXCESS) !== 0 : (stats.mode & FILE_EXCESS) !== 0) {
    yield { code: "PERMISSIONS_TOO_OPEN", path, hint: `Run: chmod ${stats.isDirectory() ? "700" : "600"} ${quote(path)}` };
  }
}

/** For a POSIX shell. */
export function quote(path: string): string {
  return /^[\w./@%+=:,-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
