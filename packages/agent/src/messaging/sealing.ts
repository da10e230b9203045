/**
 * From outbox rows to envelopes, inside a transaction: the session is past them when the envelopes exist. Acknowledged ids
 * that the peer has not been told ride along. Knows neither network nor queue.
 */
import { sealMessage, wipeAll, type FrameType, type MessageId, type MessageSigning, type OutgoingMessage } from "@talos/core";
import type { AgentContext } from "../context.ts";
import type { ReadTransaction, ReadyEnvelope, Transaction, WaitingReason } from "../vault/index.ts";
import { isExhausted, type LiveSession } from "./live-sessions.ts";
import { isFresh, type KnownPeer } from "./known-peer.ts";
import { newSessionAt, trustObstacle } from "./peer-standing.ts";

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
  if (known === undefined) return "no-session";
  const isNew = live === undefined || isExhausted(live);
  const obstacle = trustObstacle(known, policy, isNew);
  if (obstacle !== undefined) return obstacle;
  if (isNew) return newSessionAt(known, now) > now ? "session-replaced" : "no-session";
  if (!isFresh(known, policy.maxHeadAgeDays, now)) return "peer-head-stale";
  // The lane renews the certificate, which needs the backend.
  return instance.isUsable(now) ? undefined : "no-session";
}

/**
 * When a message says that it was written: when it was accepted. Only where the certificate does not cover that, or the clock
 * has been set back since, it is the time of sealing, since the receiver would refuse the other.
 */
export function messageTime({ instance, clock }: AgentContext, acceptedAt: number): number {
  const now = clock.now();
  return instance.certificate.from <= acceptedAt && acceptedAt <= now ? acceptedAt : now;
}

/** The message as core takes it. */
export function outgoingMessage(message: MessageToSeal, known: KnownPeer, acknowledged: readonly MessageId[] = []): OutgoingMessage {
  return { ...message, acknowledged, recipientHead: known.log.head };
}

export interface SealedBatch {
  /** In the order of the messages; fewer when the session ends with one of them. */
  readonly envelopes: readonly ReadyEnvelope[];
  /** Stages the session past them, and notes what they tell the peer; the caller stores the envelopes in the same transaction. */
  stage(tx: Transaction): void;
}

/**
 * Seals one message after the other. Reads, but changes nothing yet: what it throws leaves no trace in the transaction.
 *
 * @throws TalosError as `sealMessage`
 */
export function sealBatch(
  context: AgentContext,
  tx: ReadTransaction,
  live: LiveSession,
  known: KnownPeer,
  messages: readonly { readonly message: MessageToSeal; readonly signing: MessageSigning }[],
): SealedBatch {
  const { crypto, instance, sessions, clock, peers } = context;
  const peer = live.session.peerAgentId;
  const untold = tx.acks.pending(peer, MAX_ACKNOWLEDGED * messages.length) as readonly Uint8Array[] as readonly MessageId[];
  const envelopes: ReadyEnvelope[] = [];
  const used: Disposable[] = [];
  const fresh: Disposable[] = [];
  let { session } = live;
  let told = 0;
  try {
    for (const { message, signing } of messages) {
      if (isExhausted({ ...live, session })) break;
      const acknowledged = untold.slice(told, told + MAX_ACKNOWLEDGED);
      const sealed = sealMessage(session, outgoingMessage(message, known, acknowledged), instance, signing, crypto);
      const { id: sessionId } = session;
      ({ next: session } = sealed);
      told += acknowledged.length;
      used.push(...sealed.used);
      fresh.push(...sealed.fresh);
      const { ratchetKey: chain, counter, envelopeId, envelope } = sealed;
      envelopes.push({ sessionId, chain, counter, envelopeId, envelope });
    }
  } catch (error) {
    wipeAll(fresh);
    throw error;
  }
  return {
    envelopes,
    stage: (writing) => {
      writing.acks.taken(peer, untold.slice(0, told));
      // Every frame names the newest event of the recipient that is known here.
      const { seq } = known.log.head;
      if (envelopes.length > 0 && (known.peer.toldSeq ?? 0) < seq) peers.update(writing, peer, { toldSeq: seq });
      const [first] = envelopes;
      const hasContent = messages.slice(0, envelopes.length).some(({ message }) => message.type === "content");
      // Not by what an agent says by itself: whoever writes in has not been answered by that.
      if (known.peer.correspondedAt === undefined && (hasContent || told > 0)) {
        peers.update(writing, peer, { correspondedAt: clock.now() });
      }
      if (first !== undefined) writing.peers.greeted(peer, hasContent ? undefined : first);
      sessions.stage({ ...live, session, lastUsedAt: clock.now(), turnBy: undefined }, { used, fresh });
    },
  };
}
