/** Where a backup may lie, and reading one. Knows no seal and no vault; how a copy comes there is write-copies.ts's. */
import { closeSync, constants, existsSync, fstatSync, openSync, readSync, realpathSync, type Stats, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { isTalosError, talosError } from "@talos/core";
import { statPath } from "../vault/files.ts";
import { isHeldFile } from "../vault/held-files.ts";
import { DATABASE_FILE, METADATA_FILE } from "../vault/keys/layout.ts";
import { MAX_BACKUP_BYTES } from "./backup-record.ts";
import { damagedBackup } from "./damaged-backup.ts";

/**
 * Before anything is read or derived: whether the copies could be written there.
 *
 * @param dataDir a backup inside it would be stolen, and lost, with it, and so would one in the data directory of another agent
 * @returns each without links on the way: that is what is remembered, however it was reached
 * @throws TalosError INVALID_ARGUMENT inside a data directory, for a name that is none, and for one place named twice; FILE_NOT_FOUND where a
 *   folder is none; BACKUP_EXISTS (with `force` only for what is no file)
 */
export function checkDestinations(paths: readonly string[], dataDir: string, force: boolean): readonly string[] {
  const seen = new Set<string>();
  const vault = realpathSync(dataDir);
  return paths.map((given) => {
    const path = absolutePath(given);
    const file = join(realFolder(path), basename(path));
    const inside = isInside(file, vault) ? vault : dataDirAround(file);
    if (inside !== undefined) {
      const whose = inside === vault ? "the data directory" : "the data directory of another agent";
      throw talosError("INVALID_ARGUMENT", `The backup would lie in ${whose}, and would be lost and stolen with it.`, {
        hint: "Write it to another place, best to a medium of its own.",
        details: { option: "path", path },
      });
    }
    if (seen.has(file)) {
      throw talosError("INVALID_ARGUMENT", "One place is named twice: a copy needs a place of its own.", {
        details: { option: "path", path },
      });
    }
    seen.add(file);
    requireFree(file, force);
    return file;
  });
}

/** @throws TalosError FILE_NOT_FOUND where the working folder is gone: a medium that was taken away */
function absolutePath(path: string): string {
  try {
    return resolve(path);
  } catch (cause) {
    throw talosError("FILE_NOT_FOUND", "The folder in which this runs is not there any more.", {
      hint: "Change into another one, and name the file by its whole path.",
      details: { path },
      cause,
    });
  }
}

/** The same file has one name, however it was reached; of what is not there as far as its way can be followed. */
export function placeOf(path: string): string {
  const file = absolutePath(path);
  for (const real of [() => realpathSync(file), () => join(realpathSync(dirname(file)), basename(file))]) {
    try {
      return real();
    } catch {
      // Not there now.
    }
  }
  return file;
}

function dataDirAround(file: string): string | undefined {
  const folder = dirname(file);
  if (folder === file) return undefined;
  const isDataDir = [DATABASE_FILE, METADATA_FILE].every((name) => existsSync(join(folder, name)));
  return isDataDir ? folder : dataDirAround(folder);
}

/** @throws TalosError FILE_NOT_FOUND; BACKUP_DAMAGED for what is no file, or larger than a backup can be */
export function readBackupFile(path: string): Uint8Array {
  const file = absolutePath(path);
  try {
    // Before it is opened: a database of ours would lose its lock, and a pipe would never end.
    requireReadable(statSync(file));
    return readWhole(file);
  } catch (cause) {
    if (isTalosError(cause) && !isTalosError(cause, "STORAGE_FAILED")) throw cause;
    throw talosError("FILE_NOT_FOUND", "The backup does not exist or cannot be read.", { details: { path: file }, cause });
  }
}

function requireReadable(stats: Stats): void {
  if (!stats.isFile() || stats.size > MAX_BACKUP_BYTES || isHeldFile(stats)) throw damagedBackup("size");
}

/** What lies there may have changed since it was looked at; some file systems give less at a time than was asked for. */
function readWhole(path: string): Uint8Array {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(file);
    requireReadable(stats);
    const bytes = new Uint8Array(stats.size);
    let filled = 0;
    for (let read = -1; read !== 0 && filled < bytes.length; filled += read)
      read = readSync(file, bytes, filled, bytes.length - filled, filled);
    if (filled < bytes.length) throw damagedBackup("size");
    return bytes;
  } finally {
    closeSync(file);
  }
}

function realFolder(path: string): string {
  const folder = dirname(path);
  try {
    const real = realpathSync(folder);
    if (statSync(real).isDirectory()) return real;
  } catch {
    // Named below.
  }
  throw talosError("FILE_NOT_FOUND", "The folder for the backup does not exist.", {
    hint: "Make the folder first, or attach the medium that it is on.",
    details: { path: folder },
  });
}

function isInside(file: string, folder: string): boolean {
  const way = relative(folder, file);
  return !isAbsolute(way) && way !== ".." && !way.startsWith(`..${sep}`);
}

/** @param force whether a file may be there @throws TalosError BACKUP_EXISTS */
function requireFree(path: string, force: boolean): void {
  const there = statPath(path);
  if (there === undefined) return;
  // A database of an agent that is open here is no file to be replaced.
  const isPlain = there.isFile() && !isHeldFile(there);
  if (isPlain && force) return;
  const message = isPlain ? undefined : "What is there where the backup would be written is nothing to be replaced.";
  throw talosError("BACKUP_EXISTS", message, { ...(isPlain ? {} : { hint: "Choose another path." }), details: { path } });
}
