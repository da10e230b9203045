/**
 * The kit as a file: written once and never over anything, durable, read back and opened again before anybody relies on it.
 * Knows no vault and no log.
 */
import { dirname, isAbsolute, relative, resolve, sep } from "node:path";
import { statSync } from "node:fs";
import { type AgentId, type Crypto, isTalosError, type SecretBytes, secureCompare, talosError, zeroBytes } from "@talos/core";
import { readStart, statPath, syncFolder, unlinkFile, writeNewFile } from "../vault/files.ts";
import { isHeldFile } from "../vault/held-files.ts";
import { DEFAULT_KDF, type KdfParameters } from "../vault/slots/kdf-bounds.ts";
import { damagedKit, type KitFacts } from "./kit-record.ts";
import { type OpenedKit, sealKit, unsealKit } from "./seal-kit.ts";

/** Many times what one takes. */
const MAX_FILE_BYTES = 16_384;

export interface NewKit extends KitFacts {
  readonly path: string;
  /** 32 bytes; stays the caller's. */
  readonly seed: SecretBytes;
  /** UTF-8 of NFC, checked for its strength. */
  readonly password: SecretBytes;
  /** Default: DEFAULT_KDF. */
  readonly kdf?: KdfParameters | undefined;
  readonly crypto: Crypto;
}

/**
 * Before anything is made: whether a kit could be written there.
 *
 * @param dataDir a kit inside it would be stolen with it
 * @throws TalosError RECOVERY_KIT_EXISTS; FILE_NOT_FOUND where its folder is none; INVALID_ARGUMENT inside the data directory
 */
export function checkNewKitPath(path: string, dataDir?: string): void {
  const file = resolve(path);
  const folder = dirname(file);
  if (!isFolder(folder)) {
    throw talosError("FILE_NOT_FOUND", "The folder for the recovery kit does not exist.", {
      hint: "Make the folder first, or attach the medium that it is on.",
      details: { path: folder },
    });
  }
  const inside = dataDir === undefined ? ".." : relative(resolve(dataDir), file);
  if (!isAbsolute(inside) && inside !== ".." && !inside.startsWith(`..${sep}`)) {
    throw talosError("INVALID_ARGUMENT", "The recovery kit would lie in the data directory, and would be stolen with it.", {
      hint: "Write it to another place, best to a medium of its own.",
      details: { option: "recoveryKit", path: file },
    });
  }
  if (statPath(file) !== undefined) throw talosError("RECOVERY_KIT_EXISTS", undefined, { details: { path: file } });
}

/**
 * Seals the seed, writes it exclusively with 0600, syncs file and folder, reads it back and opens it: when this returns, the kit
 * gives this seed. Two Argon2id runs. A file that does not is removed again.
 *
 * @throws TalosError RECOVERY_KIT_EXISTS, FILE_NOT_FOUND, STORAGE_FAILED, KDF_PARAMETERS_REFUSED
 */
export function makeKit({ path, seed, password, kdf = DEFAULT_KDF, crypto, agentName, agentId, createdAt }: NewKit): void {
  const file = resolve(path);
  checkNewKitPath(file);
  const text = sealKit(seed, password, { agentName, agentId, createdAt }, kdf, crypto);
  writeDurably(file, text, "The recovery kit could not be written.");
  try {
    using opened = openKit(file, password, crypto, agentId);
    if (!secureCompare(opened.seed, seed)) throw damagedKit({ reason: "seal" });
  } catch (cause) {
    unlinkFile(file);
    throw talosError("STORAGE_FAILED", "The recovery kit could not be read back as it was written, and was removed.", {
      hint: "Check the medium, or write it to another one.",
      details: { path: file },
      cause,
    });
  }
}

/**
 * @param source a path, or the text itself
 * @throws TalosError FILE_NOT_FOUND; as `unsealKit`
 */
export function openKit(source: string | Uint8Array, password: SecretBytes, crypto: Crypto, expected?: AgentId): OpenedKit {
  const text = typeof source === "string" ? readKitText(source) : source;
  return unsealKit(text, password, crypto, expected);
}

/** @throws TalosError FILE_NOT_FOUND; RECOVERY_KIT_DAMAGED for what is far too large to be one */
export function readKitText(path: string): Uint8Array {
  return readText(path, "recovery kit", damagedKit);
}

/** For kits and shares. @throws TalosError FILE_NOT_FOUND; what `damaged` makes for a file that is far too large */
export function readText(path: string, what: string, damaged: (details: { readonly reason: string }) => Error): Uint8Array {
  const file = resolve(path);
  let text: Uint8Array;
  try {
    // Before it is opened: a database of ours would lose its lock, and a pipe would never end.
    const stats = statSync(file);
    if (!stats.isFile() || stats.size > MAX_FILE_BYTES || isHeldFile(stats)) throw damaged({ reason: "size" });
    text = readStart(file, MAX_FILE_BYTES + 1);
  } catch (cause) {
    if (isTalosError(cause) && !isTalosError(cause, "STORAGE_FAILED")) throw cause;
    throw talosError("FILE_NOT_FOUND", `The ${what} does not exist or cannot be read.`, { details: { path: file }, cause });
  }
  if (text.length <= MAX_FILE_BYTES) return text;
  zeroBytes(text);
  throw damaged({ reason: "size" });
}

/** @throws TalosError RECOVERY_KIT_EXISTS, FILE_NOT_FOUND, STORAGE_FAILED */
export function writeDurably(file: string, text: Uint8Array, failed: string): void {
  try {
    writeNewFile(file, text);
    syncFolder(dirname(file));
  } catch (cause) {
    const system = isTalosError(cause, "STORAGE_FAILED") ? cause.details["system"] : undefined;
    if (system === "EEXIST") throw talosError("RECOVERY_KIT_EXISTS", undefined, { details: { path: file }, cause });
    if (isTalosError(cause, "STORAGE_FAILED")) {
      throw talosError("STORAGE_FAILED", failed, {
        hint: "Check the path, free space and permissions, then try again.",
        details: { ...cause.details, path: file },
        cause,
      });
    }
    throw cause;
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
