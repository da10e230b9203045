/** Making a vault. Until its one commit the folder counts as empty, and the next attempt starts anew. */
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { talosError } from "@talos/core";
import { atomically, openForWriting, readFacts, readOnce, writeFirst } from "./database.ts";
import { makeFolder, statPath, syncFolder } from "./files.ts";
import { DEFAULT_KDF } from "./slots/kdf-bounds.ts";
import { KeyFolder } from "./keys/key-folder.ts";
import { PREKEYS_FOLDER } from "./keys/layout.ts";
import { Lock } from "./lock.ts";
import type { VaultParts } from "./parts.ts";
import { checkPermissions } from "./permissions.ts";
import { hasOrphans, isThere } from "./rescue/rescue-state.ts";
import { Sealer } from "./sealer.ts";
import { trySettle } from "./settle.ts";
import { checkLabel } from "./slots/slot-record.ts";
import type { NewAuditEntry } from "./store/audit.ts";
import { fromSqlite } from "./sqlite-error.ts";
import { Store } from "./store/store.ts";
import { transactionOver } from "./store/transaction.ts";
import { checkTime } from "./times.ts";
import type { CreateVaultOptions, FirstContent } from "./types.ts";
import { checkNewSecret, makeSlot } from "./slots/unlock-slots.ts";

const VAULT_KEY_BYTES = 32;
const FIRST_VAULT_KEY = 1;
const FIRST_SLOT = 1;

/**
 * @throws TalosError VAULT_EXISTS, VAULT_LOCKED, VAULT_CORRUPT where key files lie without their database;
 *   PASSWORD_REQUIRED, KDF_PARAMETERS_REFUSED, INVALID_ARGUMENT as `makeSlot`, SYMLINK_REFUSED, OWNER_FOREIGN, PERMISSIONS_TOO_OPEN, STORAGE_FAILED,
 *   COMMIT_FAILED, or what `build` threw
 */
export async function createParts(options: CreateVaultOptions): Promise<VaultParts> {
  const { dataDir, crypto, now, kdf = DEFAULT_KDF, slotLabel: label = "" } = options;
  checkTime(now);
  checkNewSecret(options.unlock);
  checkLabel(label);
  if (holdsAgent(dataDir)) throw talosError("VAULT_EXISTS");
  makeFolder(dataDir);
  // It may have come into being meanwhile, by somebody else's hand.
  checkPermissions(dataDir);
  using cleanup = new DisposableStack();
  const lock = cleanup.use(Lock.acquire(dataDir, now, crypto));
  const database = openForWriting(dataDir);
  cleanup.defer(() => {
    database.close();
  });
  if (factsIn(database) !== undefined) throw talosError("VAULT_EXISTS");
  // What an earlier attempt staged is cleared once this one is committed, as at every opening.
  makeFolder(join(dataDir, PREKEYS_FOLDER));
  const folder = new KeyFolder(dataDir, crypto);
  let doubtful = false;
  cleanup.defer(() => {
    // A commit that failed in its last step may yet come back with a crash, and would need its files.
    if (doubtful) folder.forgetUncommitted();
    else folder.dropUncommitted();
  });
  const content = await options.build(folder);

  const vaultKey = crypto.randomSecret(VAULT_KEY_BYTES);
  const vaultKeyNumber = folder.unusedVaultKeyNumber(FIRST_VAULT_KEY);
  const sealer = cleanup.use(new Sealer(vaultKey, content.agentId, vaultKeyNumber, crypto));
  const place = { agentId: content.agentId, vaultKeyNumber };
  const { record, stretched } = makeSlot(options.unlock, vaultKey, place, { label, now, kdf }, crypto);
  cleanup.use(stretched);
  folder.sealHeld(sealer);
  folder.syncStaged();
  syncFolder(dataDir);

  const store = new Store(database, sealer);
  const { agentId, generation = 1 } = content;
  const facts = { agentId, name: options.name, dataDir, createdAt: now, generation, vaultKeyNumber };
  atomically(
    database,
    () => {
      writeFirst(database, facts, [{ number: FIRST_SLOT, record }]);
      writeContent(store, content, { kind: "vault-created", at: now, details: { slot: FIRST_SLOT, unlock: options.unlock.kind, label } });
    },
    () => {
      doubtful = true;
    },
  );
  cleanup.move();
  folder.forgetUncommitted();
  const { findings, unsettled } = trySettle({ facts, database, store, folder, crypto });
  const unexpected = findings.filter(({ code }) => code !== "METADATA_REWRITTEN");
  const way = { number: FIRST_SLOT, stretched };
  return { facts, database, store, sealer, folder, lock, findings: unexpected, crypto, unsettled, doubtful: false, way, kdf };
}

function factsIn(database: DatabaseSync): ReturnType<typeof readFacts> {
  try {
    return readFacts(database);
  } catch (error) {
    throw fromSqlite(error, "STORAGE_FAILED");
  }
}

/** Whether a committed agent is in the folder. Reads only. @throws as `checkPermissions`; VAULT_CORRUPT also where its database is gone; STORAGE_FAILED */
export function holdsAgent(dataDir: string): boolean {
  if (statPath(dataDir) === undefined) return false;
  checkPermissions(dataDir);
  if (isThere(dataDir) && readOnce(dataDir, readFacts) !== undefined) return true;
  refuseOrphans(dataDir);
  return false;
}

/** Key files under final names exist only after a commit: without their database something is lost, and nothing may be made over it. */
export function refuseOrphans(dataDir: string): void {
  if (hasOrphans(dataDir)) {
    throw talosError("VAULT_CORRUPT", "The data directory has key files, but its database state.db is missing or empty.");
  }
}

function writeContent(store: Store, content: FirstContent, entry: NewAuditEntry): void {
  store.beginWriting();
  try {
    const tx = transactionOver(store);
    if (content.earlierAudit !== undefined) tx.audit.restore(content.earlierAudit.entries, content.earlierAudit.head);
    tx.audit.append(entry);
    content.write(tx);
  } finally {
    store.endWriting();
  }
}
