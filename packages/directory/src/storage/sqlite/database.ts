/**
 * One SQLite file: opening, schema version, transactions, statements prepared once. Must not know what the tables mean.
 * WAL with synchronous=FULL: a commit is on the disk when it returns.
 */
import { closeSync, openSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { talosError } from "@talos/core";
import { APPLICATION_ID, MIGRATIONS } from "./schema.ts";

/** Another process that writes to the same file holds us up for at most this long. */
const BUSY_TIMEOUT_MS = 5_000;

/** After a burst of large messages the WAL is cut back to this. */
const WAL_KEPT_BYTES = 67_108_864;

export class Database {
  readonly #db: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollback: StatementSync;

  /** Opens, makes or migrates. @throws TalosError STORAGE_FAILED for a file that is no directory's or of a later release */
  constructor(path: string) {
    if (path !== ":memory:") makePrivate(path);
    try {
      this.#db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    } catch (cause) {
      throw talosError("STORAGE_FAILED", "The directory's database cannot be opened.", { cause });
    }
    try {
      this.#migrate();
      this.#begin = this.#db.prepare("BEGIN IMMEDIATE");
      this.#commit = this.#db.prepare("COMMIT");
      this.#rollback = this.#db.prepare("ROLLBACK");
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  prepare(sql: string): StatementSync {
    return this.#db.prepare(sql);
  }

  /** Runs `work` as one durable transaction; whatever it throws undoes it. `work` is synchronous: nothing comes between. */
  transaction<T>(work: () => T): T {
    this.#begin.run();
    try {
      const result = work();
      this.#commit.run();
      return result;
    } catch (error) {
      if (this.#db.isTransaction) this.#rollback.run();
      throw error;
    }
  }

  /** Closing twice is closing once. */
  close(): void {
    if (!this.#db.isOpen) return;
    this.#db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    this.#db.close();
  }

  #migrate(): void {
    const db = this.#db;
    let version: number;
    try {
      version = this.#pragma("user_version");
      db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = ${WAL_KEPT_BYTES}`);
    } catch (cause) {
      throw talosError("STORAGE_FAILED", "The file is not a directory's database.", { cause });
    }
    db.exec("BEGIN IMMEDIATE");
    try {
      version = this.#pragma("user_version");
      const tables = db.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.["n"];
      if (tables !== 0 && this.#pragma("application_id") !== APPLICATION_ID) {
        throw talosError("STORAGE_FAILED", "The file is the database of another program.");
      }
      if (version > MIGRATIONS.length) {
        throw talosError("STORAGE_FAILED", "The directory's database was written by a later release.");
      }
      for (const step of MIGRATIONS.slice(version)) db.exec(step);
      db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${MIGRATIONS.length}; COMMIT`);
    } catch (error) {
      if (db.isTransaction) db.exec("ROLLBACK");
      throw error;
    }
  }

  #pragma(name: string): number {
    return Number(this.#db.prepare(`PRAGMA ${name}`).get()?.[name]);
  }
}

/** SQLite gives its WAL the mode of the file, which would otherwise be readable by all: who talks to whom is nobody's business. */
function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, "wx", 0o600));
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "EEXIST") return;
    throw talosError("STORAGE_FAILED", "The directory's database cannot be made.", {
      cause,
      hint: "Check that the folder exists and can be written.",
    });
  }
}
