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

interface Job {
  /** Does the work; the function returned answers for it once it is durable. */
  readonly run: () => () => void;
  readonly reject: (error: unknown) => void;
}

export class Database {
  readonly #db: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #beginRead: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollback: StatementSync;
  readonly #savepoint: StatementSync;
  readonly #release: StatementSync;
  readonly #undo: StatementSync;
  readonly #waiting: Job[] = [];

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
      this.#beginRead = this.#db.prepare("BEGIN DEFERRED");
      this.#commit = this.#db.prepare("COMMIT");
      this.#rollback = this.#db.prepare("ROLLBACK");
      this.#savepoint = this.#db.prepare("SAVEPOINT job");
      this.#release = this.#db.prepare("RELEASE job");
      this.#undo = this.#db.prepare("ROLLBACK TO job");
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  prepare(sql: string): StatementSync {
    return this.#db.prepare(sql);
  }

  /**
   * Runs `work` as one transaction, durable when the promise resolves; whatever it throws undoes it alone. `work` is
   * synchronous: nothing comes between. What one turn of the event loop asks for shares a commit at its end, since the
   * commit is what takes the time.
   */
  transaction<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const run = (): (() => void) => {
        const result = work();
        return () => resolve(result);
      };
      this.#waiting.push({ run, reject });
      if (this.#waiting.length === 1) setImmediate(() => this.#commitWaiting());
    });
  }

  /** Runs `work`, which only reads, on one state of the file, whatever another process writes meanwhile. */
  read<T>(work: () => T): T {
    this.#beginRead.run();
    try {
      return work();
    } finally {
      this.#commit.run();
    }
  }

  /** Finishes what was asked for. Closing twice is closing once. */
  close(): void {
    if (!this.#db.isOpen) return;
    this.#commitWaiting();
    this.#db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    this.#db.close();
  }

  #commitWaiting(): void {
    const jobs = this.#waiting.splice(0);
    if (jobs.length === 0) return;
    const done: (() => void)[] = [];
    try {
      this.#begin.run();
      for (const job of jobs) {
        const answer = this.#runOne(job);
        if (answer !== undefined) done.push(answer);
      }
      this.#commit.run();
    } catch (error) {
      if (this.#db.isOpen && this.#db.isTransaction) this.#rollback.run();
      for (const { reject } of jobs) reject(error);
      return;
    }
    for (const answer of done) answer();
  }

  /** Runs one job of a shared transaction; undefined when it failed and was undone alone. */
  #runOne({ run, reject }: Job): (() => void) | undefined {
    this.#savepoint.run();
    try {
      const answer = run();
      this.#release.run();
      return answer;
    } catch (error) {
      // A full disk ends the whole transaction by itself; then nobody's work is there any more.
      if (!this.#db.isTransaction) throw error;
      this.#undo.run();
      this.#release.run();
      reject(error);
      return undefined;
    }
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
