/** Where a backup may lie, and reading one. Knows no seal and no vault; how a copy comes there is write-copies.ts's. */
import { closeSync, constants, fstatSync, openSync, readSync, realpathSync, type Stats, statSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { type Crypto, equalBytes, isTalosError, type LogHead, type AgentId, talosError } from "@talos/core";
import { statPath } from "../vault/files.ts";
import { isHeldFile } from "../vault/held-files.ts";
import { MAX_BACKUP_BYTES } from "./backup-record.ts";
import type { BackupFacts } from "./backup-content.ts";
import { damagedBackup } from "./damaged-backup.ts";
import { readBackupFacts } from "./seal-backup.ts";

/** Where copies go; checked. */
export interface Destinations {
  /** Absolute. */
  readonly paths: readonly string[];
  /** Replace what is there. */
  readonly force: boolean;
}

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

/** @throws TalosError FILE_NOT_FOUND; BACKUP_DAMAGED for what is no file, or larger than a backup can be */
export function readBackupFile(path: string): Uint8Array {
  const file = resolve(path);
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

/**
 * With `force`, of what would be replaced: a backup of another agent is not, and none of this agent from a later event, which may be the only
 * one that still counts.
 *
 * @param head of the log that the new backup is made at
 * @throws TalosError BACKUP_EXISTS (`details.reason`: other-agent, newer)
 */
export function requireReplaceable(
  { paths, force }: Destinations,
  agentId: AgentId,
  head: LogHead | undefined,
  crypto: Pick<Crypto, "sha256">,
): void {
  if (!force || head === undefined) return;
  for (const path of paths) {
    const there = factsAt(path, crypto);
    if (there === undefined) continue;
    const isForeign = !equalBytes(there.agentId, agentId);
    if (!isForeign && there.head.seq <= head.seq) continue;
    const message = isForeign
      ? "A backup of another agent lies there."
      : "A backup of this agent lies there that is from a later event of the identity than this data directory has.";
    throw talosError("BACKUP_EXISTS", message, {
      hint: isForeign
        ? "Choose another path."
        : "Keep it: this data directory is the old one of the two. talos status says how the agent stands.",
      details: { path, reason: isForeign ? "other-agent" : "newer" },
    });
  }
}

function factsAt(path: string, crypto: Pick<Crypto, "sha256">): BackupFacts | undefined {
  try {
    return readBackupFacts(readBackupFile(path), crypto);
  } catch (error) {
    if (isTalosError(error)) return undefined;
    throw error;
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
export function requireFree(path: string, force: boolean): void {
  const there = statPath(path);
  if (there === undefined) return;
  // A database of an agent that is open here is no file to be replaced.
  const isPlain = there.isFile() && !isHeldFile(there);
  if (isPlain && force) return;
  const message = isPlain ? undefined : "What is there where the backup would be written is nothing to be replaced.";
  throw talosError("BACKUP_EXISTS", message, { ...(isPlain ? {} : { hint: "Choose another path." }), details: { path } });
}
