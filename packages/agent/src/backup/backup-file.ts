/**
 * A backup as files: each copy whole under its name, or not there at all. Written under another name beside it, synced, read back, and only
 * then given its name; what a crash leaves lies under that other name, and the next call removes it. Knows no seal and no vault.
 */
import { linkSync, lstatSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { type AgentId, type Crypto, equalBytes, isTalosError, talosError, type TalosError, toHex } from "@talos/core";
import {
  listFolder,
  readFile,
  readStart,
  renameFile,
  statPath,
  syncFolder,
  unlinkFile,
  unlinkQuietly,
  writeNewFile,
} from "../vault/files.ts";
import { isHeldFile } from "../vault/held-files.ts";
import { MAX_BACKUP_BYTES } from "./backup-record.ts";
import { damagedBackup } from "./damaged-backup.ts";

/** Where copies go; checked. */
export interface Destinations {
  /** Absolute. */
  readonly paths: readonly string[];
  /** Replace what is there. */
  readonly force: boolean;
}

/** What not every file system can do: those of sticks and of network shares among them. */
export interface MediumCalls {
  link(from: string, to: string): void;
  /** @throws TalosError STORAGE_FAILED */
  syncFolder(path: string): void;
}

const SYSTEM: MediumCalls = { link: linkSync, syncFolder };
const NAME_BYTES = 8;
/** What link(2) answers where the file system has no links. */
const NO_LINKS: readonly string[] = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EXDEV"];
/** What fsync(2) answers where folders cannot be synced: then the server, or nobody, answers for names. */
const NO_SYNC: readonly string[] = ["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"];

/**
 * Before anything is read or derived: whether the copies could be written there.
 *
 * @param dataDir a backup inside it would be stolen, and lost, with it
 * @throws TalosError INVALID_ARGUMENT inside the data directory, for a name that is none, and for one place named twice; FILE_NOT_FOUND where a
 *   folder is none; BACKUP_EXISTS (with `force` only for what is no file)
 */
export function checkDestinations(paths: readonly string[], dataDir: string, force: boolean): Destinations {
  const seen = new Set<string>();
  const vault = realpathSync(dataDir);
  const checked = paths.map((given) => {
    const path = resolve(given);
    const file = join(realFolder(path), basename(path));
    if (isInside(file, vault)) {
      throw talosError("INVALID_ARGUMENT", "The backup would lie in the data directory, and would be lost and stolen with it.", {
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
    requireFree(path, force);
    return path;
  });
  return { paths: checked, force };
}

/** What became of the copies. */
export interface WrittenCopies {
  /** Those that are there, whole and durable. */
  readonly written: readonly string[];
  /** STORAGE_FAILED, BACKUP_EXISTS or FILE_NOT_FOUND, with `details.path` of the copy that failed: none was written after it. */
  readonly failure: TalosError | undefined;
}

/**
 * Writes every copy beside its place first and reads it back, then gives each its name. Where one fails, those before it stay.
 *
 * @param agentId tells the leavings of this agent's calls from others'; one process at a time has the agent open
 */
export function writeCopies(
  sealed: Uint8Array,
  { paths, force }: Destinations,
  agentId: AgentId,
  crypto: Pick<Crypto, "sha256">,
  medium: MediumCalls = SYSTEM,
): WrittenCopies {
  const own = `.talos-backup-${toHex(crypto.sha256(agentId)).slice(0, 2 * NAME_BYTES)}-`;
  const copies = paths.map((path, index) => ({ path, temporary: join(dirname(path), `${own}${index + 1}.new`) }));
  const written: string[] = [];
  let current = paths[0] ?? "";
  try {
    for (const { path } of copies) {
      current = path;
      removeLeavings(dirname(path), own);
    }
    for (const { path, temporary } of copies) {
      current = path;
      writeNewFile(temporary, sealed);
      requireSame(temporary, sealed);
    }
    for (const { path, temporary } of copies) {
      current = path;
      place(temporary, path, force, medium);
      syncNames(dirname(path), medium);
      requireSame(path, sealed);
      written.push(path);
    }
    return { written, failure: undefined };
  } catch (error) {
    if (!isTalosError(error)) throw error;
    return { written, failure: explained(error, current, written) };
  } finally {
    for (const { temporary } of copies) unlinkQuietly(temporary);
  }
}

/** @throws TalosError FILE_NOT_FOUND; BACKUP_DAMAGED for what is no file, or larger than a backup can be */
export function readBackupFile(path: string): Uint8Array {
  const file = resolve(path);
  try {
    // Before it is opened: a database of ours would lose its lock, and a pipe would never end.
    const stats = statSync(file);
    if (!stats.isFile() || stats.size > MAX_BACKUP_BYTES || isHeldFile(stats)) throw damagedBackup("size");
    const bytes = readStart(file, stats.size);
    if (bytes.length < stats.size) throw damagedBackup("size");
    return bytes;
  } catch (cause) {
    if (isTalosError(cause) && !isTalosError(cause, "STORAGE_FAILED")) throw cause;
    throw talosError("FILE_NOT_FOUND", "The backup does not exist or cannot be read.", { details: { path: file }, cause });
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

function requireFree(path: string, force: boolean): void {
  const there = statPath(path);
  if (there === undefined || (force && there.isFile())) return;
  const message = there.isFile() ? undefined : "What is there where the backup would be written is no file.";
  throw talosError("BACKUP_EXISTS", message, { ...(there.isFile() ? {} : { hint: "Choose another path." }), details: { path } });
}

/** Only plain files under names of our own. */
function removeLeavings(folder: string, own: string): void {
  for (const name of listFolder(folder)) {
    if (!name.startsWith(own) || !/^[0-9]{1,2}\.new$/.test(name.slice(own.length))) continue;
    const path = join(folder, name);
    if (lstatSync(path, { throwIfNoEntry: false })?.isFile() === true) unlinkFile(path);
  }
}

function requireSame(path: string, sealed: Uint8Array): void {
  const back = readFile(path);
  if (back !== undefined && equalBytes(back, sealed)) return;
  throw talosError("STORAGE_FAILED", "The backup could not be read back as it was written.", {
    hint: "Check the medium, or write it to another one.",
    details: { operation: "read back" },
  });
}

/** A link is never made over a file; a rename would be. */
function place(temporary: string, path: string, force: boolean, medium: MediumCalls): void {
  if (force) {
    requireFree(path, force);
    return renameFile(temporary, path);
  }
  try {
    medium.link(temporary, path);
  } catch (cause) {
    const system = cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "";
    if (system === "EEXIST") throw talosError("BACKUP_EXISTS", undefined, { details: { path }, cause });
    if (!NO_LINKS.includes(system)) throw talosError("STORAGE_FAILED", undefined, { details: { operation: "link", system }, cause });
    requireFree(path, force);
    renameFile(temporary, path);
  }
}

function syncNames(folder: string, medium: MediumCalls): void {
  try {
    medium.syncFolder(folder);
  } catch (error) {
    if (!isTalosError(error, "STORAGE_FAILED") || !NO_SYNC.includes(String(error.details["system"]))) throw error;
  }
}

function explained(error: TalosError, path: string, written: readonly string[]): TalosError {
  const others = written.length === 0 ? "" : ` Copies that are whole and stay: ${written.join(", ")}.`;
  return talosError(error.code, error.code === "STORAGE_FAILED" ? "A copy of the backup could not be written." : error.message, {
    hint: `${error.hint}${others}`,
    details: { ...error.details, path, ...(written.length === 0 ? {} : { written: written.join(", ") }) },
    cause: error,
  });
}
