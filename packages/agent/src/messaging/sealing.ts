/**
 * From an outbox row to an envelope, inside a transaction: the session is past it when the envelope exists. Acknowledged ids
 * that the peer has not been told ride along. Knows neither network nor queue.
 */
import { sealMessage, type FrameType, type MessageId, type MessageSigning, type OutgoingMessage } from "@talos/core";
import type { AgentContext } from "../context.ts";
import type { ReadyEnvelope, Transaction, WaitingReason } from "../vault/index.ts";
import { isExhausted, type LiveSession } from "./live-sessions.ts";
import { isFresh, type KnownPeer } from "./peer-book.ts";

/** Of acknowledged ids in one frame. */
const MAX_ACKNOWLEDGED = 64;

export interface MessageToSeal {
  readonly type: FrameType;
  readonly messageId: MessageId;
  readonly contentType: string;
  readonly body: Uint8Array;
  readonly resent: boolean;
  readonly time: number;
}

/** Why nothing can be sealed for a peer just now; undefined when it can. */
export function sealingObstacle(
  { policy, clock, instance }: AgentContext,
  known: KnownPeer | undefined,
  live: LiveSession | undefined,
): WaitingReason | undefined {
  const now = clock.now();
  if (known === undefined || live === undefined || isExhausted(live)) return "no-session";
  if (!isFresh(known, policy.maxHeadAgeDays, now)) return "peer-head-stale";
  // The lane renews the certificate, which needs the backend.
  return instance.isUsable(now) ? undefined : "no-session";
}

/** The message as core takes it. */
export function outgoingMessage(message: MessageToSeal, known: KnownPeer, acknowledged: readonly MessageId[] = []): OutgoingMessage {
  return { ...message, acknowledged, recipientHead: known.log.head };
}

/** Seals in the given session and stages its next state; the caller stores the envelope in the same transaction. */
export function sealInto(
  context: AgentContext,
  tx: Transaction,
  live: LiveSession,
  known: KnownPeer,
  message: MessageToSeal,
  signing: MessageSigning,
): ReadyEnvelope {
  const { crypto, instance, sessions, clock } = context;
  const peer = live.session.peerAgentId;
  const acknowledged = tx.acks.pending(peer, MAX_ACKNOWLEDGED) as readonly Uint8Array[] as readonly MessageId[];
  const sealed = sealMessage(live.session, outgoingMessage(message, known, acknowledged), instance, signing, crypto);
  if (acknowledged.length > 0) tx.acks.taken(peer, acknowledged);
  sessions.stage({ ...live, session: sealed.next, lastUsedAt: clock.now() }, sealed);
  return {
    sessionId: live.session.id,
    chain: sealed.ratchetKey,
    counter: sealed.counter,
    envelopeId: sealed.envelopeId,
    envelope: sealed.envelope,
  };
}
