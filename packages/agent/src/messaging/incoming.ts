/**
 * One item of the mailbox: opened on copies, then one transaction with everything that follows from it (session, ended
 * one-time prekey, peer, inbox row), or kept and named if it cannot be used. Decides whether the mailbox may forget it.
 * Knows no mailbox.
 */
import {
  compareBytes,
  decodeEnvelope,
  decodeRatchetHeader,
  encodeMessageProof,
  envelopeId,
  equalBytes,
  handshakeId,
  isTalosError,
  openMessage,
  talosError,
  toHex,
  wipeSession,
  type AgentId,
  type Envelope,
  type EnvelopeId,
  type ErrorCode,
  type IdentityLog,
  type KeyId,
  type MailboxItem,
  type MessageId,
  type OpenContext,
  type OpenedMessage,
  type ShortHead,
} from "@talos/core";
import type { AgentContext } from "../context.ts";
import { noteFirstUse } from "../lifecycle/audit-entries.ts";
import type { OpenedPlace, ReadTransaction, Transaction } from "../vault/index.ts";
import { takeEvent } from "./arriving-event.ts";
import { takeNotice } from "./arriving-notice.ts";
import { FailedStrangers } from "./failed-strangers.ts";
import { acceptFirstMessage, type FirstMessage } from "./first-message.ts";
import type { LiveSession } from "./live-sessions.ts";
import type { PeerFacts } from "./known-peer.ts";
import { giveUpOutranked } from "./outranked-sessions.ts";
import { directoriesOf, lookUpPeer } from "./peer-lookup.ts";
import { requireSender, requireTrust } from "./peer-standing.ts";
import { PutOffItems } from "./put-off-items.ts";
import { isTransient, isTransientElsewhere } from "./transient.ts";
import { turnByAfter } from "./turns.ts";
import { answerUnreadable } from "./unreadable.ts";

/** Both stay in the mailbox. `later`: something that every item needs has failed; `put-off`: something that this one needs, elsewhere. */
export type Verdict = "done" | "put-off" | "later";

/** What a stored message set off, told after its commit. */
export interface IncomingEvents {
  arrived(peer: AgentId): void;
  delivered(messageId: MessageId): void;
  /** At the word of a notice a session with that peer was given up: its messages go out again. */
  replaced(peer: AgentId): void;
  /** There is a notice to be sent. */
  answer(): void;
}

interface HowHeard {
  readonly use: "session" | "new";
  /** The peer has never been heard in this session before. */
  readonly isFirstHeard: boolean;
}

export class Incoming {
  readonly #context: AgentContext;
  readonly #events: IncomingEvents;
  readonly #strangers: FailedStrangers = new FailedStrangers();
  readonly #putOff: PutOffItems = new PutOffItems();

  constructor(context: AgentContext, events: IncomingEvents) {
    this.#context = context;
    this.#events = events;
  }

  /**
   * May be called for several mailboxes at once: what changes anything is synchronous, and one that does not answer holds up no other.
   *
   * @param mailbox the directory where it lay, and where its sender is registered
   * @throws TalosError only when the agent may not act any more
   */
  async take(item: MailboxItem, mailbox: string): Promise<Verdict> {
    try {
      // An item under another id than its own: not what was deposited.
      if (!equalBytes(envelopeId(item.item, this.#context.crypto), item.envelopeId))
        return this.#keep(item, "DIRECTORY_MISBEHAVED", mailbox);
      if (item.kind === "event") await takeEvent(this.#context, item, mailbox);
      else if (item.kind === "notice") await this.#notice(item);
      else await this.#message(item, mailbox);
      this.#putOff.settled(item.envelopeId);
      return "done";
    } catch (error) {
      this.#context.standing.requireActive();
      const isElsewhere = isTransientElsewhere(error);
      if (isElsewhere && this.#putOff.mayWait(item.envelopeId, this.#context.clock.now())) return "put-off";
      if (!isElsewhere && isTransient(error)) return "later";
      this.#putOff.settled(item.envelopeId);
      return this.#keep(item, isTalosError(error) ? error.code : "INTERNAL", mailbox);
    }
  }

  async #notice(item: MailboxItem): Promise<void> {
    const peer = await takeNotice(this.#context, item);
    if (peer !== undefined) this.#events.replaced(peer);
  }

  /** Named for the operator; and whoever sent a message that cannot be opened is to hear of it. */
  #keep(item: MailboxItem, code: ErrorCode, mailbox: string): Verdict {
    const { commits, clock } = this.#context;
    const { envelopeId: id, kind, depositor, item: bytes } = item;
    try {
      const isAnswered = commits.now((tx) => {
        const answered = answerUnreadable(this.#context, tx, item, code, mailbox);
        tx.kept.add({ envelopeId: id, kind, depositor, bytes, code, receivedAt: clock.now() });
        return answered;
      });
      if (isAnswered) this.#events.answer();
      return "done";
    } catch {
      this.#context.standing.requireActive();
      return "later";
    }
  }

  async #message(item: MailboxItem, mailbox: string): Promise<void> {
    const envelope = decodeEnvelope(item.item);
    const live = this.#context.vault.read((tx) => this.#findSession(tx, envelope));
    if (live !== undefined) return await this.#ofSession(live, envelope, item.envelopeId);
    if (envelope.type === "message") throw talosError("SESSION_NOT_FOUND");
    try {
      const from = { mailbox, depositor: item.depositor, strangers: this.#strangers };
      await acceptFirstMessage(this.#context, envelope, from, (first) => this.#firstOf(first, envelope, item.envelopeId));
    } catch (error) {
      // Another mailbox may have brought the same handshake meanwhile; then there is a session.
      const begun = this.#context.vault.read((tx) => this.#findSession(tx, envelope));
      if (begun === undefined) throw error;
      await this.#ofSession(begun, envelope, item.envelopeId);
    }
  }

  #findSession(tx: ReadTransaction, envelope: Envelope): LiveSession | undefined {
    const { sessions, crypto } = this.#context;
    if (envelope.type === "message") return sessions.byId(tx, envelope.sessionId);
    const id = handshakeId(envelope.handshakeHeader, crypto);
    const live = sessions.byHandshakeId(tx, id);
    // Its session is gone, and a handshake is good for one only.
    if (live === undefined && tx.sessions.usedHandshake(id) !== undefined) throw talosError("REPLAYED");
    return live;
  }

  /** A log or certificate that is not known yet is fetched once; then the message decides. */
  async #ofSession(live: LiveSession, envelope: Envelope, id: EnvelopeId): Promise<void> {
    try {
      this.#open(live.session.id, envelope, id);
    } catch (error) {
      if (!isTalosError(error, "HEAD_UNKNOWN")) throw error;
      const peer = live.session.peerAgentId;
      const known = this.#context.vault.read((tx) => this.#context.peers.get(tx, peer));
      await lookUpPeer(this.#context, peer, directoriesOf(this.#context, known, undefined));
      this.#open(live.session.id, envelope, id);
    }
  }

  #open(sessionId: Uint8Array, envelope: Envelope, id: EnvelopeId): void {
    const { vault, sessions, peers, crypto, clock, policy } = this.#context;
    const { live, known, place, before } = vault.read((tx) => {
      const session = sessions.byId(tx, sessionId);
      const { ratchetKey, counter } = decodeRatchetHeader(envelope.ratchetHeader);
      const at: OpenedPlace = { sessionId, chain: ratchetKey, counter };
      return { live: session, known: session && peers.get(tx, session.session.peerAgentId), place: at, before: tx.opened.lookup(at, id) };
    });
    if (live === undefined || known === undefined) throw talosError("SESSION_NOT_FOUND");
    requireTrust(known, policy);
    if (before === "redelivery") return this.#tellAgain(known.peer.agentId, place);
    if (before === "counter-reuse") return this.#counterReuse(known.peer.agentId, place, id);
    const opened = openMessage(live.session, envelope, this.#openContext(known.log), crypto);
    const now = clock.now();
    const turnBy = turnByAfter(opened.frame.type, live.turnBy, now);
    const next = { ...live, session: opened.next, lastUsedAt: now, turnBy };
    const how = { use: "session", isFirstHeard: !live.session.answered } as const;
    this.#store(opened, { log: known.log }, how, place, id, (_, isReplacing) =>
      sessions.stage({ ...next, sending: next.sending || isReplacing }, opened),
    );
  }

  /** Who sends the same envelope again has not heard that it was acknowledged, if it was. */
  #tellAgain(peer: AgentId, place: OpenedPlace): void {
    const messageId = this.#context.vault.read((tx) => tx.opened.messageAt(place));
    if (messageId === undefined) return;
    this.#context.commits.now((tx) => tx.acks.again(peer, [messageId]));
    this.#events.arrived(peer);
  }

  #counterReuse(peer: AgentId, place: OpenedPlace, id: EnvelopeId): never {
    const { commits, clock } = this.#context;
    commits.now((tx) => {
      const first = tx.opened.envelopeAt(place) ?? id;
      tx.peers.addConflict({ agentId: peer, kind: "counter-reuse", first, second: id, seenAt: clock.now() });
    });
    throw talosError("COUNTER_REUSE", undefined, { details: { counter: place.counter, envelopeId: toHex(id) } });
  }

  #firstOf(first: FirstMessage, envelope: Envelope, id: EnvelopeId): void {
    const { crypto, clock, sessions, vault } = this.#context;
    const { pending, peer, oneTimeKeyId, used } = first;
    let stored = false;
    try {
      if (vault.read((tx) => this.#findSession(tx, envelope)) !== undefined) throw talosError("REPLAYED");
      const opened = openMessage(pending, envelope, this.#openContext(peer.log), crypto);
      const place = { sessionId: pending.id, chain: opened.ratchetKey, counter: opened.counter };
      this.#store(opened, peer, { use: "new", isFirstHeard: true }, place, id, (tx) => {
        const now = clock.now();
        this.#endOneTimePrekey(tx, oneTimeKeyId, now);
        for (const key of used) noteFirstUse(tx, key, now);
        const { handshakeId: handshake, transcriptHash, id: sessionId } = opened.next;
        tx.sessions.rememberHandshake({ handshakeId: handshake, transcriptHash, sessionId, seenAt: now });
        const sending = becomesSending(sessions.sendingFor(tx, pending.peerAgentId), transcriptHash);
        const turnBy = turnByAfter(opened.frame.type, undefined, now);
        sessions.add(tx, { session: opened.next, sending, createdAt: now, lastUsedAt: now, turnBy }, opened);
      });
      stored = true;
    } finally {
      if (!stored) wipeSession(pending);
    }
  }

  #endOneTimePrekey(tx: Transaction, keyId: KeyId | undefined, now: number): void {
    if (keyId === undefined) return;
    if (!tx.inventory.setState(keyId, "ended", now)) throw talosError("PREKEY_REUSED", undefined, { details: { keyId } });
  }

  /**
   * One transaction with all that an opened message brings; then the plaintext is wiped.
   *
   * @param stageSession is told whether the session takes the place of the one that was sent by
   */
  #store(
    opened: OpenedMessage,
    peer: PeerFacts,
    { use, isFirstHeard }: HowHeard,
    place: OpenedPlace,
    id: EnvelopeId,
    stageSession: (tx: Transaction, isReplacing: boolean) => void,
  ): void {
    const { commits, clock, peers, log, ownLogDoubt } = this.#context;
    const { frame, certificate, proof } = opened;
    const sender = peer.log.agentId;
    const now = clock.now();
    const delivered: MessageId[] = [];
    try {
      commits.now((tx) => {
        let known = peers.learn(tx, { ...peer, certificate: certificate ?? peer.certificate }, now);
        // The peer's own certificate and the directory's may differ: both are heard.
        if (certificate !== undefined && peer.certificate !== undefined) known = peers.learn(tx, peer, now);
        // By what is known now: the log may have moved on since the message was begun.
        requireSender(known.log, opened.sender.logSeq, known, now, use);
        for (const messageId of frame.acknowledged) {
          if (tx.outbox.toDelivered(sender, messageId, now)) delivered.push(messageId.slice() as MessageId);
        }
        const isReplacing = isFirstHeard && giveUpOutranked(this.#context, tx, known, place.sessionId, opened.sender);
        stageSession(tx, isReplacing);
        tx.opened.add(place, id, now, frame.type === "content" ? frame.messageId : undefined);
        if (knowsHead(log, frame.recipientHead)) tx.notifications.acknowledge(sender, frame.recipientHead.seq, now);
        if (opened.secondCopyHeard) {
          tx.peers.addConflict({ agentId: sender, kind: "second-copy", first: place.sessionId, second: id, seenAt: now });
        }
        if (frame.type !== "content") return;
        const { messageId, contentType, time, resent, body } = frame;
        tx.inbox.insert({ sender, messageId, contentType, time, receivedAt: now, resent, body, proof: proof && encodeMessageProof(proof) });
      });
    } finally {
      frame.body.fill(0);
    }
    for (const messageId of delivered) this.#events.delivered(messageId);
    // An event of this agent that it does not know itself, or another history than its own.
    if (!knowsHead(log, frame.recipientHead)) ownLogDoubt.ring();
    this.#events.arrived(sender);
  }

  #openContext(peerLog: IdentityLog): OpenContext {
    const { vault, peers, clock } = this.#context;
    return { peerLog, now: clock.now(), findCertificate: (hash) => vault.read((tx) => peers.findCertificate(tx, peerLog, hash)) };
  }
}

/**
 * A session that was just accepted is the one to send by; only where this agent had begun one too, and nobody has answered
 * it, the smaller transcript hash decides, on both sides alike.
 */
function becomesSending(mine: LiveSession | undefined, transcriptHash: Uint8Array): boolean {
  if (mine === undefined || mine.session.answered) return true;
  return compareBytes(transcriptHash, mine.session.transcriptHash) < 0;
}

/** Whether that is an event of this agent as it knows its own log. */
function knowsHead(log: IdentityLog, { seq, hashPrefix }: ShortHead): boolean {
  const state = log.states[seq];
  return state !== undefined && equalBytes(state.head.hash.subarray(0, hashPrefix.length), hashPrefix);
}
