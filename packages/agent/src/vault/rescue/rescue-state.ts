/**
 * What has become of `state.db`: sound, lost, damaged, or another agent's. Reads only, through SQLite. What could not be read just now
 * (a failing disk, a lack of file handles) is no damage, and is thrown.
 */
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { type Crypto, equalBytes, fromHex, isTalosError, verifyLog } from "@talos/core";
import { readFacts, readOnce, readSlots, type StoredFacts } from "../database.ts";
import { listFolder, readStart, statPath } from "../files.ts";
import { KEY_FILE_HEADER_BYTES, type KeyFileHeader, readKeyFileHeader } from "../keys/key-file.ts";
import { DATABASE_FILE, METADATA_FILE, parseName } from "../keys/layout.ts";
import { keyFileNames } from "./rescue-keys.ts";
import { decodeSlot } from "../slots/slot-record.ts";
import { Inventory } from "../store/inventory.ts";
import { OwnLogReader } from "../store/own-log.ts";
import { Store } from "../store/store.ts";

export type StateVerdict =
  | { readonly kind: "sound"; readonly facts: StoredFacts }
  /** There is no such file, or nothing was ever committed to it. */
  | { readonly kind: "missing" }
  /** Whole, and of another agent than the key files beside it. */
  | { readonly kind: "foreign"; readonly facts: StoredFacts }
  /** `facts` where they could be read in spite of it. */
  | { readonly kind: "damaged"; readonly reason: string; readonly facts?: StoredFacts };

const WAL = `${DATABASE_FILE}-wal`;
/** Under final names: what no agent is without. */
const VITAL_FILES = ["identity.key.enc", "encryption.key.enc"] as const;
const SHOWN_PROBLEMS = 3;
const JOURNAL_MAGIC: Uint8Array = fromHex("d9d505f920a163d7");

/** @throws TalosError UNSUPPORTED_VERSION for a newer format; STORAGE_FAILED */
export function judgeState(dataDir: string, crypto: Crypto, now: number): StateVerdict {
  if (!isThere(dataDir)) return { kind: "missing" };
  const held = vitalHeaders(dataDir);
  try {
    return readOnce(dataDir, (database) => judge(held, database, crypto, now));
  } catch (error) {
    if (!isTalosError(error, "VAULT_CORRUPT")) throw error;
    return { kind: "damaged", reason: error.message };
  }
}

/**
 * Whether there is a database to read: SQLite makes an empty file before the first commit, and a `-wal` alone is no database. Nor is
 * what a `-journal` could undo: there is one only until the file has a write-ahead log, which comes before the first commit.
 */
export function isThere(dataDir: string): boolean {
  const path = join(dataDir, DATABASE_FILE);
  if (isJournal(`${path}-journal`)) return false;
  const size = statPath(path)?.size;
  return size !== undefined && (size > 0 || (statPath(join(dataDir, WAL))?.size ?? 0) > 0);
}

/** SQLite file format, 3: what does not begin like this undoes nothing. */
function isJournal(path: string): boolean {
  if (statPath(path)?.isFile() !== true) return false;
  return equalBytes(readStart(path, JOURNAL_MAGIC.length), JOURNAL_MAGIC);
}

/** Whether anything lies there that only an agent leaves: then a database that is missing was lost. */
export function hasOrphans(dataDir: string): boolean {
  const names = listFolder(dataDir);
  // With its database, empty as it is, it is what an agent leaves whose making was interrupted.
  if (names.includes(WAL) && !names.includes(DATABASE_FILE)) return true;
  return names.includes(METADATA_FILE) || keyFileNames(dataDir).some((name) => parseName(name)?.type === "final");
}

/**
 * What the key files say that no agent is without. Read before the database: what it says of them is then never older than they are,
 * also while an agent at work replaces them.
 */
export function vitalHeaders(dataDir: string): KeyFileHeader[] {
  return VITAL_FILES.flatMap((name) => headerIn(join(dataDir, name)) ?? []);
}

/** Whether the key files beside the database are all of an agent that it does not know. @throws TalosError VAULT_CORRUPT */
export function isForeign(held: readonly KeyFileHeader[], database: DatabaseSync): boolean {
  const inventory = new Inventory(new Store(database, undefined));
  return held.length > 0 && held.every(({ keyId }) => inventory.get(keyId) === undefined);
}

/** Whether the database is from before a change of the vault key: that commits before any file under the new one gets its final name. */
export function isBehind(held: readonly KeyFileHeader[], facts: StoredFacts): boolean {
  return held.some(({ vaultKeyNumber }) => vaultKeyNumber > facts.vaultKeyNumber);
}

function judge(held: readonly KeyFileHeader[], database: DatabaseSync, crypto: Crypto, now: number): StateVerdict {
  const facts = readFacts(database);
  if (facts === undefined) return { kind: "missing" };
  const problems = findProblems(database);
  if (problems.length > 0) return { kind: "damaged", reason: `SQLite says: ${problems.slice(0, SHOWN_PROBLEMS).join("; ")}.`, facts };
  if (isForeign(held, database)) return { kind: "foreign", facts };
  const store = new Store(database, undefined);
  if (!hasWayIn(database, facts, crypto)) return { kind: "damaged", reason: "No unlock slot in it opens its vault key.", facts };
  if (isBehind(held, facts)) return { kind: "damaged", reason: "It is older than the key files: from before a new vault key.", facts };
  return hasOwnKeys(store, facts, crypto, now)
    ? { kind: "sound", facts }
    : { kind: "damaged", reason: "Its identity log does not verify, or names other keys.", facts };
}

/** What SQLite says of the file's structure; nothing where it is whole. @throws TalosError or an error of SQLite where it cannot be read at all */
function findProblems(database: DatabaseSync): string[] {
  const rows = database.prepare(`PRAGMA integrity_check(${SHOWN_PROBLEMS})`).all();
  return rows.map((row) => String(Object.values(row)[0])).filter((line) => line !== "ok");
}

function hasWayIn(database: DatabaseSync, { vaultKeyNumber }: StoredFacts, crypto: Crypto): boolean {
  return readSlots(database).some(({ record }) => {
    try {
      return decodeSlot(record, crypto).vaultKeyNumber === vaultKeyNumber;
    } catch (error) {
      if (!isTalosError(error)) throw error;
      return false;
    }
  });
}

function hasOwnKeys(store: Store, facts: StoredFacts, crypto: Crypto, now: number): boolean {
  const inventory = new Inventory(store);
  const identity = inventory.live("identity")?.publicKey;
  const encryption = inventory.live("encryption")?.publicKey;
  const events = new OwnLogReader(store).events().map(({ wire }) => wire);
  try {
    const { log } = verifyLog(undefined, events, now, crypto, facts.agentId);
    // The keys of an agent that is revoked have ended.
    if (log.revoked !== undefined) return true;
    if (identity === undefined || encryption === undefined) return false;
    return equalBytes(log.identityKey.bytes, identity) && equalBytes(log.encryptionKey.bytes, encryption);
  } catch (error) {
    if (!isTalosError(error)) throw error;
    return false;
  }
}

function headerIn(path: string): KeyFileHeader | undefined {
  if (statPath(path)?.isFile() !== true) return undefined;
  try {
    return readKeyFileHeader(readStart(path, KEY_FILE_HEADER_BYTES));
  } catch (error) {
    if (isTalosError(error, "STORAGE_FAILED")) throw error;
    return undefined;
  }
}
