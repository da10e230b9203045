/**
 * A restoration that is tried: an opened backup goes into a throw-away vault in a folder of its own (drill-folder.ts) as a recovery would put
 * it there; its keys are opened again from there, and used. The vault opens by a secret that never leaves memory, and is destroyed in every
 * case. Compares with nothing outside.
 */
import {
  ALGORITHM,
  concatBytes,
  type Crypto,
  type IdentityLog,
  isTalosError,
  sameHead,
  talosError,
  type TalosError,
  utf8,
} from "@talos/core";
import { type BackendAgreementKey, type BackendSigningKey, openBackend } from "../backends/index.ts";
import { placesOf } from "../lifecycle/recover/places.ts";
import { buildRestoredLife } from "../lifecycle/recover/restored-life.ts";
import { type FirstContent, type KeyFileStore, Vault } from "../vault/index.ts";
import type { BackupContent, BackupKey } from "./backup-content.ts";
import type { CheckedKey } from "./backup-views.ts";
import { damagedBackup } from "./damaged-backup.ts";
import { destroyDrillFolder, makeDrillFolder, type RemoveFolder } from "./drill-folder.ts";
import { importKeys, keyFailed } from "./restore-keys.ts";

const UNLOCK_BYTES = 64;
const CHALLENGE_BYTES = 32;
const CHALLENGE_LABEL: Uint8Array = utf8("talos/v1/backup/drill\u0000");
export interface DrillPlace {
  readonly crypto: Crypto;
  /** milliseconds since 1970 */
  readonly now: number;
  /** Of the backup. */
  readonly bytes: number;
  /** Where the folder is made and removed again. Default: in memory, else in the system's for temporary files. */
  readonly temporary?: string;
  /** How a folder goes. For tests. */
  readonly remove?: RemoveFolder;
}

export interface DrillResult {
  /** Every key of the backup: proved, or not in it and not here. */
  readonly keys: readonly CheckedKey[];
  /** The folder, where it could not be removed: no key in it opens for anybody, and peers, settings and record are in it as they are. */
  readonly left?: string;
}

/**
 * @param content stays the caller's
 * @param log its own, as `verifyContent` gives it
 * @throws TalosError BACKUP_KEY_FAILED (`details.kind`, `keyId`, `reason`) for a key that does not do what it must; BACKUP_DAMAGED where not
 *   everything comes back; STORAGE_FAILED, COMMIT_FAILED where the temporary folder cannot be written or is disturbed
 */
export async function drillBackup(content: BackupContent, log: IdentityLog, place: DrillPlace): Promise<DrillResult> {
  const dataDir = makeDrillFolder(place.bytes, place.temporary === undefined ? undefined : [place.temporary], place.remove);
  let keys: readonly CheckedKey[];
  try {
    keys = await proved(dataDir, content, log, place);
  } catch (error) {
    destroyDrillFolder(dataDir, place.remove);
    throw error;
  }
  return { keys, ...(destroyDrillFolder(dataDir, place.remove) ? {} : { left: dataDir }) };
}

async function proved(dataDir: string, content: BackupContent, log: IdentityLog, place: DrillPlace): Promise<readonly CheckedKey[]> {
  const { crypto, now } = place;
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
}

/** All that a recovery writes, by the same hand. A key that is not in the backup is in the trial only where its hardware is here too. */
async function restored(content: BackupContent, log: IdentityLog, files: KeyFileStore, { crypto, now }: DrillPlace): Promise<FirstContent> {
  const present: BackupKey[] = [];
  for (const key of content.keys) if (await isHere(key, files, crypto)) present.push(key);
  const places = placesOf(content, undefined, false);
  return await buildRestoredLife(files, { ...content, keys: present }, log, { crypto, now, places });
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
    if (isOfTheKey(cause)) throw keyFailed(key, "does-not-open", cause);
    throw isTalosError(cause, "KEY_FILE_MISSING") ? disturbed(cause) : cause;
  }
  return { kind, keyId, proved: true };
}

/** Not what the folder, or the machine, has come to meanwhile: that says nothing of the backup. */
function isOfTheKey(error: unknown): boolean {
  return (
    isTalosError(error) && !(["BACKUP_KEY_FAILED", "STORAGE_FAILED", "KEY_FILE_MISSING"] as const).some((code) => isTalosError(error, code))
  );
}

function disturbed(cause: unknown): TalosError {
  return talosError("STORAGE_FAILED", "Something has removed files of the restoration that was tried.", {
    hint: "Try once more; see what cleans up the folder for temporary files.",
    details: { operation: "read" },
    cause,
  });
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
