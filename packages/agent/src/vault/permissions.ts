/**
 * Refuses a data directory that others could read or change, before anything is read from it: looser modes than 0700
 * and 0600, foreign owners, symbolic links. Changes nothing; the error carries the command that mends it.
 */
import type { Stats } from "node:fs";
import { join } from "node:path";
import { talosError, type TalosError } from "@talos/core";
import { listFolder, statPath } from "./files.ts";
import { PREKEYS_FOLDER, QUARANTINE_FOLDER } from "./layout.ts";

const FOLDER_EXCESS = 0o077;
const FILE_EXCESS = 0o177;

/**
 * Checks the folder, its sub-folders of ours, and every file in them.
 *
 * @throws TalosError VAULT_NOT_FOUND where there is no such folder; SYMLINK_REFUSED, OWNER_FOREIGN, PERMISSIONS_TOO_OPEN
 */
export function checkPermissions(dataDir: string): void {
  const folder = statPath(dataDir);
  if (folder === undefined) throw talosError("VAULT_NOT_FOUND");
  if (!folder.isDirectory() && !folder.isSymbolicLink()) throw talosError("VAULT_NOT_FOUND", "The data directory is not a folder.");
  checkPath(dataDir, folder);
  for (const name of listFolder(dataDir)) {
    const path = join(dataDir, name);
    const stats = statPath(path);
    if (stats === undefined) continue; // a running agent may have removed it since
    checkPath(path, stats);
    if (stats.isDirectory() && (name === PREKEYS_FOLDER || name === QUARANTINE_FOLDER)) checkFolder(path);
  }
}

function checkFolder(folder: string): void {
  for (const name of listFolder(folder)) {
    const path = join(folder, name);
    const stats = statPath(path);
    if (stats !== undefined) checkPath(path, stats);
  }
}

function checkPath(path: string, stats: Stats): void {
  if (stats.isSymbolicLink()) {
    throw refused("SYMLINK_REFUSED", path, `Replace it by the file or folder it points to: ls -l ${quote(path)}`);
  }
  const user = process.getuid?.();
  if (user === undefined) return; // a system without such owners and modes
  if (stats.uid !== user) throw refused("OWNER_FOREIGN", path, `Run: chown -R ${user} ${quote(path)}`);
  if (stats.isDirectory() ? (stats.mode & FOLDER_EXCESS) !== 0 : (stats.mode & FILE_EXCESS) !== 0) {
    throw refused("PERMISSIONS_TOO_OPEN", path, `Run: chmod ${stats.isDirectory() ? "700" : "600"} ${quote(path)}`);
  }
}

function refused(code: "SYMLINK_REFUSED" | "OWNER_FOREIGN" | "PERMISSIONS_TOO_OPEN", path: string, hint: string): TalosError {
  return talosError(code, undefined, { hint, details: { path } });
}

/** For a POSIX shell. */
function quote(path: string): string {
  return /^[\w./@%+=:,-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
