/**
 * One process at a time. `lock` is an SQLite file held in BEGIN IMMEDIATE for as long as the vault is open: the kernel
 * frees it when its holder dies, and others can still read who holds it. It is no fence: that is the generation in
 * `state.db`. Nothing opens this file but SQLite: closing any other descriptor of it would drop the lock (POSIX).
 */
import { hostname } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Crypto, equalBytes, talosError, type TalosError } from "@talos/core";
import { connect } from "./connect.ts";
import { createEmptyFile } from "./files.ts";
import { holdFiles } from "./held-files.ts";
import { LOCK_FILE } from "./keys/layout.ts";
import { fromSqlite, isBusy } from "./sqlite-error.ts";
import { bytes, number, text } from "./store/columns.ts";
import { checkTime, showTime } from "./times.ts";

export interface LockHolder {
  readonly pid: number;
  readonly host: string;
  /** milliseconds since 1970 */
  readonly since: number;
}

const TOKEN_BYTES = 16;
/** A reader of the holder row is done in microseconds; only our own commits wait for one. */
const READER_TIMEOUT_MS = 2000;

export class Lock implements Disposable {
  readonly #database: DatabaseSync;
  readonly #token: Uint8Array;
  readonly #files: Disposable;

  private constructor(database: DatabaseSync, token: Uint8Array, files: Disposable) {
    this.#database = database;
    this.#token = token;
    this.#files = files;
  }

  /**
   * Takes the lock of a folder that exists.
   *
   * @throws TalosError VAULT_LOCKED naming pid, host and since when; STORAGE_FAILED; INVALID_ARGUMENT for a time before 1970
   */
  static acquire(dataDir: string, now: number, crypto: Pick<Crypto, "randomBytes">): Lock {
    checkTime(now);
    const path = join(dataDir, LOCK_FILE);
    createEmptyFile(path);
    const database = connect(path);
    const token = crypto.randomBytes(TOKEN_BYTES);
    try {
      takeLock(database, now, token);
      return new Lock(database, token, holdFiles(dataDir));
    } catch (error) {
      database.close();
      if (isBusy(error)) throw locked(readHolder(dataDir));
      throw fromSqlite(error, "STORAGE_FAILED");
    }
  }

  /** Empties the holder row and lets go. May be called again. */
  [Symbol.dispose](): void {
    if (!this.#database.isOpen) return;
    try {
      waitForReaders(this.#database, true);
      this.#database.prepare("DELETE FROM holder WHERE token = ?").run(this.#token);
      this.#database.exec("COMMIT");
    } catch {
      // The row then names a process that is gone; the lock itself falls with the connection.
    }
    this.#database.close();
    this.#files[Symbol.dispose]();
  }
}

/** Who is on record as holding the lock, dead or alive; undefined where nobody is or it cannot be read. Changes nothing. */
export function readHolder(dataDir: string): LockHolder | undefined {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(join(dataDir, LOCK_FILE), { readOnly: true, timeout: READER_TIMEOUT_MS });
    const row = database.prepare("SELECT pid, host, since FROM holder WHERE id = 1").get();
    return row && { pid: number(row, "pid"), host: text(row, "host"), since: number(row, "since") };
  } catch {
    return undefined;
  } finally {
    database?.close();
  }
}

/** False when it certainly is not running any more; a process on another host cannot be asked. */
export function mayBeRunning(holder: Pick<LockHolder, "pid" | "host">): boolean {
  if (holder.host !== hostname()) return true;
  try {
    process.kill(holder.pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

function takeLock(database: DatabaseSync, now: number, token: Uint8Array): void {
  database.exec("BEGIN IMMEDIATE");
  waitForReaders(database, true);
  database.exec(`CREATE TABLE IF NOT EXISTS holder (id INTEGER PRIMARY KEY CHECK (id = 1), pid INTEGER NOT NULL,
    host TEXT NOT NULL, since INTEGER NOT NULL, token BLOB NOT NULL) STRICT`);
  database
    .prepare("INSERT OR REPLACE INTO holder (id, pid, host, since, token) VALUES (1, ?, ?, ?, ?)")
    .run(process.pid, hostname(), now, token);
  database.exec("COMMIT");
  waitForReaders(database, false);
  // Between these two another process may have come in; then it is busy, or the row is not ours.
  database.exec("BEGIN IMMEDIATE");
  const row = database.prepare("SELECT token FROM holder WHERE id = 1").get();
  if (row === undefined || !equalBytes(bytes(row, "token"), token)) throw locked(undefined);
}

function waitForReaders(database: DatabaseSync, wait: boolean): void {
  database.exec(`PRAGMA busy_timeout = ${wait ? READER_TIMEOUT_MS : 0}`);
}

function locked(holder: LockHolder | undefined): TalosError {
  if (holder === undefined) return talosError("VAULT_LOCKED");
  const since = showTime(holder.since);
  return talosError("VAULT_LOCKED", `Process ${holder.pid} on ${holder.host} has had this data directory open since ${since}.`, {
    details: { pid: holder.pid, host: holder.host, since },
  });
}
