/**
 * A notice that a peer cannot open an envelope of this agent. It counts only where that very envelope stands unacknowledged in the outbox
 * and was sent to the notice's sender, or is the greeting to it: then the session is given up and everything unacknowledged in it is sent
 * once more, in another one, under the same ids. Anything else about a notice changes nothing.
 */
import {
  CLOCK_SLACK_MILLISECONDS,
  decodeNotice,
  DELIVERY_HORIZON_MILLISECONDS,
  equalBytes,
  isTalosError,
  requireStanding,
  toHex,
  verifyNotice,
  type AgentId,
  type MailboxItem,
  type NoticeReason,
  type UnverifiedNotice,
} from "@talos/core";
import type { AgentContext } from "../context.ts";
import type { ReadTransaction, Transaction } from "../vault/index.ts";
import { replaceSession } from "./ending-sessions.ts";
import { memoryOf, type KnownPeer } from "./known-peer.ts";
import type { LiveSession } from "./live-sessions.ts";
import { directoriesOf, lookUpPeer } from "./peer-lookup.ts";
import { resendAt } from "./peer-standing.ts";
import { isContent } from "./sender.ts";

/**
 * @returns the peer whose session was given up; undefined where the notice changes nothing
 * @throws TalosError as `decodeNotice`, `verifyNotice`, `requireStanding`; what a look-up of the sender throws; COMMIT_FAILED
 */
export async function takeNotice(context: AgentContext, { item }: MailboxItem): Promise<AgentId | undefined> {
  const { vault, peers, crypto, log, clock } = context;
  const heard = decodeNotice(item);
  if (!equalBytes(heard.recipient, log.agentId)) return undefined;
  // Its time lies in its certificate's, by its sender's word alone: by this clock too, or an instance key of long ago would serve for ever.
  const age = clock.now() - heard.time;
  if (age > DELIVERY_HORIZON_MILLISECONDS || age < -CLOCK_SLACK_MILLISECONDS) return undefined;
  const { known, lost } = vault.read((tx) => ({ known: peers.get(tx, heard.sender), lost: lostBy(tx, heard) }));
  if (lost === undefined || known === undefined || known.peer.trust === "blocked") return undefined;
  try {
    verifyNotice(known.log, item, crypto);
  } catch (error) {
    if (!isTalosError(error, "HEAD_UNKNOWN")) throw error;
    await lookUpPeer(context, heard.sender, directoriesOf(context, known, undefined));
  }
  return replace(context, item, heard);
}

/** Synchronous: by what is known and stands in the outbox at this moment. */
function replace(context: AgentContext, item: Uint8Array, heard: UnverifiedNotice): AgentId | undefined {
  const { commits, peers, sessions, crypto, clock } = context;
  return commits.now((tx) => {
    const known = peers.get(tx, heard.sender);
    const lost = lostBy(tx, heard);
    if (known === undefined || lost === undefined) return undefined;
    const now = clock.now();
    const { certificate, reason } = verifyNotice(known.log, item, crypto);
    requireStanding(known.log, certificate, memoryOf(known, now), "new");
    const { sessionId, isGreeting } = lost;
    const live = sessions.byId(tx, sessionId);
    if (isGreeting) tx.peers.greetAgain(heard.sender);
    // Another session has taken its place, and is good: nothing but the greeting is lost.
    if (isGreeting && live?.sending !== true) return greetAgain(tx, context, known, { sessionId, reason });
    const rows = tx.outbox.ofSession(sessionId);
    // Also where the peer has begun another one meanwhile: what goes out again is what the limit is about.
    const isFirst = live?.sending !== true && !rows.some(({ resent }) => resent);
    const { at, sessionReplacedAt } = resendAt(known, now, isFirst);
    replaceSession(tx, sessions, heard.sender, live, rows, at);
    const heir = live && begunSince(context, tx, live);
    if (heir !== undefined) sessions.stage({ ...heir, sending: true });
    peers.update(tx, heard.sender, { sessionReplacedAt });
    const details = { peer: known.peer.did, session: toHex(sessionId), reason, messages: rows.filter(isContent).length };
    tx.audit.append({ kind: "session-replaced", at: now, details });
    return heard.sender;
  });
}

/** As seldom as whatever else a notice sets off, and on record like that. */
function greetAgain(
  tx: Transaction,
  { peers, clock }: AgentContext,
  known: KnownPeer,
  { sessionId, reason }: { readonly sessionId: Uint8Array; readonly reason: NoticeReason },
): AgentId {
  const now = clock.now();
  const { agentId, did } = known.peer;
  peers.update(tx, agentId, { sessionReplacedAt: resendAt(known, now, false).sessionReplacedAt });
  tx.audit.append({ kind: "session-replaced", at: now, details: { peer: did, session: toHex(sessionId), reason, messages: 0 } });
  return agentId;
}

/** Where nothing was ever heard in the session that was sent by, but the peer has begun another one meanwhile, that one is good for both sides. */
function begunSince(
  { sessions }: AgentContext,
  tx: ReadTransaction,
  { session, sending, createdAt }: LiveSession,
): LiveSession | undefined {
  if (!sending || session.answered) return undefined;
  return tx.sessions
    .listFor(session.peerAgentId)
    .filter((one) => one.createdAt >= createdAt && !equalBytes(one.sessionId, session.id))
    .flatMap(({ sessionId }) => sessions.byId(tx, sessionId) ?? [])
    .find((one) => one.session.role === "responder");
}

/** What cannot be read, and its session. Undefined where the notice is about nothing that this agent waits for. */
interface Lost {
  readonly sessionId: Uint8Array;
  readonly isGreeting: boolean;
}

function lostBy(tx: ReadTransaction, { envelopeId, sender }: UnverifiedNotice): Lost | undefined {
  // Its row is gone.
  const greetedIn = tx.peers.greetedIn(sender, envelopeId);
  if (greetedIn !== undefined) return { sessionId: greetedIn, isGreeting: true };
  const row = tx.outbox.byEnvelopeId(envelopeId);
  const isOutstanding = row !== undefined && isContent(row) && row.sessionId !== undefined && equalBytes(row.peer, sender);
  return isOutstanding ? { sessionId: row.sessionId, isGreeting: false } : undefined;
}
