/**
 * A peer that is heard for the first time in a session, under a certificate above all that it spoke under in an older one, may have lost the
 * older one with all that it had: it was restored from a backup, or an older copy of it has taken over. The older session sends no more, and
 * what was not acknowledged in it goes out again under the same message ids. Opens nothing and seals nothing.
 */
import { decodeCertificate, toHex, type AgentId, type GenerationPair } from "@talos/core";
import type { AgentContext } from "../context.ts";
import type { OutboxRow, ReadTransaction, Transaction } from "../vault/index.ts";
import { sendAgain } from "./ending-sessions.ts";
import type { KnownPeer } from "./known-peer.ts";
import type { LiveSession } from "./live-sessions.ts";
import { nameOf } from "./peer-book.ts";
import { resendAt } from "./peer-standing.ts";
import { isContent } from "./sender.ts";

/** Rows of one peer, all of them. */
const ALL_ROWS = Number.MAX_SAFE_INTEGER;

/**
 * In the transaction that takes the frame over, after what it acknowledges.
 *
 * @param heardIn id of the session of that frame
 * @param heard what it was signed under
 * @returns true if the session that was sent by is one of the older ones
 */
export function giveUpOutranked(
  context: AgentContext,
  tx: Transaction,
  known: KnownPeer,
  heardIn: Uint8Array,
  heard: GenerationPair,
): boolean {
  const { sessions, peers, clock } = context;
  const id = known.peer.agentId;
  const current = toHex(heardIn);
  const older = tx.sessions.listFor(id).filter(({ sessionId }) => toHex(sessionId) !== current);
  const outranked = older.flatMap(({ sessionId }) => {
    const live = sessions.byId(tx, sessionId);
    return live !== undefined && isBelow(rankIn(tx, live), heard) ? [live] : [];
  });
  if (outranked.length === 0) return false;
  const now = clock.now();
  const sending = outranked.find((live) => live.sending);
  if (sending !== undefined) sessions.stopSending(sending);
  const kept = new Set([current, ...older.map(({ sessionId }) => toHex(sessionId))]);
  for (const { session } of outranked) kept.delete(toHex(session.id));
  const rows = sealedOutside(tx, id, kept);
  const messages = rows.filter(isContent);
  if (messages.length > 0) {
    const { at, sessionReplacedAt } = resendAt(known, now, !messages.some(({ resent }) => resent));
    sendAgain(tx, rows, at);
    peers.update(tx, id, { sessionReplacedAt });
    const details = { peer: known.peer.did, reason: "newer-instance", messages: messages.length };
    tx.audit.append({ kind: "session-replaced", at: now, details });
  }
  if (messages.length > 0 || sending !== undefined) {
    const payload = { ...nameOf(known.peer), seq: heard.logSeq, generation: heard.generation, resent: messages.length };
    peers.tell({ name: "peerSessionsReplaced", payload });
  }
  return sending !== undefined;
}

/** What left, or is about to, in other sessions than these: also in such as are gone. */
function sealedOutside(tx: ReadTransaction, peer: AgentId, kept: ReadonlySet<string>): OutboxRow[] {
  return (["ready", "deposited"] as const)
    .flatMap((state) => tx.outbox.list({ peer, state, limit: ALL_ROWS }))
    .filter(({ sessionId }) => sessionId !== undefined && !kept.has(toHex(sessionId)));
}

/** The highest under which the peer has spoken there; where it never has, that of which was known when the session was begun. */
function rankIn(tx: ReadTransaction, { session, createdAt }: LiveSession): GenerationPair | undefined {
  const heard = session.generations.at(-1);
  if (heard !== undefined) return heard;
  return tx.peers
    .certificates(session.peerAgentId)
    .filter(({ seenAt }) => seenAt <= createdAt)
    .map(({ wire }) => decodeCertificate(wire))
    .map(({ head, generation }) => ({ logSeq: head.seq, generation }))
    .reduce<GenerationPair | undefined>((highest, one) => (isBelow(highest, one) ? one : highest), undefined);
}

function isBelow(one: GenerationPair | undefined, other: GenerationPair): boolean {
  return one === undefined || one.logSeq < other.logSeq || (one.logSeq === other.logSeq && one.generation < other.generation);
}
