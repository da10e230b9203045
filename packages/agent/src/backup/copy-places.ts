/**
 * Where the copies of a backup are now, as far as this machine can see: looks at names, file systems and what files say of themselves. That a
 * folder is gone says nothing of a medium: one that is not attached now is told by what it was on when the copy was written.
 */
import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { type Crypto, isTalosError } from "@talos/core";
import { readBackupFile } from "./backup-file.ts";
import type { CopyPlace } from "./backup-views.ts";
import { isInMemory } from "./memory-files.ts";
import { readBackupFacts } from "./seal-backup.ts";

/** A copy as it is on record. */
export interface StoredCopy {
  /** Absolute. */
  readonly path: string;
  /** What it was on when it was written, or read last. */
  readonly medium?: string;
}

const BESIDE = "beside";
const MEMORY = "memory";
/** `apart:` and the number of its device, which tells it from others that are attached at the same time. */
const APART = "apart:";
/** @returns undefined for what is not there */
function mediumOf(path: string, dataDir: string): string | undefined {
  try {
    const { dev } = statSync(path);
    if (isInMemory(path)) return MEMORY;
    return dev === statSync(dataDir).dev ? BESIDE : `${APART}${dev}`;
  } catch {
    return undefined;
  }
}

/** As it is put on record, of what is there now. */
export function storedCopy(path: string, dataDir: string): StoredCopy {
  const medium = mediumOf(path, dataDir);
  return { path, ...(medium === undefined ? {} : { medium }) };
}

export function copyPlace({ path, medium: before }: StoredCopy, id: string, dataDir: string, crypto: Pick<Crypto, "sha256">): CopyPlace {
  const medium = isThatBackup(path, id, crypto) ? mediumOf(path, dataDir) : undefined;
  if (medium !== undefined) return { path, state: stateOn(medium), medium };
  if (before?.startsWith(APART) === true && isDetached(path, before, dataDir)) return { path, state: "away", medium: before };
  return { path, state: existsSync(path) ? "replaced" : "gone" };
}

/** It lies where it was written, as that backup. */
export function isThere({ state }: CopyPlace): boolean {
  return state === "beside" || state === "apart" || state === "memory";
}

function stateOn(medium: string): "beside" | "apart" | "memory" {
  if (medium === BESIDE || medium === MEMORY) return medium;
  return "apart";
}

/** Where its medium was mounted another file system shows through. */
function isDetached(path: string, before: string, dataDir: string): boolean {
  const above = dirname(path);
  if (above === path) return false;
  const there = mediumOf(above, dataDir);
  return there === undefined ? isDetached(above, before, dataDir) : there !== before;
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
