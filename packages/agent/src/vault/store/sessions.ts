/**
 * Sessions, their states sealed at rest, and the handshakes that made them. Knows no ratchet: a state is bytes.
 */
import { type AgentId, agentId, SecretBytes, revealSecret } from "@talos/core";
import { boolean, bytes, flag, number, optionalNumber } from "./columns.ts";
import type { SqlRow, Store } from "./store.ts";

/** A peer has one sending session, and so many that only receive; the least lately used goes first. */
export const MAX_RECEIVE_ONLY_SESSIONS = 5;

/** What a listing of all sessions shows of each. */
export interface SessionBrief {
  /** 16 bytes */
  readonly sessionId: Uint8Array;
  readonly peer: AgentId;
  readonly sending: boolean;
  readonly answered: boolean;
  readonly createdAt: number;
  readonly lastUsedAt: number;
}

export interface SessionInfo extends SessionBrief {
  /** 32 bytes */
  readonly handshakeId: Uint8Array;
  /** 32 bytes */
  readonly transcriptHash: Uint8Array;
  /** When this side must turn the ratchet if it has not written by then; absent where it is not its turn. In milliseconds. */
  readonly turnDueAt?: number | undefined;
}

export interface SessionRow extends SessionInfo {
  /** The encoded session; the caller disposes it. */
  readonly state: SecretBytes;
}

export interface UsedHandshake {
  /** 32 bytes */
  readonly handshakeId: Uint8Array;
  readonly transcriptHash: Uint8Array;
  readonly sessionId: Uint8Array;
  readonly seenAt: number;
}

export class SessionsReader {
  protected readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  byId(sessionId: Uint8Array): SessionRow | undefined {
    return this.#row(this.store.get("SELECT * FROM sessions WHERE session_id = ?", sessionId));
  }

  byHandshakeId(handshakeId: Uint8Array): SessionRow | undefined {
    return this.#row(this.store.get("SELECT * FROM sessions WHERE handshake_id = ?", handshakeId));
  }

  sendingFor(peer: AgentId): SessionRow | undefined {
    return this.#row(this.store.get("SELECT * FROM sessions WHERE peer = ? AND sending = 1", peer));
  }

  /** Sending session first, then the most lately used. Nothing is unsealed. */
  listFor(peer: AgentId): SessionInfo[] {
    return this.store.all(`SELECT ${INFO} FROM sessions WHERE peer = ? ORDER BY sending DESC, last_used_at DESC`, peer).map(toInfo);
  }

  /** All of them. There may be ten thousand, and each column costs a microsecond. */
  list(): SessionBrief[] {
    return this.store.all(`SELECT ${BRIEF} FROM sessions ORDER BY peer, sending DESC, last_used_at DESC`).map(toBrief);
  }

  /** Peers of the sending sessions whose turn is due. Nothing is unsealed, so that ten thousand idle ones cost nothing. */
  turnsDue(now: number): AgentId[] {
    return this.store
      .all("SELECT peer FROM sessions WHERE sending = 1 AND turn_due_at <= ?", now)
      .map((row) => agentId(bytes(row, "peer")));
  }

  count(): { sending: number; receiveOnly: number } {
    const row = this.store.get("SELECT count(*) AS n, coalesce(sum(sending), 0) AS s FROM sessions");
    if (row === undefined) return { sending: 0, receiveOnly: 0 };
    return { sending: number(row, "s"), receiveOnly: number(row, "n") - number(row, "s") };
  }

  /** A handshake that made a session here before, also when that session is gone: its first message is no new one. */
  usedHandshake(handshakeId: Uint8Array): UsedHandshake | undefined {
    const row = this.store.get("SELECT * FROM used_handshakes WHERE handshake_id = ?", handshakeId);
    return (
      row && {
        handshakeId: bytes(row, "handshake_id"),
        transcriptHash: bytes(row, "transcript_hash"),
        sessionId: bytes(row, "session_id"),
        seenAt: number(row, "seen_at"),
      }
    );
  }

  #row(row: SqlRow | undefined): SessionRow | undefined {
    if (row === undefined) return undefined;
    const info = toInfo(row);
    return { ...info, state: SecretBytes.take(this.store.unseal("sessions", info.sessionId, "state", bytes(row, "state"))) };
  }
}

export class Sessions extends SessionsReader {
  /** Inserts or replaces; does not dispose `state`. Where it is sending, the peer's other sessions only receive from now on. */
  put(session: SessionRow): void {
    const sealed = this.store.seal("sessions", session.sessionId, "state", revealSecret(session.state));
    const updated = this.store.run(
      "UPDATE sessions SET answered = ?, last_used_at = ?, turn_due_at = ?, state = ? WHERE session_id = ? AND sending = ?",
      flag(session.answered),
      session.lastUsedAt,
      session.turnDueAt,
      sealed,
      session.sessionId,
      flag(session.sending),
    );
    if (updated === 0) this.#insert(session, sealed);
  }

  remove(sessionId: Uint8Array): void {
    this.store.run("DELETE FROM sessions WHERE session_id = ?", sessionId);
  }

  /** Drops receive-only sessions that were not used since. */
  removeIdle(lastUsedBefore: number): number {
    return this.store.run("DELETE FROM sessions WHERE sending = 0 AND last_used_at < ?", lastUsedBefore);
  }

  /** For a session that was accepted: remembered until its prekeys have ended. */
  rememberHandshake(handshake: UsedHandshake): void {
    this.store.run(
      "INSERT INTO used_handshakes (handshake_id, transcript_hash, session_id, seen_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
      handshake.handshakeId,
      handshake.transcriptHash,
      handshake.sessionId,
      handshake.seenAt,
    );
  }

  forgetHandshakes(seenBefore: number): number {
    return this.store.run("DELETE FROM used_handshakes WHERE seen_at < ?", seenBefore);
  }

  #insert(session: SessionRow, sealed: Uint8Array): void {
    if (session.sending) this.store.run("UPDATE sessions SET sending = 0 WHERE peer = ? AND sending = 1", session.peer);
    this.store.run(
      `INSERT INTO sessions (session_id, handshake_id, transcript_hash, peer, sending, answered, created_at, last_used_at, turn_due_at, state)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (session_id) DO UPDATE SET sending = excluded.sending, answered = excluded.answered,
         last_used_at = excluded.last_used_at, turn_due_at = excluded.turn_due_at, state = excluded.state`,
      session.sessionId,
      session.handshakeId,
      session.transcriptHash,
      session.peer,
      flag(session.sending),
      flag(session.answered),
      session.createdAt,
      session.lastUsedAt,
      session.turnDueAt,
      sealed,
    );
    this.store.run(
      `DELETE FROM sessions WHERE session_id IN (SELECT session_id FROM sessions WHERE peer = ? AND sending = 0
         ORDER BY last_used_at DESC LIMIT -1 OFFSET ${MAX_RECEIVE_ONLY_SESSIONS})`,
      session.peer,
    );
  }
}

const BRIEF = "session_id, peer, sending, answered, created_at, last_used_at";
const INFO = `${BRIEF}, handshake_id, transcript_hash, turn_due_at`;

function toBrief(row: SqlRow): SessionBrief {
  return {
    sessionId: bytes(row, "session_id"),
    peer: agentId(bytes(row, "peer")),
    sending: boolean(row, "sending"),
    answered: boolean(row, "answered"),
    createdAt: number(row, "created_at"),
    lastUsedAt: number(row, "last_used_at"),
  };
}

function toInfo(row: SqlRow): SessionInfo {
  return {
    ...toBrief(row),
    handshakeId: bytes(row, "handshake_id"),
    transcriptHash: bytes(row, "transcript_hash"),
    turnDueAt: optionalNumber(row, "turn_due_at"),
  };
}
