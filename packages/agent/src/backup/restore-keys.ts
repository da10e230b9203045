/**
 * The keys of an opened backup into a new vault: through the backend that each one names, opened again by its reference, and compared.
 * Stages and reads only; what counts is the inventory that the caller commits. Knows no file and no log.
 */
import { type Crypto, equalBytes, isTalosError, talosError, type TalosError } from "@talos/core";
import { type BackendKey, type KeyBackend, type KeyReference, openBackend } from "../backends/index.ts";
import type { InventoryEntry, KeyFileStore } from "../vault/index.ts";
import type { BackupKey } from "./backup-content.ts";

/**
 * Stages every key that the backup has, and finds those that it only names at their backend.
 *
 * @param files of a vault that is being made; its secrets stay the backup's
 * @returns as the inventory is to have them, live, in the order of `keys`
 * @throws TalosError BACKUP_KEY_FAILED (`details.kind`, `keyId`): the private part is not that of its public key; BACKUP_KEY_NOT_INCLUDED
 *   (`details.kind`, `backend`): it is in no file, and its backend does not have it here; STORAGE_FAILED; of the backend
 */
export async function importKeys(keys: readonly BackupKey[], files: KeyFileStore, crypto: Crypto): Promise<readonly InventoryEntry[]> {
  const entries: InventoryEntry[] = [];
  for (const key of keys) {
    using opened = await restoreKey(key, files, crypto);
    entries.push(inventoryEntry(key, opened));
  }
  return entries;
}

/** One key: staged where the backup has it, then opened by its reference. @returns the caller disposes it @throws TalosError as `importKeys` */
async function restoreKey(key: BackupKey, files: KeyFileStore, crypto: Crypto): Promise<BackendKey> {
  const backend = openBackend(key.backend, { files, crypto });
  await importSecret(key, backend);
  const opened = await openAgain(key, backend);
  if (equalBytes(opened.publicKey.bytes, key.publicKey) && opened.publicKey.algorithm === key.algorithm) return opened;
  opened[Symbol.dispose]();
  throw keyFailed(key, "another-key");
}

/** `details.reason` is a word of its own for each way to fail. */
export function keyFailed({ kind, keyId }: Pick<BackupKey, "kind" | "keyId">, reason: string, cause?: unknown): TalosError {
  return talosError("BACKUP_KEY_FAILED", undefined, { details: { kind, keyId, reason }, ...(cause === undefined ? {} : { cause }) });
}

async function importSecret(key: BackupKey, backend: KeyBackend): Promise<void> {
  const { kind, keyId, secret } = key;
  if (secret === undefined) return;
  const { portable } = backend.capabilities;
  if (portable === undefined) throw keyFailed(key, "backend-takes-no-keys");
  try {
    await portable.importKey(kind, keyId, secret);
  } catch (cause) {
    if (!isTalosError(cause, "INVALID_ARGUMENT")) throw cause;
    throw keyFailed(key, "another-key", cause);
  }
}

async function openAgain({ kind, keyId, secret }: BackupKey, backend: KeyBackend): Promise<BackendKey> {
  const reference: KeyReference = { backend: backend.name, kind, keyId };
  try {
    return await backend.open(reference);
  } catch (cause) {
    const isAbsent = (["BACKEND_NOT_AVAILABLE", "KEY_NOT_FOUND", "KEY_FILE_MISSING"] as const).some((code) => isTalosError(cause, code));
    if (secret !== undefined || !isAbsent) throw cause;
    throw talosError("BACKUP_KEY_NOT_INCLUDED", undefined, { details: { kind, keyId, backend: backend.name }, cause });
  }
}

function inventoryEntry({ kind, keyId, algorithm, publicKey, createdAt, dueAt, backend }: BackupKey, opened: BackendKey): InventoryEntry {
  const place =
    kind === "encryption" ? ({ kind } as const) : ({ kind: "identity", role: kind === "identity" ? "current" : "next" } as const);
  return { ...place, keyId, state: "live", algorithm, publicKey, createdAt, dueAt, backend, protection: opened.protection };
}
