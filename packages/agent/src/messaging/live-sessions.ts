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
  /** By when this side is to turn the ratchet: the peer has sent content since it did. */
  readonly turnBy: number | undefined;
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
  /** Peers whose sessions end with this transaction, and what is to be wiped then. */
  #ended: Map<string, Session[]> = new Map();

  byId(tx: ReadTransaction, sessionId: Uint8Array): LiveSession | undefined {
    const id = toHex(sessionId);
    const known = this.#staged.get(id) ?? this.#cached.get(id);
    // One that ends with this transaction is in the cache still, and in the store no more.
    if (known !== undefined && (this.#staged.has(id) || !this.#ended.has(toHex(known.session.peerAgentId)))) return known;
    return this.#load(tx.sessions.byId(sessionId));
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
    if (this.#ended.has(key)) return undefined;
    if (this.#sending.has(key)) {
      const id = this.#sending.get(key);
      if (id !== undefined && this.#staged.get(id)?.sending === false) return undefined;
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

  /** It goes on receiving. */
  stopSending(live: LiveSession): void {
    this.stage({ ...live, sending: false });
    // There is one more that only receives: the store may drop another.
    this.#added = true;
  }

  /** All sessions with that peer end; they are wiped when the transaction commits. @returns how many there were */
  end(tx: Transaction, peer: AgentId): number {
    const key = toHex(peer);
    const stored = tx.sessions.listFor(peer);
    for (const { sessionId } of stored) tx.sessions.remove(sessionId);
    const doomed = this.#ended.get(key) ?? [];
    for (const [id, { session }] of this.#staged) {
      if (toHex(session.peerAgentId) !== key) continue;
      doomed.push(session);
      this.#staged.delete(id);
    }
    this.#ended.set(key, doomed);
    return stored.length;
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
    if (this.#staged.size === 0 && this.#ended.size === 0) return;
    this.#wipeEnded();
    // The store drops the oldest receive-only sessions when one is added: forget them here too.
    if (this.#added || this.#cached.size > MAX_CACHED) this.#forget();
    for (const [id, live] of this.#staged) {
      this.#cached.set(id, live);
      const peer = toHex(live.session.peerAgentId);
      if (live.sending) this.#sending.set(peer, id);
      else if (this.#sending.get(peer) === id) this.#sending.delete(peer);
    }
    wipeAll(this.#used);
    this.#clearStaged();
  }

  rolledBack(): void {
    // What ended is read again, like everything else that was touched.
    this.#wipeEnded();
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
    this.#ended = new Map();
  }

  /** What is staged since belongs to new sessions. */
  #wipeEnded(): void {
    for (const [peer, staged] of this.#ended) {
      for (const session of staged) wipeSession(session);
      for (const [id, { session }] of this.#cached) {
        if (toHex(session.peerAgentId) !== peer) continue;
        wipeSession(session);
        this.#cached.delete(id);
      }
      this.#sending.delete(peer);
    }
  }

  #load(row: SessionRow | undefined): LiveSession | undefined {
    if (row === undefined) return undefined;
    using state = row.state;
    const id = toHex(row.sessionId);
    const known = this.#staged.get(id) ?? this.#cached.get(id);
    if (known !== undefined) return known;
    const { sending, createdAt, lastUsedAt, turnDueAt: turnBy } = row;
    const live: LiveSession = { session: decodeSession(state), sending, createdAt, lastUsedAt, turnBy };
    this.#cached.set(id, live);
    return live;
  }
}

/** Whether one more message can be sealed here; after 10,000 without an answer a new session takes over. */
export function isExhausted({ session }: LiveSession): boolean {
  return session.unanswered >= RATCHET_BOUNDS.maxUnanswered;
}
