/**
 * The few file operations of the vault: exclusive creation with 0600, fsync of file and folder, rename, unlink. Every
 * failure is STORAGE_FAILED with the system's code. Knows no format; never opens `lock` or `state.db` once they exist.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { talosError } from "@talos/core";

const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/** Creates, writes and syncs a file that must not exist. A file that could not be written whole is removed again. */
export function writeNewFile(path: string, content: Uint8Array): void {
  attempt("write", () => {
    const file = openSync(path, "wx", FILE_MODE);
    try {
      let written = 0;
      while (written < content.length) written += writeSync(file, content, written);
      fsyncSync(file);
    } catch (error) {
      unlinkQuietly(path);
      throw error;
    } finally {
      closeSync(file);
    }
  });
}

/** Creates an empty file with 0600 unless it exists; true when it was created. */
export function createEmptyFile(path: string): boolean {
  return attempt("create", () => {
    try {
      closeSync(openSync(path, "wx", FILE_MODE));
      return true;
    } catch (error) {
      if (systemCode(error) === "EEXIST") return false;
      throw error;
    }
  });
}

/** Makes a folder, and the ones above it, with 0700 unless it exists; every new entry is synced. */
export function makeFolder(path: string): void {
  if (existsSync(path)) return;
  const above = dirname(path);
  makeFolder(above);
  // Not recursive: some file systems answer in a way that makes Node try for ever.
  attempt("create", () => mkdirUnlessThere(path));
  syncFolder(above);
}

/** Another process may have made it meanwhile. */
function mkdirUnlessThere(path: string): void {
  try {
    mkdirSync(path, { mode: FOLDER_MODE });
  } catch (error) {
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw error;
  }
}

/** Makes the entries of a folder durable. */
export function syncFolder(path: string): void {
  attempt("sync", () => {
    const folder = openSync(path, "r");
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  });
}

export function renameFile(from: string, to: string): void {
  attempt("rename", () => {
    renameSync(from, to);
  });
}

/** Gone already is as good. */
export function unlinkFile(path: string): void {
  attempt("remove", () => {
    try {
      unlinkSync(path);
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw error;
    }
  });
}

/** Undefined where there is no such file. */
export function readFile(path: string): Uint8Array | undefined {
  return attempt("read", () => {
    try {
      return new Uint8Array(readFileSync(path));
    } catch (error) {
      if (systemCode(error) === "ENOENT") return undefined;
      throw error;
    }
  });
}

/** At most so many bytes from the start. */
export function readStart(path: string, length: number): Uint8Array {
  return attempt("read", () => {
    const file = openSync(path, "r");
    try {
      const buffer = new Uint8Array(length);
      return buffer.subarray(0, readSync(file, buffer, 0, length, 0));
    } finally {
      closeSync(file);
    }
  });
}

/** The names in a folder, sorted; none where the folder is absent. */
export function listFolder(path: string): string[] {
  return attempt("read", () => {
    try {
      return readdirSync(path).sort();
    } catch (error) {
      if (systemCode(error) === "ENOENT") return [];
      throw error;
    }
  });
}

/** Of the path itself, not of what a link points to; undefined where there is nothing. */
export function statPath(path: string): Stats | undefined {
  return attempt("read", () => lstatSync(path, { throwIfNoEntry: false }));
}

/** `ENOSPC` and the like; undefined for an error that is none of the system's. */
function systemCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

function attempt<T>(operation: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const system = systemCode(error);
    if (system === undefined) throw error;
    throw talosError("STORAGE_FAILED", undefined, { cause: error, details: { operation, system } });
  }
}

/** For what is only in the way: a later opening removes it. */
export function unlinkQuietly(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // What cannot be removed now is removed at the next opening.
  }
}
