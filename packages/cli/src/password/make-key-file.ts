/** Makes a key file: 32 random bytes, exclusively, for its user alone, durable before a slot is made for it. */
import { closeSync, fsyncSync, openSync, unlinkSync, writeSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { nodeCrypto, talosError, zeroBytes } from "@talos/core";

const KEY_BYTES = 32;

/** Removed when it is disposed, unless it is kept: a key file that opens nothing only misleads. */
export interface MadeKeyFile extends Disposable {
  keep(): void;
}

/** @throws TalosError FILE_EXISTS; FILE_NOT_FOUND where its folder is none; STORAGE_FAILED */
export function makeKeyFile(path: string): MadeKeyFile {
  let isKept = false;
  const file = create(path);
  const bytes = nodeCrypto.randomBytes(KEY_BYTES);
  try {
    writeSync(file, bytes);
    fsyncSync(file);
    syncFolder(dirname(resolve(path)));
  } catch (cause) {
    unlinkSync(path);
    throw talosError("STORAGE_FAILED", "The key file could not be written.", { cause });
  } finally {
    zeroBytes(bytes);
    closeSync(file);
  }
  return {
    keep: () => {
      isKept = true;
    },
    [Symbol.dispose]: () => {
      if (!isKept) unlinkSync(path);
    },
  };
}

function create(path: string): number {
  try {
    return openSync(path, "wx", 0o600);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "EEXIST") throw talosError("FILE_EXISTS", "The key file exists already and is never overwritten.", { cause });
    if (code === "ENOENT" || code === "ENOTDIR") {
      throw talosError("FILE_NOT_FOUND", "The folder for the key file does not exist.", { hint: "Make the folder first.", cause });
    }
    throw talosError("STORAGE_FAILED", "The key file could not be made.", { cause });
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
