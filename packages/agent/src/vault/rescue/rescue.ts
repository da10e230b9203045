/**
 * Rebuilding a destroyed `state.db` from the key files and `metadata.json`. Everything is verified before anything changes. Then the
 * changes come in an order in which each state is either as destroyed as before, so that the rescue can simply be run again, or rescued:
 * names of kept keys, strangers aside, the old database aside, and one commit. Nothing that does not open is ever removed, but for what
 * an earlier vault key sealed of a key that is kept or ends; and that only after the commit.
 */
import { join } from "node:path";
import { ALGORITHM, type Crypto, equalBytes, type IdentityLog, isTalosError, talosError } from "@talos/core";
import { atomically, openForWriting, writeFirst } from "../database.ts";
import { makeFolder, renameFile, statPath, syncFolder, unlinkQuietly } from "../files.ts";
import { DEFAULT_KDF } from "../slots/kdf-bounds.ts";
import { KeyFolder } from "../keys/key-folder.ts";
import { DATABASE_FILE, finalName, type KeyPlace, PREKEYS_FOLDER, QUARANTINE_FOLDER, stagedName } from "../keys/layout.ts";
import { Lock } from "../lock.ts";
import { checkPermissions } from "../permissions.ts";
import type { Placement } from "../keys/placement.ts";
import { findKeys, type FoundKey, type FoundKeys } from "./rescue-keys.ts";
import { notPossible, readRescueSource, type RescueSource } from "./rescue-source.ts";
import { hasOrphans, judgeState } from "./rescue-state.ts";
import { Sealer } from "../sealer.ts";
import { planFor, trySettle } from "../settle.ts";
import type { StoredSlot, UnlockKind } from "../slots/slot-record.ts";
import type { HeldSettings } from "../store/settings.ts";
import { Store } from "../store/store.ts";
import { type Transaction, transactionOver } from "../store/transaction.ts";
import type { KeyFileStore } from "../types.ts";
import { unlock, type UnlockedSlot, type UnlockWith } from "../slots/unlock-slots.ts";
import { Vault } from "../vault.ts";

/**
 * More openings than there can have been since `metadata.json` was written: the rescued instance is the newest, and copies of the old
 * one are superseded.
 */
const GENERATION_STEP: number = 2 ** 20;

/** What is left of an agent, proved. */
export interface Remains extends FoundKeys {
  readonly log: IdentityLog;
  /** URL of the home directory; unproved. */
  readonly directory: string | undefined;
  /** The rescued agent has to be held too; unproved. */
  readonly held: HeldSettings | undefined;
}

export interface RescueVaultOptions {
  readonly dataDir: string;
  readonly unlock: UnlockWith;
  readonly crypto: Crypto;
  /** milliseconds since 1970 */
  readonly now: number;
  /** Makes what is to be new and stages its private parts. Awaited while the lock is held; nothing has changed yet. */
  build(files: KeyFileStore, remains: Remains): Promise<{ write(tx: Transaction): void }>;
}

/** A way in that was taken over from `metadata.json`. */
export interface RescuedSlot {
  /** 1 to 8 */
  readonly number: number;
  readonly kind: UnlockKind;
  readonly label: string;
  /** The one that the rescue used; the others are not proved. */
  readonly opened: boolean;
}

export interface RescuedVault {
  /** Open; the caller closes it. */
  readonly vault: Vault;
  readonly slots: readonly RescuedSlot[];
  readonly remains: Remains;
  readonly was: "missing" | "damaged" | "foreign";
  /** Relative to the data directory. */
  readonly putAside: readonly string[];
}

interface PutAside {
  readonly name: string;
  readonly aside: string;
  /** Not of the database, which nothing opens. */
  readonly sha256?: string;
}

interface Key {
  readonly sealer: Sealer;
  readonly opened: UnlockedSlot;
}

/**
 * @throws TalosError RESCUE_NOT_NEEDED, RESCUE_NOT_POSSIBLE, VAULT_NOT_FOUND, VAULT_LOCKED, WRONG_PASSWORD, WRONG_UNLOCK_KEY,
 *   PASSWORD_REQUIRED, KDF_PARAMETERS_REFUSED, LOG_INVALID and others of `verifyLog`, UNSUPPORTED_VERSION, those of a folder that is not as
 *   it must be; STORAGE_FAILED, COMMIT_FAILED, or what `build` threw: the rescue can then be run again
 */
export async function rescueVault(options: RescueVaultOptions): Promise<RescuedVault> {
  const { dataDir, crypto, now } = options;
  checkPermissions(dataDir);
  requireDestroyed(options);
  let source = readRescueSource(dataDir, crypto, now);
  using cleanup = new DisposableStack();
  let keys = openKeys(source, options);
  cleanup.defer(() => {
    wipe(keys);
  });
  const lock = cleanup.use(Lock.acquire(dataDir, now, crypto));
  const was = requireDestroyed(options);
  const current = readRescueSource(dataDir, crypto, now);
  if (!equalBytes(source.bytes, current.bytes)) {
    const again = openKeys(current, options);
    wipe(keys);
    [source, keys] = [current, again];
  }
  const sealers = keys.map(({ sealer }) => sealer);
  const { log, directory, held } = source;
  const remains: Remains = { ...findKeys(dataDir, sealers, log, crypto), log, directory, held };
  const { vaultKeyNumber } = remains;
  const key = keys.find(({ sealer }) => sealer.vaultKeyNumber === vaultKeyNumber);
  if (key === undefined) throw talosError("INTERNAL");

  makeFolder(join(dataDir, PREKEYS_FOLDER));
  const folder = new KeyFolder(dataDir, crypto, key.sealer);
  let doubtful = false;
  cleanup.defer(() => {
    // A commit that failed in its last step may yet come back with a crash, and would need its files.
    if (doubtful) folder.forgetUncommitted();
    else folder.dropUncommitted();
  });
  folder.adopt(asTheyLie(remains));
  const content = await options.build(folder, remains);

  // From here on the folder changes.
  folder.syncStaged();
  nameKept(dataDir, remains);
  const strangers = [...putAside(folder, remains.strangers), ...moveDatabase(dataDir, now)];
  const database = openForWriting(dataDir);
  cleanup.defer(() => {
    database.close();
  });
  const store = new Store(database, key.sealer);
  const facts = {
    agentId: source.agentId,
    name: source.name,
    dataDir,
    createdAt: source.createdAt,
    generation: source.generation + stepOf(source),
    vaultKeyNumber,
  };
  const slots = slotsOf(source, key);
  const way = { number: slots.find(({ opened }) => opened)?.number ?? 1, stretched: key.opened.stretched };
  const rebuild = (): void => {
    writeFirst(database, facts, slots);
    store.beginWriting();
    try {
      const tx = transactionOver(store);
      tx.audit.append({ kind: "vault-rescued", at: now, details: { was, slot: way.number } });
      endPrekeys(tx, remains, now);
      content.write(tx);
      for (const { name, aside, sha256 } of strangers) {
        tx.audit.append({
          kind: "file-quarantined",
          at: now,
          details: { file: name, as: aside, ...(sha256 === undefined ? {} : { sha256 }) },
        });
      }
    } finally {
      store.endWriting();
    }
  };
  atomically(database, rebuild, () => {
    doubtful = true;
  });
  cleanup.move();
  folder.forgetUncommitted();
  wipe(keys.filter((other) => other !== key));
  removeInTheWay(dataDir, remains.duplicates, () => planFor(folder, store, vaultKeyNumber));
  const settled = trySettle({ facts, database, store, folder, crypto });
  const findings = settled.findings.filter(({ code }) => code !== "METADATA_REWRITTEN");
  const vault = new Vault({
    facts,
    database,
    store,
    sealer: key.sealer,
    folder,
    lock,
    findings,
    crypto,
    unsettled: settled.unsettled,
    doubtful: false,
    way,
    kdf: DEFAULT_KDF,
  });
  return { vault, remains, was, slots, putAside: strangers.map(({ aside }) => aside) };
}

/** One that is held has never acted, and how far it is from copies that have is what its takeover judges by. */
function stepOf({ generation, held }: RescueSource): number {
  return Math.min(held === undefined ? GENERATION_STEP : 1, Math.floor((Number.MAX_SAFE_INTEGER - generation) / 2));
}

/** @throws TalosError RESCUE_NOT_NEEDED; VAULT_NOT_FOUND where there is nothing at all; UNSUPPORTED_VERSION, STORAGE_FAILED */
function requireDestroyed({ dataDir, crypto, now }: RescueVaultOptions): RescuedVault["was"] {
  const { kind } = judgeState(dataDir, crypto, now);
  if (kind === "sound") throw talosError("RESCUE_NOT_NEEDED");
  if (kind === "missing" && !hasOrphans(dataDir)) throw talosError("VAULT_NOT_FOUND");
  return kind;
}

/** One for each vault key that the secret opens: in the middle of a change of it there are two. */
function openKeys(source: RescueSource, { unlock: withSecret, crypto }: RescueVaultOptions): Key[] {
  const { agentId } = source;
  const numbers = [...new Set(source.slots.map(({ fields }) => fields.vaultKeyNumber))];
  const keys: Key[] = [];
  let refusal: unknown;
  for (const vaultKeyNumber of numbers) {
    const slots = source.slots.filter(({ fields }) => fields.vaultKeyNumber === vaultKeyNumber);
    try {
      const opened = unlock(slots, withSecret, { agentId, vaultKeyNumber }, crypto);
      keys.push({ sealer: new Sealer(opened.vaultKey, agentId, vaultKeyNumber, crypto), opened });
    } catch (error) {
      if (!isTalosError(error)) throw error;
      refusal ??= error;
    }
  }
  if (keys.length === 0)
    throw isTalosError(refusal, "VAULT_CORRUPT") ? notPossible("The copy of the unlock slots is damaged.", "slots") : refusal;
  return keys;
}

/** Also the sealer's vault key. */
function wipe(keys: readonly Key[]): void {
  for (const { sealer, opened } of keys) {
    sealer[Symbol.dispose]();
    opened.stretched.dispose();
  }
}

/** Those that wrap the vault key in use, numbered anew. */
function slotsOf(source: RescueSource, { sealer, opened }: Key): (RescuedSlot & StoredSlot)[] {
  return source.slots
    .filter(({ fields }) => fields.vaultKeyNumber === sealer.vaultKeyNumber)
    .map(({ record, fields, number }, index) => ({
      number: index + 1,
      record,
      kind: fields.kind,
      label: fields.label,
      opened: number === opened.number,
    }));
}

function keptPlaces({ identity, next, encryption, retired }: FoundKeys): { key: FoundKey; place: KeyPlace }[] {
  const live = "live" as const;
  return [
    { key: identity, place: { kind: "identity", role: "current", state: live, keyId: identity.keyId } },
    ...(next === undefined ? [] : [{ key: next, place: { kind: "identity", role: "next", state: live, keyId: next.keyId } as const }]),
    { key: encryption, place: { kind: "encryption", state: live, keyId: encryption.keyId } },
    ...retired.map((key) => ({ key, place: { kind: "encryption", state: "retired", keyId: key.keyId } as const })),
  ];
}

function asTheyLie(found: FoundKeys): Placement {
  const locations = new Map(keptPlaces(found).map(({ key }) => [key.keyId, key.file]));
  return { locations, moves: [], clear: [], replaces: new Set(), quarantine: [], findings: [] };
}

/** A kept key that lies under a name which is none of its own gets its staged name, from which it is placed after the commit. */
function nameKept(dataDir: string, found: FoundKeys): void {
  for (const { key, place } of keptPlaces(found)) {
    const staged = stagedName(place, found.vaultKeyNumber);
    if (key.file !== finalName(place) && key.file !== staged) renameFile(join(dataDir, key.file), join(dataDir, staged));
  }
}

/** Those that no placing replaces or clears: under a name that is none of its own a copy would be in the way of another key, or stay. */
function removeInTheWay(dataDir: string, duplicates: readonly string[], plan: () => Placement): void {
  if (duplicates.length === 0) return;
  try {
    const { clear, locations } = plan();
    const others = new Set([...clear, ...locations.values()]);
    for (const name of duplicates) if (!others.has(name)) unlinkQuietly(join(dataDir, name));
  } catch (error) {
    // The commit stands; they stay where they are, and the next opening names them.
    if (!isTalosError(error, "STORAGE_FAILED")) throw error;
  }
}

/** So that first messages to them are refused as used up, and their files are cleared: what they once opened is not known any more. */
function endPrekeys(tx: Transaction, { prekeys }: FoundKeys, now: number): void {
  for (const [keyId, { kind, publicKey }] of new Map(prekeys.map((key) => [key.keyId, key]))) {
    const life = { state: "ended", createdAt: now, endedAt: now } as const;
    tx.inventory.put({ ...life, keyId, kind, algorithm: ALGORITHM.x25519, publicKey, backend: "software", protection: "software" });
  }
}

/** Under names with their digests. */
function putAside(folder: KeyFolder, names: readonly string[]): PutAside[] {
  const moves = names.map((name) => ({ name, ...folder.asideOf(name) }));
  if (moves.length > 0) folder.putAside(moves);
  return moves;
}

/**
 * The file itself first: what SQLite finds without its `-wal` is older, and an older state that opens would be worse than none. Renamed,
 * never opened.
 */
function moveDatabase(dataDir: string, now: number): PutAside[] {
  const suffixes = ["", "-wal", "-shm", "-journal"].filter((suffix) => (statPath(join(dataDir, DATABASE_FILE + suffix))?.size ?? 0) > 0);
  if (suffixes.length === 0) return [];
  makeFolder(join(dataDir, QUARANTINE_FOLDER));
  let at = now;
  while (suffixes.some((suffix) => statPath(join(dataDir, nameAside(at, suffix))) !== undefined)) at++;
  return suffixes.map((suffix) => {
    const move = { name: DATABASE_FILE + suffix, aside: nameAside(at, suffix) };
    renameFile(join(dataDir, move.name), join(dataDir, move.aside));
    // Durable before the next, which a crash must not keep without this one.
    for (const folder of [join(dataDir, QUARANTINE_FOLDER), dataDir]) syncFolder(folder);
    return move;
  });
}

function nameAside(at: number, suffix: string): string {
  return `${QUARANTINE_FOLDER}/${DATABASE_FILE}.${at}${suffix}`;
}
