/**
 * Which peers are to hear of which event of this agent, until each has acknowledged it with a message that names the new head.
 * Knows neither events nor directories: an event is its place and its hash.
 */
import { agentId, type AgentId, type LogHead } from "@talos/core";
import { bytes, number, optionalNumber, optionalText } from "./columns.ts";
import type { SqlRow, Store } from "./store.ts";

export interface Notification {
  readonly peer: AgentId;
  /** The event. */
  readonly head: LogHead;
  readonly createdAt: number;
  /** When it was last left at every directory of the peer. */
  readonly depositedAt?: number | undefined;
  readonly attempts: number;
  readonly nextAttemptAt: number;
  /** An error code, of the last attempt. */
  readonly lastError?: string | undefined;
  readonly acknowledgedAt?: number | undefined;
  /** No further attempts: acknowledged, given up, or the event does not stand any more. */
  readonly endedAt?: number | undefined;
}

export class NotificationsReader {
  protected readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  /** Open rows whose attempt is due, the longest due first. */
  due(now: number, limit: number = 1000): Notification[] {
    return this.store
      .all(
        "SELECT * FROM notifications WHERE ended_at IS NULL AND next_attempt_at <= ? ORDER BY next_attempt_at, peer, seq LIMIT ?",
        now,
        limit,
      )
      .map(toNotification);
  }

  /** When the next attempt of an open row is due; undefined without one. */
  nextAttemptAt(): number | undefined {
    const row = this.store.get("SELECT min(next_attempt_at) AS next FROM notifications WHERE ended_at IS NULL");
    return row && optionalNumber(row, "next");
  }

  /** In the order of events, then of peers. */
  list(): Notification[] {
    return this.store.all("SELECT * FROM notifications ORDER BY seq, hash, peer").map(toNotification);
  }
}

export class Notifications extends NotificationsReader {
  /** At once due. One that is there already stays as it is. */
  add(peer: AgentId, head: LogHead, at: number): void {
    this.store.run(
      `INSERT INTO notifications (peer, seq, hash, created_at, attempts, next_attempt_at) VALUES (?, ?, ?, ?, 0, ?) ON CONFLICT DO NOTHING`,
      peer,
      head.seq,
      head.hash,
      at,
      at,
    );
  }

  /** Every directory of the peer has it; it is left there again later if the peer says nothing. */
  deposited(peer: AgentId, head: LogHead, at: number, nextAttemptAt: number): void {
    this.store.run(
      `UPDATE notifications SET deposited_at = ?, attempts = attempts + 1, next_attempt_at = ?, last_error = NULL
       WHERE peer = ? AND seq = ? AND hash = ? AND ended_at IS NULL`,
      at,
      nextAttemptAt,
      peer,
      head.seq,
      head.hash,
    );
  }

  /** An attempt that did not get through everywhere. @param code an error code */
  failed(peer: AgentId, head: LogHead, code: string, nextAttemptAt: number): void {
    this.store.run(
      `UPDATE notifications SET attempts = attempts + 1, next_attempt_at = ?, last_error = ?
       WHERE peer = ? AND seq = ? AND hash = ? AND ended_at IS NULL`,
      nextAttemptAt,
      code,
      peer,
      head.seq,
      head.hash,
    );
  }

  /** The peer knows event `seq`, and with it all before. Whoever calls has compared the hash. @returns number of rows that were open */
  acknowledge(peer: AgentId, seq: number, at: number): number {
    return this.store.run(
      `UPDATE notifications SET acknowledged_at = ?, ended_at = coalesce(ended_at, ?), last_error = NULL
       WHERE peer = ? AND seq <= ? AND acknowledged_at IS NULL`,
      at,
      at,
      peer,
      seq,
    );
  }

  /** No further attempts for this row: given up, or nothing can acknowledge it. */
  end(peer: AgentId, head: LogHead, at: number): void {
    this.store.run(
      "UPDATE notifications SET ended_at = ? WHERE peer = ? AND seq = ? AND hash = ? AND ended_at IS NULL",
      at,
      peer,
      head.seq,
      head.hash,
    );
  }

  /** All open rows are tried again now: something is at hand that was not. */
  retryAll(now: number): void {
    this.store.run(
      "UPDATE notifications SET next_attempt_at = ? WHERE ended_at IS NULL AND next_attempt_at > ? AND deposited_at IS NULL",
      now,
      now,
    );
  }

  forget(peer: AgentId): void {
    this.store.run("DELETE FROM notifications WHERE peer = ?", peer);
  }
}

function toNotification(row: SqlRow): Notification {
  return {
    peer: agentId(bytes(row, "peer")),
    head: { seq: number(row, "seq"), hash: bytes(row, "hash") },
    createdAt: number(row, "created_at"),
    depositedAt: optionalNumber(row, "deposited_at"),
    attempts: number(row, "attempts"),
    nextAttemptAt: number(row, "next_attempt_at"),
    lastError: optionalText(row, "last_error"),
    acknowledgedAt: optionalNumber(row, "acknowledged_at"),
    endedAt: optionalNumber(row, "ended_at"),
  };
}
