/**
 * The application's own record: an effect and the message id that caused it, in one commit. What SIGKILL leaves of it is
 * what was written, so it needs no fsync. Knows nothing of agents.
 */
import { DatabaseSync } from "node:sqlite";

const SCHEMA = `
CREATE TABLE IF NOT EXISTS effects (id TEXT PRIMARY KEY, number INTEGER NOT NULL, acked INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS sent (number INTEGER PRIMARY KEY, id TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS violations (what TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS offers (again INTEGER NOT NULL) STRICT;
`;

export class Journal implements Disposable {
  readonly #db: DatabaseSync;

  constructor(path: string) {
    this.#db = new DatabaseSync(path, { timeout: 5_000 });
    this.#db.exec("PRAGMA journal_mode = wal; PRAGMA synchronous = off");
    this.#db.exec(SCHEMA);
  }

  /** A message was offered: its effect happens once, and an id whose acknowledgement had returned must not come again. */
  effect(id: string, number: number): void {
    const before = this.#db.prepare("SELECT acked, number FROM effects WHERE id = ?").get(id);
    if (before === undefined) {
      this.#db.prepare("INSERT INTO effects (id, number, acked) VALUES (?, ?, 0)").run(id, number);
      return;
    }
    this.#db.prepare("INSERT INTO offers (again) VALUES (1)").run();
    if (before["acked"] === 1) this.#violation(`${id} was offered after its acknowledgement had returned`);
    if (before["number"] !== number) this.#violation(`${id} came with another content`);
  }

  acknowledged(id: string): void {
    this.#db.prepare("UPDATE effects SET acked = 1 WHERE id = ?").run(id);
  }

  /** The first number that is not known to be sent; after a kill some after it may have been, under other ids. */
  nextToSend(): number {
    return Number(this.#db.prepare("SELECT coalesce(max(number) + 1, 0) AS next FROM sent").get()?.["next"]);
  }

  sent(first: number, ids: readonly string[]): void {
    this.#db.exec("BEGIN");
    const insert = this.#db.prepare("INSERT INTO sent (number, id) VALUES (?, ?)");
    for (const [index, id] of ids.entries()) insert.run(first + index, id);
    this.#db.exec("COMMIT");
  }

  sentIds(): readonly string[] {
    return this.#db
      .prepare("SELECT id FROM sent ORDER BY number")
      .all()
      .map((row) => String(row["id"]));
  }

  /** Ids whose effect happened. */
  effectIds(): readonly string[] {
    return this.#db
      .prepare("SELECT id FROM effects")
      .all()
      .map((row) => String(row["id"]));
  }

  /** How many different numbers came. */
  distinctNumbers(): number {
    return Number(this.#db.prepare("SELECT count(DISTINCT number) AS n FROM effects").get()?.["n"]);
  }

  offeredAgain(): number {
    return Number(this.#db.prepare("SELECT count(*) AS n FROM offers").get()?.["n"]);
  }

  violations(): readonly string[] {
    return this.#db
      .prepare("SELECT what FROM violations")
      .all()
      .map((row) => String(row["what"]));
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }

  #violation(what: string): void {
    this.#db.prepare("INSERT INTO violations (what) VALUES (?)").run(what);
  }
}
