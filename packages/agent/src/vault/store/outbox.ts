/**
 * The outbox: what was accepted for sending, in the order of `send`, until the recipient has acknowledged it.
 * accepted (sealed body), or waiting where something is in the way (and why) -> ready (finished envelope) -> deposited ->
 * delivered or expired. Knows neither sessions nor envelopes: they are ids and bytes.
 */
import { type AgentId, agentId, SecretBytes } from "@talos/core";
import { boolean, bytes, flag, number, optionalBytes, optionalNumber, optionalText, text, word } from "./columns.ts";
import { dropLarge, inlinePart, putLarge, readLarge } from "./large.ts";
import { newMessageId } from "./message-id.ts";
import { NOTICE_ROW } from "./notices.ts";
import type { SqlRow, Store } from "./store.ts";

export const OUTBOX_STATES = ["accepted", "waiting", "ready", "deposited", "delivered", "expired"] as const;
export type OutboxState = (typeof OUTBOX_STATES)[number];

export const WAITING_REASONS = [
  "no-session",
  "peer-head-stale",
  "peer-prekeys-expired",
  "session-replaced",
  "directory-unreachable",
  "peer-unknown",
  "peer-revoked",
  "peer-forked",
  "peer-blocked",
  "peer-unverified",
] as const;
export type WaitingReason = (typeof WAITING_REASONS)[number];

export const SIGN_CHOICES = ["instance", "identity", "none"] as const;
export type SignChoice = (typeof SIGN_CHOICES)[number];

/** The finished envelope and where it stands in its session. */
export interface ReadyEnvelope {
  readonly sessionId: Uint8Array;
  /** The ratchet key of the chain. */
  readonly chain: Uint8Array;
  readonly counter: number;
  readonly envelopeId: Uint8Array;
  readonly envelope: Uint8Array;
}

export interface OutboxRow {
  /** Rows of one peer leave in this order. */
  readonly order: number;
  /** 16 bytes, unique */
  readonly messageId: Uint8Array;
  readonly peer: AgentId;
  /** Where the envelope goes: URL of the directory. */
  readonly peerAddress?: string | undefined;
  readonly state: OutboxState;
  readonly reason?: WaitingReason | undefined;
  readonly contentType: string;
  readonly sign: SignChoice;
  readonly frameType: number;
  readonly createdAt: number;
  readonly depositedAt?: number | undefined;
  /** When it was delivered or expired. */
  readonly finishedAt?: number | undefined;
  readonly attempts: number;
  readonly nextAttemptAt: number;
  readonly resent: boolean;
  readonly sessionId?: Uint8Array | undefined;
  readonly chain?: Uint8Array | undefined;
  readonly counter?: number | undefined;
  readonly envelopeId?: Uint8Array | undefined;
}

export interface NewOutboxRow {
  readonly messageId: Uint8Array;
  readonly peer: AgentId;
  readonly peerAddress?: string | undefined;
  readonly contentType: string;
  readonly sign: SignChoice;
  readonly frameType: number;
  readonly createdAt: number;
  readonly resent?: boolean;
  /** Sealed at rest, kept until the row is delivered. */
  readonly body: Uint8Array;
  /** Why it waits; or the envelope in the same commit; without either it is accepted, and nothing is known to be in its way. */
  readonly outcome?: { readonly reason: WaitingReason } | { readonly ready: ReadyEnvelope };
}

export interface OutboxFilter {
  readonly peer?: AgentId;
  readonly state?: OutboxState;
  /** Default 1000. */
  readonly limit?: number;
}

export class OutboxReader {
  protected readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  get(order: number): OutboxRow | undefined {
    return toRowOrNothing(this.store.get(`SELECT ${COLUMNS} FROM outbox WHERE ord = ?`, order));
  }

  byMessageId(messageId: Uint8Array): OutboxRow | undefined {
    return toRowOrNothing(this.store.get(`SELECT ${COLUMNS} FROM outbox WHERE message_id = ?`, messageId));
  }

  /** Only rows that stand unacknowledged. */
  byEnvelopeId(envelopeId: Uint8Array): OutboxRow | undefined {
    return (
      toRowOrNothing(this.store.get(`SELECT ${COLUMNS} FROM outbox WHERE envelope_id = ? AND state = 'deposited'`, envelopeId)) ??
      toRowOrNothing(
        this.store.get(`SELECT ${COLUMNS} FROM outbox WHERE envelope_id = ? AND ${PENDING} AND frame_type <> ${NOTICE_ROW}`, envelopeId),
      )
    );
  }

  /** The first row of each peer that has not been deposited, oldest first: what the sender loop works on. */
  headsOfLine(): OutboxRow[] {
    return this.store
      .all(
        `SELECT ${COLUMNS} FROM outbox WHERE ord IN
           (SELECT min(ord) FROM outbox WHERE ${PENDING} AND frame_type <> ${NOTICE_ROW} GROUP BY peer) ORDER BY ord`,
      )
      .map(toRow);
  }

  /** Rows of a peer that have not been deposited, in order; without notices. */
  pendingFor(peer: AgentId, limit: number = 1000): OutboxRow[] {
    return this.store
      .all(`SELECT ${COLUMNS} FROM outbox WHERE peer = ? AND ${PENDING} AND frame_type <> ${NOTICE_ROW} ORDER BY ord LIMIT ?`, peer, limit)
      .map(toRow);
  }

  /** Ready and deposited rows that used this session, in order. */
  ofSession(sessionId: Uint8Array): OutboxRow[] {
    return this.store
      .all(`SELECT ${COLUMNS} FROM outbox WHERE session_id = ? AND state IN ('ready', 'deposited') ORDER BY ord`, sessionId)
      .map(toRow);
  }

  /** Deposited, but unacknowledged since before that time. */
  depositedBefore(time: number): OutboxRow[] {
    return this.store.all(`SELECT ${COLUMNS} FROM outbox WHERE state = 'deposited' AND deposited_at < ? ORDER BY ord`, time).map(toRow);
  }

  /** Unfinished rows that were accepted before that time. */
  unfinishedBefore(time: number): OutboxRow[] {
    return this.store
      .all(
        `SELECT ${COLUMNS} FROM outbox WHERE state IN ('accepted', 'waiting', 'ready', 'deposited') AND created_at < ? ORDER BY ord`,
        time,
      )
      .map(toRow);
  }

  /** In order. */
  list(filter: OutboxFilter = {}): OutboxRow[] {
    return this.store
      .all(
        `SELECT ${COLUMNS} FROM outbox WHERE (?1 IS NULL OR peer = ?1) AND (?2 IS NULL OR state = ?2) ORDER BY ord LIMIT ?3`,
        filter.peer,
        filter.state,
        filter.limit ?? 1000,
      )
      .map(toRow);
  }

  /** @param frameType only rows of that kind; default: all */
  counts(frameType?: number): Record<OutboxState, number> {
    const counts: Record<OutboxState, number> = { accepted: 0, waiting: 0, ready: 0, deposited: 0, delivered: 0, expired: 0 };
    for (const row of this.store.all(
      "SELECT state, count(*) AS n FROM outbox WHERE ?1 IS NULL OR frame_type = ?1 GROUP BY state",
      frameType,
    )) {
      counts[word(row, "state", OUTBOX_STATES)] = number(row, "n");
    }
    return counts;
  }

  /** Undefined once it was dropped. The caller disposes it. */
  body(order: number): SecretBytes | undefined {
    const row = this.store.get("SELECT message_id, body FROM outbox WHERE ord = ?", order);
    if (row === undefined) return undefined;
    const sealed = readLarge(this.store, "outbox-body", order, row, "body");
    return sealed && SecretBytes.take(this.store.unseal("outbox", bytes(row, "message_id"), "body", sealed));
  }

  envelope(order: number): Uint8Array | undefined {
    const row = this.store.get("SELECT envelope FROM outbox WHERE ord = ?", order);
    return row && readLarge(this.store, "outbox-envelope", order, row, "envelope");
  }
}

export class Outbox extends OutboxReader {
  /** A fresh message id, 16 bytes. */
  newId(now: number): Uint8Array {
    return newMessageId(now, this.store.drawn());
  }

  /** Returns the order. A message id that is there already is refused by the schema. */
  insert(row: NewOutboxRow): number {
    const { outcome } = row;
    const ready = outcome !== undefined && "ready" in outcome ? outcome.ready : undefined;
    const reason = outcome !== undefined && "reason" in outcome ? outcome.reason : undefined;
    const sealed = this.store.seal("outbox", row.messageId, "body", row.body);
    const order = this.store.nextOrder("outbox");
    this.store.run(
      `INSERT INTO outbox (ord, message_id, peer, peer_address, state, reason, content_type, sign, frame_type, created_at,
         attempts, next_attempt_at, resent, session_id, chain, counter, envelope_id, envelope, body)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?)`,
      order,
      row.messageId,
      row.peer,
      row.peerAddress,
      ready === undefined ? (reason === undefined ? "accepted" : "waiting") : "ready",
      reason,
      row.contentType,
      row.sign,
      row.frameType,
      row.createdAt,
      row.createdAt,
      flag(row.resent ?? false),
      ready?.sessionId,
      ready?.chain,
      ready?.counter,
      ready?.envelopeId,
      inlinePart(ready?.envelope),
      inlinePart(sealed),
    );
    putLarge(this.store, "outbox-body", order, sealed);
    putLarge(this.store, "outbox-envelope", order, ready?.envelope);
    return order;
  }

  /** accepted or waiting -> ready. @returns false when the row is neither any more */
  toReady(order: number, ready: ReadyEnvelope): boolean {
    const changed = this.store.run(
      `UPDATE outbox SET state = 'ready', reason = NULL, session_id = ?, chain = ?, counter = ?, envelope_id = ?, envelope = ?
       WHERE ord = ? AND state IN ('accepted', 'waiting')`,
      ready.sessionId,
      ready.chain,
      ready.counter,
      ready.envelopeId,
      inlinePart(ready.envelope),
      order,
    );
    if (changed > 0) putLarge(this.store, "outbox-envelope", order, ready.envelope);
    return changed > 0;
  }

  /** ready -> deposited. The envelope stays, for a repeat after 31 days. @param dropBody for `retain: "until-deposited"` */
  toDeposited(order: number, at: number, dropBody: boolean = false): boolean {
    const changed = this.store.run(
      "UPDATE outbox SET state = 'deposited', reason = NULL, deposited_at = ? WHERE ord = ? AND state = 'ready'",
      at,
      order,
    );
    if (changed > 0 && dropBody) {
      this.store.run("UPDATE outbox SET body = NULL WHERE ord = ?", order);
      dropLarge(this.store, "outbox-body", order);
    }
    return changed > 0;
  }

  /** The same bytes once more: deposited -> ready. */
  againToReady(order: number, nextAttemptAt: number): boolean {
    return (
      this.store.run("UPDATE outbox SET state = 'ready', next_attempt_at = ? WHERE ord = ? AND state = 'deposited'", nextAttemptAt, order) >
      0
    );
  }

  /** The session is gone: back to waiting, to be sent in another one, marked `resent`. */
  againToWaiting(order: number, reason: WaitingReason, nextAttemptAt: number = 0): boolean {
    const changed = this.store.run(
      `UPDATE outbox SET state = 'waiting', reason = ?, next_attempt_at = ?, resent = 1, session_id = NULL, chain = NULL, counter = NULL,
         envelope_id = NULL, envelope = NULL, deposited_at = NULL WHERE ord = ? AND state IN ('ready', 'deposited')`,
      reason,
      nextAttemptAt,
      order,
    );
    if (changed > 0) dropLarge(this.store, "outbox-envelope", order);
    return changed > 0;
  }

  /** What keeps everything for that peer from leaving: accepted -> waiting; what is ready stays so, and says why it stays. */
  setReasonFor(peer: AgentId, reason: WaitingReason): void {
    this.store.run(
      `UPDATE outbox SET state = CASE state WHEN 'ready' THEN 'ready' ELSE 'waiting' END, reason = ?1
       WHERE peer = ?2 AND ${PENDING} AND frame_type <> ${NOTICE_ROW} AND reason IS NOT ?1`,
      reason,
      peer,
    );
  }

  /** accepted -> waiting, or another reason for a row that waits. */
  setReason(order: number, reason: WaitingReason): void {
    this.store.run("UPDATE outbox SET state = 'waiting', reason = ? WHERE ord = ? AND state IN ('accepted', 'waiting')", reason, order);
  }

  /** An attempt that did not get through. */
  noteAttempt(order: number, nextAttemptAt: number): void {
    this.store.run(
      `UPDATE outbox SET attempts = attempts + 1, next_attempt_at = ?, reason = CASE state WHEN 'ready' THEN NULL ELSE reason END
       WHERE ord = ?`,
      nextAttemptAt,
      order,
    );
  }

  /** The recipient acknowledged this id: body and envelope are dropped. @returns false for an id that is not outstanding with that peer */
  toDelivered(peer: AgentId, messageId: Uint8Array, at: number): boolean {
    const row = this.store.get(
      "SELECT ord FROM outbox WHERE message_id = ? AND peer = ? AND state IN ('accepted', 'waiting', 'ready', 'deposited')",
      messageId,
      peer,
    );
    if (row === undefined) return false;
    this.#finish(number(row, "ord"), "delivered", at);
    return true;
  }

  /** Given up after 90 days. */
  expire(order: number, at: number): void {
    this.#finish(order, "expired", at);
  }

  /** Of control frames, which nobody acknowledges. */
  remove(order: number): void {
    dropLarge(this.store, "outbox-body", order);
    dropLarge(this.store, "outbox-envelope", order);
    this.store.run("DELETE FROM outbox WHERE ord = ?", order);
  }

  /** Forgets delivered and expired rows. */
  forgetFinished(before: number): number {
    return this.store.run("DELETE FROM outbox WHERE state IN ('delivered', 'expired') AND finished_at < ?", before);
  }

  #finish(order: number, state: "delivered" | "expired", at: number): void {
    dropLarge(this.store, "outbox-body", order);
    dropLarge(this.store, "outbox-envelope", order);
    this.store.run(
      "UPDATE outbox SET state = ?, finished_at = ?, reason = NULL, body = NULL, envelope = NULL WHERE ord = ?",
      state,
      at,
      order,
    );
  }
}

/** Not deposited yet; the index `outbox_pending` says the same. */
const PENDING = "state IN ('accepted', 'waiting', 'ready')";
const COLUMNS = `ord, message_id, peer, peer_address, state, reason, content_type, sign, frame_type, created_at, deposited_at,
  finished_at, attempts, next_attempt_at, resent, session_id, chain, counter, envelope_id`;

function toRowOrNothing(row: SqlRow | undefined): OutboxRow | undefined {
  return row && toRow(row);
}

function toRow(row: SqlRow): OutboxRow {
  const reason = optionalText(row, "reason");
  return {
    order: number(row, "ord"),
    messageId: bytes(row, "message_id"),
    peer: agentId(bytes(row, "peer")),
    peerAddress: optionalText(row, "peer_address"),
    state: word(row, "state", OUTBOX_STATES),
    reason: reason === undefined ? undefined : word(row, "reason", WAITING_REASONS),
    contentType: text(row, "content_type"),
    sign: word(row, "sign", SIGN_CHOICES),
    frameType: number(row, "frame_type"),
    createdAt: number(row, "created_at"),
    depositedAt: optionalNumber(row, "deposited_at"),
    finishedAt: optionalNumber(row, "finished_at"),
    attempts: number(row, "attempts"),
    nextAttemptAt: number(row, "next_attempt_at"),
    resent: boolean(row, "resent"),
    sessionId: optionalBytes(row, "session_id"),
    chain: optionalBytes(row, "chain"),
    counter: optionalNumber(row, "counter"),
    envelopeId: optionalBytes(row, "envelope_id"),
  };
}
