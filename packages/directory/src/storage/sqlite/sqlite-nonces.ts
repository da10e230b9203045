/** Marks of signed requests in SQLite, so that a replay is refused after a restart too. */
import { talosError } from "@talos/core";
import type { RequestMark } from "../contract/index.ts";
import type { Database } from "./database.ts";

export class SqliteNonces {
  readonly #insert;
  readonly #prune;

  constructor(db: Database) {
    this.#insert = db.prepare("INSERT INTO nonces (agent_id, nonce, expires_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING");
    this.#prune = db.prepare(
      "DELETE FROM nonces WHERE (agent_id, nonce) IN (SELECT agent_id, nonce FROM nonces INDEXED BY nonces_by_expiry WHERE expires_at <= ? LIMIT ?)",
    );
  }

  /** Inside the caller's transaction. @throws TalosError REQUEST_REPLAYED */
  use(mark: RequestMark): void {
    if (this.#insert.run(mark.agentId, mark.nonce, mark.expiresAt).changes === 0) throw talosError("REQUEST_REPLAYED");
  }

  /** Inside the caller's transaction; how many were forgotten. */
  prune(now: number, limit: number): number {
    return Number(this.#prune.run(now, limit).changes);
  }
}
