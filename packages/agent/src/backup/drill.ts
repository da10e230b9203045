/**
 * A restoration that is tried: an opened backup goes into a throw-away vault in a folder of its own as a recovery would put it there; its keys
 * are opened again from there, and used. The vault opens by a secret that never leaves memory, and is destroyed in every case; what a killed process leaves is ciphertext
 * that nobody can open, and the next drill removes it. Compares with nothing outside.
 */
import { lstatSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ALGORITHM, concatBytes, type Crypto, type IdentityLog, isTalosError, sameHead, talosError, utf8 } from "@talos/core";
import { type BackendAgreementKey, type BackendSigningKey, openBackend } from "../backends/index.ts";
import { buildRestoredLife } from "../lifecycle/recover/restored-life.ts";
import { type FirstContent, HOME_DIRECTORY, type KeyFileStore, Vault } from "../vault/index.ts";
import { listFolder } from "../vault/files.ts";
import { mayBeRunning, readHolder } from "../vault/lock.ts";
import type { BackupContent, BackupKey } from "./backup-content.ts";
import type { CheckedKey } from "./backup-views.ts";
import { damagedBackup } from "./damaged-backup.ts";
import { importKeys, keyFailed } from "./restore-keys.ts";

const FOLDER = "talos-drill-";
const UNLOCK_BYTES = 64;
const CHALLENGE_BYTES = 32;
const CHALLENGE_LABEL: Uint8Array = utf8("talos/v1/backup/drill\u0000");
/** A drill takes seconds: whoever has held a folder for so long holds it no more. */
const LONGEST_MILLISECONDS = 3_600_000;
/** Between the making of a folder and its lock. */
const SETTLING_MILLISECONDS = 60_000;

export interface DrillPlace {
  readonly crypto: Crypto;
  /** milliseconds since 1970 */
  readonly now: number;
  /** Where the folder is made and removed again. Default: the system's for temporary files. */
  readonly temporary?: string;
}

/**
 * @param content stays the caller's
 * @param log its own, as `verifyContent` gives it
 * @returns every key of the backup: proved, or not in it and not here
 * @throws TalosError BACKUP_KEY_FAILED (`details.kind`, `keyId`, `reason`) for a key that does not do what it must; BACKUP_DAMAGED where not
 *   everything comes back; STORAGE_FAILED, COMMIT_FAILED where the temporary folder cannot be written
 */
export async function drillBackup(content: BackupContent, log: IdentityLog, place: DrillPlace): Promise<readonly CheckedKey[]> {
  const { crypto, now, temporary = tmpdir() } = place;
  const dataDir = makePlace(temporary);
  try {
    removeLeavings(temporary, dataDir);
    using secret = crypto.randomSecret(UNLOCK_BYTES);
    using vault = await Vault.create({
      dataDir,
      name: content.agentName,
      unlock: { kind: "key-file", secret },
      crypto,
      now,
      build: async (files) => await restored(content, log, files, place),
    });
    requireWhole(vault, content);
    const checked: CheckedKey[] = [];
    for (const key of content.keys) checked.push(await check(key, vault, crypto));
    return checked;
  } finally {
    destroy(dataDir);
  }
}

/** All that a recovery writes, by the same hand. A key that is not in the backup is in the trial only where its hardware is here too. */
async function restored(content: BackupContent, log: IdentityLog, files: KeyFileStore, { crypto, now }: DrillPlace): Promise<FirstContent> {
  const present: BackupKey[] = [];
  for (const key of content.keys) if (await isHere(key, files, crypto)) present.push(key);
  const home = content.settings.get(HOME_DIRECTORY);
  return await buildRestoredLife(files, { ...content, keys: present }, log, { crypto, now, home });
}

async function isHere(key: BackupKey, files: KeyFileStore, crypto: Crypto): Promise<boolean> {
  if (key.secret !== undefined) return true;
  try {
    await importKeys([key], files, crypto);
    return true;
  } catch (error) {
    if (isTalosError(error, "BACKUP_KEY_NOT_INCLUDED")) return false;
    throw error;
  }
}

/** What was put in is there. */
function requireWhole(vault: Vault, { peers, audit, head }: BackupContent): void {
  const isWhole = vault.read((tx) => {
    const there = tx.log.head();
    const hasLog = there !== undefined && sameHead(there, head);
    return hasLog && tx.peers.list().length === peers.length && tx.audit.count() >= audit.length;
  });
  if (!isWhole) throw damagedBackup("restoration");
}

async function check(key: BackupKey, vault: Vault, crypto: Crypto): Promise<CheckedKey> {
  const { kind, keyId } = key;
  if (vault.read((tx) => tx.inventory.get(keyId)) === undefined) return { kind, keyId, proved: false, reason: "not-included" };
  const backend = openBackend(key.backend, { files: vault.files, crypto });
  try {
    using opened = await backend.open({ backend: key.backend, kind, keyId });
    const works = "sign" in opened ? await signs(opened, key, crypto) : await agrees(opened, key, crypto);
    if (!works) throw keyFailed(key, "does-not-work");
  } catch (cause) {
    if (isTalosError(cause, "BACKUP_KEY_FAILED") || isTalosError(cause, "STORAGE_FAILED")) throw cause;
    throw keyFailed(key, "does-not-open", cause);
  }
  return { kind, keyId, proved: true };
}

async function signs(opened: BackendSigningKey, { algorithm, publicKey }: BackupKey, crypto: Crypto): Promise<boolean> {
  const challenge = concatBytes(CHALLENGE_LABEL, crypto.randomBytes(CHALLENGE_BYTES));
  const signature = await opened.sign(challenge);
  return (
    (algorithm === ALGORITHM.ed25519 || algorithm === ALGORITHM.es256) && crypto.verifySignature(algorithm, publicKey, challenge, signature)
  );
}

async function agrees(opened: BackendAgreementKey, { publicKey }: BackupKey, crypto: Crypto): Promise<boolean> {
  using other = crypto.generateAgreementKey();
  using ours = await opened.deriveSharedSecret(other.publicKey);
  using theirs = other.agree(publicKey);
  return ours.equals(theirs);
}

function makePlace(temporary: string): string {
  try {
    return mkdtempSync(join(temporary, FOLDER));
  } catch (cause) {
    const system = cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "unknown";
    throw talosError("STORAGE_FAILED", "The folder for trying the restoration could not be made.", {
      hint: "Check free space and permissions of the folder for temporary files (TMPDIR).",
      details: { operation: "create", system, path: temporary },
      cause,
    });
  }
}

function destroy(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true, maxRetries: 2 });
  } catch (cause) {
    throw talosError("STORAGE_FAILED", "The folder in which the restoration was tried could not be removed.", {
      hint: "Remove it by hand; what is in it cannot be opened by anybody.",
      details: { operation: "remove", path },
      cause,
    });
  }
}

/** Folders of drills that were killed. Those of others, and what cannot be looked at, are left alone. */
function removeLeavings(temporary: string, own: string): void {
  const present = lstatSync(own);
  for (const name of listFolder(temporary)) {
    const path = join(temporary, name);
    if (!/^talos-drill-[A-Za-z0-9]{6}$/.test(name) || path === own) continue;
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats?.isDirectory() !== true || stats.uid !== present.uid) continue;
    const age = present.mtimeMs - stats.mtimeMs;
    const holder = readHolder(path);
    const isOver = holder === undefined ? age > SETTLING_MILLISECONDS : age > LONGEST_MILLISECONDS || !mayBeRunning(holder);
    if (isOver) rmSync(path, { recursive: true, force: true });
  }
}
