/** Opening a vault. A password or key that is wrong changes no byte: it is tried before the lock is taken. */
import { type AgentId, type Crypto, equalBytes, isTalosError, talosError } from "@talos/core";
import { refuseOrphans } from "./create.ts";
import { atomically, openForWriting, raiseGeneration, readFacts, readOnce, readSlots, type StoredFacts } from "./database.ts";
import { checkKdfParameters, DEFAULT_KDF } from "./slots/kdf-bounds.ts";
import { raiseKdf } from "./slots/kdf-raise.ts";
import { KeyFolder } from "./keys/key-folder.ts";
import { DATABASE_FILE, isVital } from "./keys/layout.ts";
import { Lock } from "./lock.ts";
import type { VaultParts } from "./parts.ts";
import { checkPermissions } from "./permissions.ts";
import { isBehind, isForeign, isThere, vitalHeaders } from "./rescue/rescue-state.ts";
import { Sealer } from "./sealer.ts";
import { fieldsOf } from "./slots/slot-info.ts";
import type { StoredSlot } from "./slots/slot-record.ts";
import { planFor, putStrangersAside, trySettle } from "./settle.ts";
import { fromSqlite } from "./sqlite-error.ts";
import { Audit } from "./store/audit.ts";
import { Inventory } from "./store/inventory.ts";
import { migrate } from "./store/migrations.ts";
import { Store } from "./store/store.ts";
import { checkTime } from "./times.ts";
import type { OpenVaultOptions, VaultFinding } from "./types.ts";
import { unlock, type UnlockedSlot } from "./slots/unlock-slots.ts";

export interface WayIn {
  readonly facts: StoredFacts;
  readonly slots: readonly StoredSlot[];
}

/**
 * @throws TalosError VAULT_NOT_FOUND, VAULT_FOREIGN, WRONG_PASSWORD, WRONG_UNLOCK_KEY, PASSWORD_REQUIRED, VAULT_LOCKED, VAULT_CORRUPT,
 *   KDF_PARAMETERS_REFUSED, UNSUPPORTED_VERSION, SYMLINK_REFUSED, OWNER_FOREIGN, PERMISSIONS_TOO_OPEN; KEY_FILE_MISSING,
 *   KEY_FILE_CORRUPT, KEY_FILE_SWAPPED for a key that the agent cannot do without; STORAGE_FAILED, COMMIT_FAILED; INVALID_ARGUMENT
 *   for a time before 1970
 */
export function openParts(options: OpenVaultOptions): VaultParts {
  const { dataDir, crypto, now, kdf = DEFAULT_KDF } = options;
  checkTime(now);
  checkKdfParameters(kdf);
  const before = findWayIn(dataDir, options.expectAgentId);
  using cleanup = new DisposableStack();
  let unlocked = unlock(before.slots, options.unlock, before.facts, crypto);
  cleanup.defer(() => {
    unlocked[Symbol.dispose]();
  });
  const lock = cleanup.use(Lock.acquire(dataDir, now, crypto));
  const database = openForWriting(dataDir);
  cleanup.defer(() => {
    database.close();
  });
  const current = onDatabase(() => readWayIn(database, options.expectAgentId));
  if (!sameWayIn(before, current)) {
    const again: UnlockedSlot = unlock(current.slots, options.unlock, current.facts, crypto);
    unlocked[Symbol.dispose]();
    unlocked = again;
  }
  atomically(database, () => {
    migrate(database);
  });
  const { vaultKeyNumber } = current.facts;
  const sealer = cleanup.use(new Sealer(unlocked.vaultKey, current.facts.agentId, vaultKeyNumber, crypto));
  const store = new Store(database, sealer);
  const folder = new KeyFolder(dataDir, crypto, sealer);
  const placement = onDatabase(() => planFor(folder, store, vaultKeyNumber));
  refuseLost(store, placement.findings);
  folder.adopt(placement);
  const damaged = checkKeyFiles(folder, store, placement.findings);
  refuseLost(store, damaged);

  const generation = raiseGeneration(database, () => noteUnlocked(store, { slot: unlocked.number, unlock: options.unlock.kind }, now));
  const facts = { ...current.facts, generation, dataDir };
  const raised = raiseKdf({ database, store, crypto, place: facts, unlocked, withSecret: options.unlock, target: kdf, now });
  const stretched = raised !== undefined && "stretched" in raised ? cleanup.use(raised.stretched) : unlocked.stretched;
  if (stretched !== unlocked.stretched) unlocked.stretched.dispose();
  const aside = putStrangersAside({ database, store, folder }, dataDir, placement.quarantine, now);
  const settled = trySettle({ facts, database, store, folder, crypto }, placement);
  const ofSlots = raised !== undefined && "finding" in raised ? [raised.finding] : [];
  const findings = [...damagedSlots(current.slots, crypto), ...ofSlots, ...damaged, ...aside, ...settled.findings];
  cleanup.move();
  const way = { number: unlocked.number, stretched };
  const { unsettled } = settled;
  return { facts, database, store, sealer, folder, lock, findings, crypto, unsettled, doubtful: false, way, kdf };
}

/** Every generation begins with it: who opened, and when. */
function noteUnlocked(store: Store, details: { readonly slot: number; readonly unlock: string }, now: number): void {
  store.beginWriting();
  try {
    new Audit(store).append({ kind: "unlocked", at: now, details });
  } finally {
    store.endWriting();
  }
}

/** Checks the folder and reads how it is unlocked; changes nothing. */
export function findWayIn(dataDir: string, expectAgentId?: AgentId): WayIn {
  checkPermissions(dataDir);
  if (!isThere(dataDir)) {
    refuseOrphans(dataDir);
    throw talosError("VAULT_NOT_FOUND");
  }
  const held = vitalHeaders(dataDir);
  return readOnce(dataDir, (database) => {
    const wayIn = readWayIn(database, expectAgentId);
    if (isBehind(held, wayIn.facts)) {
      throw talosError("VAULT_CORRUPT", "state.db is older than the key files: it is from before a new vault key.", {
        hint: "Put back the newest state.db, or rebuild it from the key files with talos doctor --rescue; talos doctor says more.",
      });
    }
    if (isForeign(held, database)) {
      throw talosError("VAULT_FOREIGN", "state.db belongs to another agent than the key files beside it.", {
        hint: "Put back the right state.db, or rebuild it from the key files with talos doctor --rescue; talos doctor says more.",
      });
    }
    return wayIn;
  });
}

function readWayIn(database: Parameters<typeof readFacts>[0], expectAgentId?: AgentId): WayIn {
  const facts = readFacts(database);
  if (facts === undefined) throw talosError("VAULT_NOT_FOUND");
  if (expectAgentId !== undefined && !equalBytes(expectAgentId, facts.agentId)) throw talosError("VAULT_FOREIGN");
  return { facts, slots: readSlots(database) };
}

function sameWayIn(a: WayIn, b: WayIn): boolean {
  return (
    equalBytes(a.facts.agentId, b.facts.agentId) &&
    a.facts.vaultKeyNumber === b.facts.vaultKeyNumber &&
    a.slots.length === b.slots.length &&
    a.slots.every(({ number, record }, i) => number === b.slots[i]?.number && equalBytes(record, b.slots[i].record))
  );
}

/** A slot that is damaged keeps nobody out who has another one; whoever has only that one should know before they need it. */
export function damagedSlots(slots: readonly StoredSlot[], crypto: Crypto): VaultFinding[] {
  return slots
    .filter((slot) => fieldsOf(slot, crypto) === undefined)
    .map(({ number }) => {
      const message = `Unlock slot ${number} is damaged and opens no more; remove it, and add that way in again.`;
      return { code: "VAULT_CORRUPT", file: DATABASE_FILE, message };
    });
}

/**
 * Opens key files and says which do not open.
 *
 * @param which opening leaves out the many one-time prekeys, which are opened when used
 */
export function checkKeyFiles(
  folder: KeyFolder,
  store: Store,
  known: readonly VaultFinding[],
  which: "all" | "not one-time prekeys" = "not one-time prekeys",
): VaultFinding[] {
  const findings: VaultFinding[] = [];
  for (const { keyId, kind } of new Inventory(store).inKeyFiles()) {
    if ((kind === "one-time-prekey" && which !== "all") || known.some((finding) => finding.keyId === keyId)) continue;
    try {
      folder.load(kind, keyId).dispose();
    } catch (error) {
      if (!isTalosError(error) || typeof error.details["file"] !== "string") throw error;
      const { file, reason } = error.details;
      const why = typeof reason === "string" ? { reason } : {};
      findings.push({ code: error.code, file, keyId, kind, ...why, message: `${file}: ${error.message}` });
    }
  }
  return findings;
}

/** What is lost otherwise keeps the agent from nothing else, and is said. */
function refuseLost(store: Store, findings: readonly VaultFinding[]): void {
  const inventory = new Inventory(store);
  for (const { code, file, keyId, reason } of findings) {
    if (keyId === undefined || code === "QUARANTINED" || code === "METADATA_REWRITTEN") continue;
    const entry = inventory.get(keyId);
    if (entry !== undefined && isVital(entry))
      throw talosError(code, undefined, { details: { file, keyId, ...(reason === undefined ? {} : { reason }) } });
  }
}

function onDatabase<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw fromSqlite(error, "STORAGE_FAILED");
  }
}
