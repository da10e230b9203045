/**
 * Sessions in memory, so that a message does not decode and unseal its session anew. What is here is what the store holds,
 * never more: a next state counts once it has committed, and after a failed commit the touched sessions are read again.
 * Knows no envelope and no peer's log.
 */
import { decodeSession, encodeSession, RATCHET_BOUNDS, toHex, wipeAll, wipeSession, type AgentId, type Session } from "@talos/core";
import type { ReadTransaction, SessionRow, Transaction } from "../vault/index.ts";
import type { Participant } from "./commits.ts";
import { turnDueAt } from "./turns.ts";

export interface LiveSession {
  readonly session: Session;
  readonly sending: boolean;
  readonly createdAt: number;
  readonly lastUsedAt: number;
}

/** Secrets that a step of a session used up, and those that it made. */
export interface StateChange {
  readonly used: readonly Disposable[];
  readonly fresh: readonly Disposable[];
}

const NO_CHANGE: StateChange = { used: [], fresh: [] };

/** Beyond so many the memory starts over; the store has them all. */
const MAX_CACHED = 2_000;

export class LiveSessions implements Participant, Disposable {
  readonly #cached: Map<string, LiveSession> = new Map();
  /** Id of the sending session by peer, as committed; `undefined` where there is none. */
  readonly #sending: Map<string, string | undefined> = new Map();
  #staged: Map<string, LiveSession> = new Map();
  #used: Disposable[] = [];
  #fresh: Disposable[] = [];
  #added = false;

  byId(tx: ReadTransaction, sessionId: Uint8Array): LiveSession | undefined {
    const id = toHex(sessionId);
    return this.#staged.get(id) ?? this.#cached.get(id) ?? this.#load(tx.sessions.byId(sessionId));
  }

  byHandshakeId(tx: ReadTransaction, handshakeId: Uint8Array): LiveSession | undefined {
    return this.#load(tx.sessions.byHandshakeId(handshakeId));
  }

  /** The session that messages to this peer go by. */
  sendingFor(tx: ReadTransaction, peer: AgentId): LiveSession | undefined {
    const key = toHex(peer);
    for (const staged of this.#staged.values()) {
      if (staged.sending && toHex(staged.session.peerAgentId) === key) return staged;
    }
    if (this.#sending.has(key)) {
      const id = this.#sending.get(key);
      const known = id === undefined ? undefined : this.#cached.get(id);
      if (id === undefined || known !== undefined) return known;
    }
    const live = this.#load(tx.sessions.sendingFor(peer));
    this.#sending.set(key, live && toHex(live.session.id));
    return live;
  }

  /** The next state of a session; counts when the transaction commits. `used` is wiped then; if it fails, `fresh` is. */
  stage(next: LiveSession, { used, fresh }: StateChange = NO_CHANGE): void {
    this.#staged.set(toHex(next.session.id), next);
    this.#used.push(...used);
    this.#fresh.push(...fresh);
  }

  /** A session that is new; where it is the sending one, the peer's other sessions only receive from now on. */
  add(tx: ReadTransaction, created: LiveSession, change?: StateChange): void {
    const before = created.sending ? this.sendingFor(tx, created.session.peerAgentId) : undefined;
    if (before !== undefined) this.stage({ ...before, sending: false });
    this.stage(created, change);
    this.#added = true;
  }

  beforeCommit(tx: Transaction): void {
    for (const live of this.#staged.values()) {
      using state = encodeSession(live.session);
      const { id, handshakeId, transcriptHash, peerAgentId, answered } = live.session;
      const { sending, createdAt, lastUsedAt } = live;
      const times = { createdAt, lastUsedAt, turnDueAt: turnDueAt(live) };
      tx.sessions.put({ sessionId: id, handshakeId, transcriptHash, peer: peerAgentId, sending, answered, ...times, state });
    }
  }

  committed(): void {
    if (this.#staged.size === 0) return;
    // The store drops the oldest receive-only sessions when one is added: forget them here too.
    if (this.#added || this.#cached.size > MAX_CACHED) this.#forget();
    for (const [id, live] of this.#staged) {
      this.#cached.set(id, live);
      const peer = toHex(live.session.peerAgentId);
      if (live.sending) this.#sending.set(peer, id);
    }
    wipeAll(this.#used);
    this.#clearStaged();
  }

  rolledBack(): void {
    for (const [id, live] of this.#staged) {
      const before = this.#cached.get(id);
      if (before !== undefined) wipeSession(before.session);
      this.#cached.delete(id);
      this.#sending.delete(toHex(live.session.peerAgentId));
    }
    wipeAll(this.#fresh);
    this.#clearStaged();
  }

  /** Wipes every session in memory. */
  [Symbol.dispose](): void {
    this.#forget();
  }

  #forget(): void {
    // What is staged shares secrets with the state before it.
    for (const [id, { session }] of this.#cached) if (!this.#staged.has(id)) wipeSession(session);
    this.#cached.clear();
    this.#sending.clear();
  }

  #clearStaged(): void {
    this.#staged = new Map();
    this.#used = [];
    this.#fresh = [];
    this.#added = false;
  }

  #load(row: SessionRow | undefined): LiveSession | undefined {
    if (row === undefined) return undefined;
    using state = row.state;
    const id = toHex(row.sessionId);
    const known = this.#staged.get(id) ?? this.#cached.get(id);
    if (known !== undefined) return known;
    const live: LiveSession = { session: decodeSession(state), sending: row.sending, createdAt: row.createdAt, lastUsedAt: row.lastUsedAt };
    this.#cached.set(id, live);
    return live;
  }
}

/** Whether one more message can be sealed here; after 10,000 without an answer a new session takes over. */
export function isExhausted({ session }: LiveSession): boolean {
  return session.unanswered >= RATCHET_BOUNDS.maxUnanswered;
}
