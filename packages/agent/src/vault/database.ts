/**
 * `state.db`: how it is opened, for writing and for looking, and the one way to commit to it. Knows the tables `vault`
 * and `slots`; everything else in it belongs to the store. Nothing opens this file but SQLite.
 */
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { agentId, talosError } from "@talos/core";
import { connect } from "./connect.ts";
import { createEmptyFile, statPath, syncFolder } from "./files.ts";
import { DATABASE_FILE } from "./keys/layout.ts";
import type { StoredSlot } from "./slots/slot-record.ts";
import { fromSqlite, isUnusableShm } from "./sqlite-error.ts";
import { bytes, number, text } from "./store/columns.ts";
import { APPLICATION_ID, FORMAT, formatOf, migrate, showAsNewest } from "./store/migrations.ts";
import type { VaultFacts } from "./types.ts";

/** Nobody else writes while the lock is held; a look that has to rebuild a lost `-shm` is done in milliseconds. */
const WRITER_TIMEOUT_MS = 500;
/** A checkpoint of the running agent may hold up somebody who looks. */
const READER_TIMEOUT_MS = 5000;

/** sqlite.org/fileformat.html, 4.1 */
const WAL_HEADER_BYTES = 32;

export type StoredFacts = Omit<VaultFacts, "dataDir">;

/** Creates the file unless it is there; returns a connection for writing. @throws TalosError STORAGE_FAILED, VAULT_CORRUPT */
export function openForWriting(dataDir: string): DatabaseSync {
  const path = join(dataDir, DATABASE_FILE);
  if (createEmptyFile(path)) syncFolder(dataDir);
  const database = connect(path, { timeout: WRITER_TIMEOUT_MS });
  try {
    const hadLog = text(database.prepare("PRAGMA journal_mode").get() ?? {}, "journal_mode") === "wal";
    // Temporary tables may hold what sealed columns hold; they stay in memory.
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON;
      PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF`);
    // The journal that turned it into one with a log is gone for certain before anything is committed: it would undo that.
    if (!hadLog) syncFolder(dataDir);
    return database;
  } catch (error) {
    database.close();
    throw fromSqlite(error, "STORAGE_FAILED");
  }
}

/**
 * A connection that changes no byte of the folder, also beside a running agent or after a crash. Without `-wal` and
 * `-shm` the database is at rest and opened as immutable, since SQLite would create both; otherwise with a read-only
 * `-shm`. Only a `-wal` whose `-shm` is lost, or was left half made by a process that was killed, makes SQLite make one.
 */
function openForReading(dataDir: string, makeShm: boolean): DatabaseSync {
  const url = pathToFileURL(join(dataDir, DATABASE_FILE));
  if (isAtRest(dataDir)) url.search = "immutable=1";
  else if (!makeShm && !isLogBegun(dataDir) && statPath(join(dataDir, `${DATABASE_FILE}-shm`)) !== undefined) url.search = "readonly_shm=1";
  const database = connect(url, { readOnly: true, timeout: READER_TIMEOUT_MS });
  try {
    database.exec("PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF");
    return database;
  } catch (error) {
    database.close();
    throw fromSqlite(error, "STORAGE_FAILED");
  }
}

/** A `-wal` that a killed process left with its header alone: with a read-only `-shm` SQLite would look at it again and again, for 10 s. */
function isLogBegun(dataDir: string): boolean {
  return statPath(join(dataDir, `${DATABASE_FILE}-wal`))?.size === WAL_HEADER_BYTES;
}

/** Nobody has the database open, and everything committed is in the main file. */
function isAtRest(dataDir: string): boolean {
  return ["-wal", "-shm"].every((suffix) => statPath(join(dataDir, DATABASE_FILE + suffix)) === undefined);
}

/**
 * Reads from one consistent state, an older format as if it were the newest, and closes again. Read anew when an agent opened an immutable database meanwhile.
 *
 * @throws TalosError VAULT_CORRUPT, STORAGE_FAILED, or what `read` threw
 */
export function readOnce<T>(dataDir: string, read: (database: DatabaseSync) => T): T {
  let makeShm = false;
  for (let attempt = 1; ; attempt++) {
    const immutable = isAtRest(dataDir);
    const disturbed = (): boolean => immutable && !isAtRest(dataDir) && attempt < 5;
    const database = openForReading(dataDir, makeShm);
    try {
      database.exec("BEGIN");
      showAsNewest(database);
      const result = read(database);
      if (!disturbed()) return result;
    } catch (error) {
      const halfMade: boolean = isUnusableShm(error) && !makeShm;
      if (!halfMade && !disturbed()) throw fromSqlite(error, "STORAGE_FAILED");
      makeShm ||= halfMade;
    } finally {
      database.close();
    }
  }
}

/**
 * All or nothing, durable on return.
 *
 * @param doubtful runs when the commit itself failed: it is not in force, but its pages may lie whole in the write-ahead log, so that
 *   a crash before the next commit would bring it back
 * @throws TalosError COMMIT_FAILED, VAULT_CORRUPT, or what `work` threw
 */
export function atomically<T>(database: DatabaseSync, work: () => T, doubtful?: () => void): T {
  let committing = false;
  try {
    database.exec("BEGIN IMMEDIATE");
    const result = work();
    committing = true;
    database.exec("COMMIT");
    return result;
  } catch (error) {
    if (committing) doubtful?.();
    rollBack(database);
    throw fromSqlite(error, "COMMIT_FAILED");
  }
}

function rollBack(database: DatabaseSync): void {
  // Some errors have rolled back already.
  if (!database.isTransaction) return;
  try {
    database.exec("ROLLBACK");
  } catch {
    // The error that led here says more; the next transaction fails if this one is stuck.
  }
}

/**
 * What the database says of its vault; undefined where nothing was ever committed.
 *
 * @throws TalosError UNSUPPORTED_VERSION for a newer format; VAULT_CORRUPT
 */
export function readFacts(database: DatabaseSync): StoredFacts | undefined {
  const application = number(database.prepare("PRAGMA application_id").get() ?? {}, "application_id");
  const version = formatOf(database);
  const tables = number(database.prepare("SELECT count(*) AS n FROM sqlite_schema").get() ?? {}, "n");
  if (tables === 0) return undefined;
  if (application !== APPLICATION_ID) throw talosError("VAULT_CORRUPT", "state.db is not a database of Talos Keys.");
  if (version > FORMAT) {
    throw talosError("UNSUPPORTED_VERSION", "The data directory has a newer format than this version knows.", { details: { version } });
  }
  const row = database.prepare("SELECT agent_id, name, created_at, generation, vault_key_number FROM vault WHERE id = 1").get();
  if (row === undefined) throw talosError("VAULT_CORRUPT");
  return {
    agentId: agentId(bytes(row, "agent_id")),
    name: text(row, "name"),
    createdAt: number(row, "created_at"),
    generation: number(row, "generation"),
    vaultKeyNumber: number(row, "vault_key_number"),
  };
}

/** The stored unlock slots, by number. */
export function readSlots(database: DatabaseSync): StoredSlot[] {
  return database
    .prepare("SELECT slot, record FROM slots ORDER BY slot")
    .all()
    .map((row) => ({ number: number(row, "slot"), record: bytes(row, "record") }));
}

/** Inside a transaction: the tables, the vault's row and its slots. */
export function writeFirst(database: DatabaseSync, facts: StoredFacts, slots: readonly StoredSlot[]): void {
  migrate(database);
  database
    .prepare("INSERT INTO vault (id, agent_id, name, created_at, generation, vault_key_number) VALUES (1, ?, ?, ?, ?, ?)")
    .run(facts.agentId, facts.name, facts.createdAt, facts.generation, facts.vaultKeyNumber);
  for (const { number: slot, record } of slots) database.prepare("INSERT INTO slots (slot, record) VALUES (?, ?)").run(slot, record);
}

/**
 * Durably one more; returns the new generation.
 *
 * @param also in the same transaction, after it was raised
 * @throws TalosError GENERATION_EXHAUSTED, VAULT_CORRUPT
 */
export function raiseGeneration(database: DatabaseSync, also?: () => void): number {
  return atomically(database, () => {
    const row = database
      .prepare(`UPDATE vault SET generation = generation + 1 WHERE id = 1 AND generation < ${Number.MAX_SAFE_INTEGER} RETURNING generation`)
      .get();
    if (row === undefined) {
      throw talosError(database.prepare("SELECT id FROM vault").get() === undefined ? "VAULT_CORRUPT" : "GENERATION_EXHAUSTED");
    }
    also?.();
    return number(row, "generation");
  });
}
