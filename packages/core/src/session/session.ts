// A session: what two agents share since one handshake. An immutable value; sealing and opening return the next one.
// Must not know stores, mailboxes or clocks.
import type { AgentId } from "../keys/agent-id.ts";
import type { HandshakeId, PrekeyUse } from "../handshake/index.ts";
import { nextSendingChain, nextSendingCounter, wipeRatchet, type RatchetState } from "../ratchet/index.ts";
import type { CarriedCertificate } from "./carried-certificate.ts";
import type { GenerationPoint } from "./generations.ts";

declare const sessionIdBrand: unique symbol;
/** 16 bytes, derived from the session secret; both sides have the same. */
export type SessionId = Uint8Array & { readonly [sessionIdBrand]: true };

export type SessionRole = "initiator" | "responder";

/** What never changes in a session's life. */
export interface SessionFacts {
  readonly id: SessionId;
  /** 32 bytes: the responder finds the session of a repeated first message by it. */
  readonly handshakeId: HandshakeId;
  /** 32 bytes; of two sessions begun at once the one with the smaller hash stays (compareBytes). */
  readonly transcriptHash: Uint8Array;
  readonly role: SessionRole;
  readonly ownAgentId: AgentId;
  readonly peerAgentId: AgentId;
  /** Negotiated, a set of 32 bits. */
  readonly options: number;
  readonly prekeyUse: PrekeyUse;
}

/** A responder's session before its first message was opened: nobody is authenticated, nothing can be sent, nothing is stored. */
export interface PendingSession extends SessionFacts {
  readonly role: "responder";
  readonly pending: true;
  readonly ratchet: RatchetState;
}

export interface Session extends SessionFacts {
  readonly pending: false;
  readonly ratchet: RatchetState;
  /** The initiator's header, 1,275 bytes, repeated in every message until the peer is heard. */
  readonly handshakeHeader: Uint8Array | undefined;
  /** The newest certificate that went to the peer here, and whether it has arrived. */
  readonly carried: CarriedCertificate | undefined;
  /** Where the peer's (log seq, generation) rose, in the order of the ratchet. */
  readonly generations: readonly GenerationPoint[];
  /** True once a message of the peer was opened here. */
  readonly answered: boolean;
  /** Messages sealed since the peer last answered; at RATCHET_BOUNDS.maxUnanswered no more can be sealed here. */
  readonly unanswered: number;
}

/** Fills in what follows from the ratchet. */
export function sessionWith(parts: Omit<Session, "pending" | "answered" | "unanswered">): Session {
  return nextSession({ ...parts, pending: false, answered: false, unanswered: 0 }, parts.ratchet, parts.carried, parts.generations);
}

/** The session after one message. */
export function nextSession(
  session: Session,
  ratchet: RatchetState,
  carried: CarriedCertificate | undefined,
  generations: readonly GenerationPoint[],
): Session {
  const answered = ratchet.receiving !== undefined;
  return {
    ...session,
    ratchet,
    handshakeHeader: answered ? undefined : session.handshakeHeader,
    carried,
    generations,
    answered,
    unanswered: nextSendingCounter(ratchet),
  };
}

/** True if the next message must be signed: it belongs to this side's first sending chain. */
export function mustSign(session: Session): boolean {
  return nextSendingChain(session.ratchet) === 0;
}

/**
 * Wipes every secret of a session that is dropped. Keys lent to a pending session stay their owner's.
 *
 * Not for a `next` that is thrown away while the session before lives on: the two share secrets. Of that one wipe `fresh` (wipeAll).
 */
export function wipeSession(session: Session | PendingSession): void {
  wipeRatchet(session.ratchet);
}
