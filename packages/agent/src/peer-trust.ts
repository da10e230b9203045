/**
 * What people decide about a peer: that it is who it says, that nothing is to do with it, which of two histories is its own, that it is
 * forgotten. One transaction each, on record. Finds nobody and sends nothing.
 */
import { nodeCrypto, pairFingerprint, readPairFingerprint, talosError, type AgentId } from "@talos/core";
import type { AgentContext } from "./context.ts";
import type { PeerDecision } from "./messaging/known-peer.ts";
import { answerRefused } from "./messaging/unreadable.ts";
import { isContent } from "./messaging/sender.ts";
import type { OutboxRow, Transaction } from "./vault/index.ts";

export interface ForgetPeerOptions {
  /** Throw away what has not been delivered yet. Default false: then PEER_HAS_MESSAGES says that there is some. */
  readonly discardMessages?: boolean;
}

/** The digits that this agent and that peer compare. */
export function fingerprintWith(own: AgentId, peer: AgentId): string {
  return pairFingerprint(own, peer, nodeCrypto);
}

/** @throws TalosError INVALID_ARGUMENT for what is not 60 digits; FINGERPRINT_MISMATCH; PEER_UNKNOWN, PEER_BLOCKED, PEER_REVOKED */
export function verifyPeer(context: AgentContext, peer: AgentId, digits: string): void {
  const typed = readPairFingerprint(digits);
  decide(context, peer, "verified", (tx) => {
    const known = context.peers.get(tx, peer);
    if (known?.peer.trust === "blocked") throw talosError("PEER_BLOCKED");
    if (known?.log.revoked !== undefined) throw talosError("PEER_REVOKED");
    if (typed !== fingerprintWith(context.log.agentId, peer)) throw talosError("FINGERPRINT_MISMATCH");
    answerRefused(context, tx, peer);
    return { trust: "verified", trustSince: context.clock.now() };
  });
}

/** Nothing is sent to it and nothing taken from it any more; what waits for it stays. @throws TalosError PEER_UNKNOWN */
export function blockPeer(context: AgentContext, peer: AgentId): void {
  decide(context, peer, "blocked", () => ({ trust: "blocked", trustSince: context.clock.now() }));
}

/** As if it had just been met: whatever was verified before is to be verified anew. @throws TalosError PEER_UNKNOWN */
export function unblockPeer(context: AgentContext, peer: AgentId): void {
  decide(context, peer, "unblocked", (tx) => {
    const isBlocked = tx.peers.get(peer)?.trust === "blocked";
    // What it was not told meanwhile.
    if (isBlocked) tx.notifications.retryAll(context.clock.now());
    return isBlocked ? { trust: "unverified", trustSince: context.clock.now() } : {};
  });
}

/**
 * Of histories that contend the one that was seen first is the peer's, now and against whatever else contends with the same events.
 *
 * @throws TalosError PEER_UNKNOWN; INVALID_ARGUMENT where nothing contends
 */
export function acceptPeerHistory(context: AgentContext, peer: AgentId): void {
  decide(context, peer, "history-accepted", (tx) => {
    const before = tx.peers.get(peer);
    if (before !== undefined && before.forkedAt === undefined) {
      throw talosError("INVALID_ARGUMENT", "No two histories of this peer contend.", { details: { argument: "peer" } });
    }
    for (const fork of tx.peerForks.undecided(peer)) tx.peerForks.decide(fork, context.clock.now());
    answerRefused(context, tx, peer);
    return { forkedAt: undefined };
  });
}

/**
 * Sessions, log, trust and what is not delivered are gone; evidence against it stays, and so does what it sent. If it comes again, it
 * is met for the first time.
 *
 * @returns the messages that were thrown away
 * @throws TalosError PEER_UNKNOWN, PEER_HAS_MESSAGES, UNKNOWN_OPTION, INVALID_ARGUMENT
 */
export function forgetPeer(context: AgentContext, peer: AgentId, options: ForgetPeerOptions): readonly OutboxRow[] {
  const { discardMessages = false, ...others } = options;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw talosError("UNKNOWN_OPTION", undefined, { details: { option: unknown } });
  if (typeof discardMessages !== "boolean") throw talosError("INVALID_ARGUMENT", undefined, { details: { option: "discardMessages" } });
  const { commits, peers, sessions, clock } = context;
  return commits.now((tx) => {
    if (peers.get(tx, peer) === undefined) throw talosError("PEER_UNKNOWN");
    const now = clock.now();
    const rows = undelivered(tx, peer);
    const messages = rows.filter(isContent);
    if (messages.length > 0 && !discardMessages)
      throw talosError("PEER_HAS_MESSAGES", undefined, { details: { messages: messages.length } });
    record(context, tx, peer, "forgotten", { discarded: messages.length });
    sessions.end(tx, peer);
    for (const row of rows) {
      if (isContent(row)) tx.outbox.expire(row.order, now);
      else tx.outbox.remove(row.order);
    }
    tx.notices.forget(peer);
    tx.notifications.forget(peer);
    peers.forget(tx, peer);
    return messages;
  });
}

function undelivered(tx: Transaction, peer: AgentId): OutboxRow[] {
  return (["accepted", "waiting", "ready", "deposited"] as const).flatMap((state) =>
    tx.outbox.list({ peer, state, limit: Number.MAX_SAFE_INTEGER }),
  );
}

function decide(context: AgentContext, peer: AgentId, decision: string, values: (tx: Transaction) => PeerDecision): void {
  context.commits.now((tx) => {
    context.peers.update(tx, peer, values(tx));
    record(context, tx, peer, decision);
  });
}

function record(
  context: AgentContext,
  tx: Transaction,
  peer: AgentId,
  decision: string,
  more: Readonly<Record<string, number>> = {},
): void {
  const did = context.peers.get(tx, peer)?.peer.did ?? "";
  tx.audit.append({ kind: "peer-event", at: context.clock.now(), details: { peer: did, decision, ...more } });
}
