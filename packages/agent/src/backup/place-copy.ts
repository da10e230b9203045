/**
 * A file that lies beside its place takes its name: over no other one than that which may be replaced, and so that it can be taken back until it
 * has been proved under that name. Knows nothing of what is in it.
 */
import { closeSync, constants, copyFileSync, fstatSync, linkSync, openSync, type Stats } from "node:fs";
import { isTalosError, talosError, type TalosError } from "@talos/core";
import { renameFile, statPath, syncFolder, unlinkFile, unlinkQuietly } from "../vault/files.ts";
import { type FormerFile, isFormer } from "./replaceable.ts";

/** What not every file system can do: those of sticks and of network shares among them. */
export interface MediumCalls {
  link(from: string, to: string): void;
  /** @throws TalosError STORAGE_FAILED */
  syncFolder(path: string): void;
}

export const SYSTEM_CALLS: MediumCalls = { link: linkSync, syncFolder };

/** A file that has its name, and has not been proved under it. One of the two ends it. */
export interface PlacedCopy {
  /** What may be replaced was there, and is not any more. */
  readonly hasReplaced: boolean;
  /** It goes, and what was there before is there again. @returns false where that could not be done */
  undo(): boolean;
  settle(): void;
}

type Inode = Pick<Stats, "dev" | "ino">;

/** What link(2) answers where the file system has no links. */
const NO_LINKS: readonly string[] = ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EXDEV"];
const FILE_MODE = 0o600;

/**
 * @param temporary on the same file system; its name is gone or in the way afterwards
 * @param former what may be replaced; where another file lies there by now it stays
 * @throws TalosError BACKUP_EXISTS, STORAGE_FAILED: then nothing has changed at `path`
 */
export function placeCopy(temporary: string, path: string, former: FormerFile | undefined, medium: MediumCalls): PlacedCopy {
  const own = statPath(temporary);
  if (own === undefined) throw failed("link", "ENOENT");
  if (former !== undefined && isFormer(path, former)) return replaceCopy(temporary, path, own, medium);
  giveName(temporary, path, medium);
  return { hasReplaced: false, undo: () => takeAway(path, own), settle: () => undefined };
}

/** What was there has another name until the new one is proved. */
function replaceCopy(temporary: string, path: string, own: Inode, medium: MediumCalls): PlacedCopy {
  const former = temporary.replace(/new$/, "old");
  keep(path, former, medium);
  try {
    renameFile(temporary, path);
  } catch (error) {
    unlinkQuietly(former);
    throw error;
  }
  return {
    hasReplaced: true,
    undo: () => isAt(path, own) && attempt(() => renameFile(former, path)),
    settle: () => unlinkQuietly(former),
  };
}

/** A link is never made over a file; a rename would be. */
function giveName(temporary: string, path: string, medium: MediumCalls): void {
  if (linked(temporary, path, medium)) return;
  const reserved = reserve(path);
  try {
    const there = statPath(path);
    if (there === undefined || !isSame(there, reserved) || there.size > 0)
      throw talosError("BACKUP_EXISTS", undefined, { details: { path } });
    renameFile(temporary, path);
  } catch (error) {
    // Somebody may have written into it.
    if (statPath(path)?.size === 0) takeAway(path, reserved);
    throw error;
  }
}

/** Where there are no links: an empty file that only one can have made stands for the name until the whole one takes its place. */
function reserve(path: string): Inode {
  try {
    const file = openSync(path, "wx", FILE_MODE);
    try {
      return fstatSync(file);
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw refusal("create", path, cause);
  }
}

function keep(path: string, former: string, medium: MediumCalls): void {
  if (linked(path, former, medium)) return;
  try {
    copyFileSync(path, former, constants.COPYFILE_EXCL);
  } catch (cause) {
    unlinkQuietly(former);
    throw refusal("copy", path, cause);
  }
}

/** @returns false where the file system has no links @throws TalosError BACKUP_EXISTS, STORAGE_FAILED */
function linked(from: string, to: string, medium: MediumCalls): boolean {
  try {
    medium.link(from, to);
    return true;
  } catch (cause) {
    if (NO_LINKS.includes(systemCode(cause))) return false;
    throw refusal("link", to, cause);
  }
}

function takeAway(path: string, own: Inode): boolean {
  return isAt(path, own) && attempt(() => unlinkFile(path));
}

function isAt(path: string, own: Inode): boolean {
  try {
    const there = statPath(path);
    return there !== undefined && isSame(there, own);
  } catch {
    return false;
  }
}

function isSame(one: Inode, other: Inode): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}

function attempt(action: () => void): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}

function refusal(operation: string, path: string, cause: unknown): Error {
  if (isTalosError(cause)) return cause;
  const system = systemCode(cause);
  if (system === "EEXIST") return talosError("BACKUP_EXISTS", undefined, { details: { path }, cause });
  return failed(operation, system, cause);
}

function failed(operation: string, system: string, cause?: unknown): TalosError {
  return talosError("STORAGE_FAILED", undefined, { details: { operation, system }, cause });
}

function systemCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}
