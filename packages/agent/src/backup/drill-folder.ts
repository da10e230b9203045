/**
 * Where a restoration is tried: a folder of its own, in memory where the machine has room for it there, and gone afterwards. Keys are in it as
 * ciphertext alone; peers, settings and record are in it as they are in a data directory, so what a killed process left is removed by the next.
 */
import { lstatSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { talosError } from "@talos/core";
import { listFolder } from "../vault/files.ts";
import { mayBeRunning, readHolder } from "../vault/lock.ts";
import { freeBytes, isInMemory } from "./memory-files.ts";

const FOLDER = "talos-drill-";
/** A drill takes seconds: whoever has held a folder for so long holds it no more. */
const LONGEST_MILLISECONDS = 3_600_000;
/** Between the making of a folder and its lock. */
const SETTLING_MILLISECONDS = 60_000;
/** A database, its log and what is written twice, for each byte of a backup; and what an empty vault takes. */
const BYTES_FOR_EACH = 6;
const EMPTY_BYTES = 16_000_000;

/** With all that is in it. @throws NodeJS.ErrnoException */
export type RemoveFolder = (path: string) => void;

function removeFolder(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 2 });
}

/** Folders that may be used, the best first: those of memory leave nothing on a disk. A person who names one (TMPDIR) has decided. */
export function drillPlaces(): readonly string[] {
  const { TMPDIR: named = "", XDG_RUNTIME_DIR: ofUser = "" } = process.env;
  if (named !== "") return [tmpdir()];
  return [...[ofUser, "/dev/shm"].filter((path) => path !== "" && isMemory(path)), tmpdir()];
}

/**
 * @param bytes of the backup
 * @param places to choose from, the best first
 * @returns of a new folder, 0700
 * @throws TalosError STORAGE_FAILED
 */
export function makeDrillFolder(bytes: number, places: readonly string[] = drillPlaces(), remove: RemoveFolder = removeFolder): string {
  const last = places.at(-1) ?? tmpdir();
  for (const place of places) {
    const made = place === last || hasRoom(place, bytes) ? made0700(place, place === last) : undefined;
    if (made === undefined) continue;
    for (const each of places) removeLeavings(each, made, remove);
    return made;
  }
  throw talosError("INTERNAL");
}

/** @returns false where something is left of it */
export function destroyDrillFolder(path: string, remove: RemoveFolder = removeFolder): boolean {
  try {
    remove(path);
    return true;
  } catch {
    return false;
  }
}

/** @param isNeeded whether it is an error where it cannot be made */
function made0700(place: string, isNeeded: boolean): string | undefined {
  try {
    return mkdtempSync(join(place, FOLDER));
  } catch (cause) {
    if (!isNeeded) return undefined;
    const system = cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "unknown";
    throw talosError("STORAGE_FAILED", "The folder for trying the restoration could not be made.", {
      hint: "Check free space and permissions of the folder for temporary files (TMPDIR).",
      details: { operation: "create", system, path: place },
      cause,
    });
  }
}

function isMemory(path: string): boolean {
  try {
    return isInMemory(path);
  } catch {
    return false;
  }
}

function hasRoom(path: string, bytes: number): boolean {
  try {
    return freeBytes(path) > EMPTY_BYTES + bytes * BYTES_FOR_EACH;
  } catch {
    return false;
  }
}

/** Folders of drills that were killed. Those of others, and what cannot be looked at or removed, are left alone. */
function removeLeavings(place: string, own: string, remove: RemoveFolder): void {
  for (const name of namesIn(place)) {
    const path = join(place, name);
    if (!/^talos-drill-[A-Za-z0-9]{6}$/.test(name) || path === own) continue;
    try {
      if (isOver(path, own)) remove(path);
    } catch {
      // Somebody else removes it, or nobody can: it holds up nothing.
    }
  }
}

function isOver(path: string, own: string): boolean {
  const present = lstatSync(own);
  const stats = lstatSync(path);
  if (!stats.isDirectory() || stats.uid !== present.uid) return false;
  const age = present.mtimeMs - stats.mtimeMs;
  const holder = readHolder(path);
  return holder === undefined ? age > SETTLING_MILLISECONDS : age > LONGEST_MILLISECONDS || !mayBeRunning(holder);
}

function namesIn(place: string): readonly string[] {
  try {
    return listFolder(place);
  } catch {
    return [];
  }
}
