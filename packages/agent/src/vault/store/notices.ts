/**
 * Answers to envelopes that could not be opened, until they have left. They lie in the table of the outbox, but need no session, keep no
 * order, and are signed only when they leave: a row says about what, to whom and why.
 */
import { agentId, type AgentId } from "@talos/core";
import { bytes, number, optionalNumber, optionalText, text } from "./columns.ts";
import { newMessageId } from "./message-id.ts";
import type { SqlRow, Store } from "./store.ts";

/** In place of a frame type: these rows hold no frame. */
export const NOTICE_ROW = 0;

export interface OwedNotice {
  readonly order: number;
  readonly peer: AgentId;
  /** Where the envelope lay, and its depositor is registered. */
  readonly foundAt: string | undefined;
  /** Id of that envelope. */
  readonly about: Uint8Array;
  readonly reason: string;
  readonly createdAt: number;
  readonly attempts: number;
}

export type NewNotice = Pick<OwedNotice, "peer" | "about" | "reason" | "createdAt"> & { readonly foundAt: string };

export class NoticesReader {
  protected readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  /** Those whose attempt is due, oldest first. */
  due(now: number, limit: number = 1000): OwedNotice[] {
    return this.store.all(`SELECT * FROM outbox WHERE ${OPEN} AND next_attempt_at <= ? ORDER BY ord LIMIT ?`, now, limit).map(toNotice);
  }

  /** How many are owed. */
  count(): number {
    return number(this.store.get(`SELECT count(*) AS n FROM outbox WHERE ${OPEN}`) ?? {}, "n");
  }

  /** When the next attempt is due; undefined where none is owed. */
  nextAttemptAt(): number | undefined {
    const row = this.store.get(`SELECT min(next_attempt_at) AS next FROM outbox WHERE ${OPEN}`);
    return row && optionalNumber(row, "next");
  }
}

export class Notices extends NoticesReader {
  /** At once due. */
  add({ peer, foundAt, about, reason, createdAt }: NewNotice): void {
    this.store.run(
      `INSERT INTO outbox (ord, message_id, peer, peer_address, state, content_type, sign, frame_type, created_at, attempts,
         next_attempt_at, resent, envelope_id) VALUES (?, ?, ?, ?, 'accepted', ?, 'instance', ${NOTICE_ROW}, ?, 0, ?, 0, ?)`,
      this.store.nextOrder("outbox"),
      newMessageId(createdAt, this.store.drawn()),
      peer,
      foundAt,
      reason,
      createdAt,
      createdAt,
      about,
    );
  }

  failed(order: number, nextAttemptAt: number): void {
    this.store.run(
      `UPDATE outbox SET attempts = attempts + 1, next_attempt_at = ? WHERE ord = ? AND frame_type = ${NOTICE_ROW}`,
      nextAttemptAt,
      order,
    );
  }

  /** All are tried again now. */
  retryAll(now: number): void {
    this.store.run(`UPDATE outbox SET next_attempt_at = ? WHERE ${OPEN} AND next_attempt_at > ?`, now, now);
  }

  /** It has left, or is owed no more. */
  remove(order: number): void {
    this.store.run(`DELETE FROM outbox WHERE ord = ? AND frame_type = ${NOTICE_ROW}`, order);
  }

  forget(peer: AgentId): void {
    this.store.run(`DELETE FROM outbox WHERE peer = ? AND frame_type = ${NOTICE_ROW}`, peer);
  }
}

/** The first part as the index `outbox_pending` says it. */
const OPEN = `state IN ('accepted', 'waiting', 'ready') AND frame_type = ${NOTICE_ROW}`;

function toNotice(row: SqlRow): OwedNotice {
  return {
    order: number(row, "ord"),
    peer: agentId(bytes(row, "peer")),
    foundAt: optionalText(row, "peer_address"),
    about: bytes(row, "envelope_id"),
    reason: text(row, "content_type"),
    createdAt: number(row, "created_at"),
    attempts: number(row, "attempts"),
  };
}
