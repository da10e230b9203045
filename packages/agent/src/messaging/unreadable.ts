/**
 * A message that cannot be opened is answered, so that its sender sends it again in a new session: once each time it is sent, so many an hour
 * for one depositor, and never to a peer that is blocked. Only notes that there is an answer to give; the announcer signs and sends it.
 */
import {
  DAY_MILLISECONDS,
  decodeEnvelope,
  decodeHandshakeHeader,
  equalBytes,
  type AgentId,
  type ErrorCode,
  type MailboxItem,
  type NoticeReason,
} from "@talos/core";
import type { AgentContext } from "../context.ts";
import type { ReadTransaction, Transaction } from "../vault/index.ts";

/** Whoever leaves garbage gets no more answers than this; an honest sender needs one, for it sends everything of a session again. */
const ANSWERS_AN_HOUR = 10;
const HOUR_MILLISECONDS = 3_600_000;
/** The first answer was lost: senders repeat after a month. */
const ANSWER_AGAIN_MILLISECONDS: number = 7 * DAY_MILLISECONDS;

/** What an honest sender can mend by a new session. */
const ANSWERED: Partial<Record<ErrorCode, NoticeReason>> = {
  SESSION_NOT_FOUND: "session-unknown",
  // Its session is gone; a handshake is good for one only.
  REPLAYED: "session-unknown",
  PREKEY_NOT_FOUND: "prekey-gone",
  PREKEY_REUSED: "prekey-gone",
  HANDSHAKE_REFUSED: "prekey-gone",
  DECRYPTION_FAILED: "unspecified",
  TOO_MANY_SKIPPED: "unspecified",
  // Mail from before a rotation that lay too long: the thief who has the old key gets an answer that does not help him.
  CERTIFICATE_RETIRED: "unspecified",
  CERTIFICATE_VOID: "unspecified",
  // What it took to open it could not be found out in time.
  DIRECTORY_BUSY: "unspecified",
  DIRECTORY_INTERNAL: "unspecified",
  DIRECTORY_UNREACHABLE: "unspecified",
  RATE_LIMITED: "unspecified",
};

/** What a person may decide otherwise. */
const REFUSED: readonly ErrorCode[] = ["PEER_FORKED", "PEER_UNVERIFIED"];
/** What a person decides otherwise by adding the peer. */
const UNWANTED: readonly ErrorCode[] = ["PEER_LOG_TOO_LONG"];

/** Agent ids cost nothing: what strangers can make an agent owe has an end. */
const MAX_OWED = 1_000;

/** In the transaction that keeps the item. @returns true if there is an answer to send now */
export function answerUnreadable(context: AgentContext, tx: Transaction, item: MailboxItem, code: ErrorCode, mailbox: string): boolean {
  const reason = item.kind === "message" ? ANSWERED[code] : undefined;
  if (reason === undefined) return false;
  const now = context.clock.now();
  const before = tx.kept.get(item.envelopeId);
  // A mailbox hands the same out again and again; what its sender has left once more is answered once more.
  if (before !== undefined && now - before.receivedAt < ANSWER_AGAIN_MILLISECONDS) return false;
  const peer = senderOf(context, tx, item);
  if (peer === undefined || equalBytes(peer, context.log.agentId) || tx.peers.get(peer)?.trust === "blocked") return false;
  if (tx.kept.countOf(item.depositor, now - HOUR_MILLISECONDS) >= ANSWERS_AN_HOUR || tx.notices.count() >= MAX_OWED) return false;
  const { envelopeId } = item;
  tx.notices.add({ peer, foundAt: mailbox, about: envelopeId, reason, createdAt: now });
  return true;
}

/**
 * What was refused for want of a decision about its sender, now that the decision is made: it comes again, in a new session. In the
 * transaction of the decision.
 */
export function answerRefused(context: AgentContext, tx: Transaction, peer: AgentId): void {
  answerKept(context, tx, peer, REFUSED);
}

/** The same for what came from an agent with whom nobody here wanted to have to do until now. */
export function answerUnwanted(context: AgentContext, tx: Transaction, peer: AgentId): void {
  answerKept(context, tx, peer, UNWANTED);
}

function answerKept(context: AgentContext, tx: Transaction, peer: AgentId, codes: readonly ErrorCode[]): void {
  const { clock, home } = context;
  const known = context.peers.get(tx, peer);
  if (home === undefined || known === undefined) return;
  for (const { envelopeId } of codes.flatMap((code) => tx.kept.ofDepositor(peer, code, ANSWERS_AN_HOUR))) {
    tx.notices.add({ peer, foundAt: home, about: envelopeId, reason: "unspecified", createdAt: clock.now() });
  }
}

/** The session's peer, else who began it, else who left it there. Not proved: whoever did not send it can do nothing with the answer. */
function senderOf({ sessions }: AgentContext, tx: ReadTransaction, { item, depositor }: MailboxItem): AgentId | undefined {
  try {
    const envelope = decodeEnvelope(item);
    if (envelope.type === "first") return decodeHandshakeHeader(envelope.handshakeHeader).initiator;
    return sessions.byId(tx, envelope.sessionId)?.session.peerAgentId ?? depositor;
  } catch {
    return depositor;
  }
}
