/**
 * A notice that a peer cannot open an envelope of this agent. It counts only where that very envelope stands unacknowledged in the outbox
 * and was sent to the notice's sender: then the session is given up and everything unacknowledged in it is sent once more, in another one,
 * under the same ids. Anything else about a notice changes nothing.
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
  type UnverifiedNotice,
} from "@talos/core";
import type { AgentContext } from "../context.ts";
import type { OutboxRow, ReadTransaction } from "../vault/index.ts";
import { replaceSession } from "./ending-sessions.ts";
import { memoryOf } from "./known-peer.ts";
import { directoriesOf, lookUpPeer } from "./peer-lookup.ts";
import { nextSessionAt } from "./peer-standing.ts";
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
  const { known, row } = vault.read((tx) => ({ known: peers.get(tx, heard.sender), row: outstanding(tx, heard) }));
  if (row === undefined || known === undefined || known.peer.trust === "blocked") return undefined;
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
    const row = outstanding(tx, heard);
    if (known === undefined || row === undefined) return undefined;
    const now = clock.now();
    const { certificate, reason } = verifyNotice(known.log, item, crypto);
    requireStanding(known.log, certificate, memoryOf(known, now), "new");
    const live = row.sessionId && sessions.byId(tx, row.sessionId);
    // Also where the peer has begun another one meanwhile: what goes out again is what the limit is about.
    const at = nextSessionAt(known, now);
    const messages = replaceSession(tx, sessions, live, row, at);
    peers.update(tx, heard.sender, { sessionReplacedAt: at });
    const details = { peer: known.peer.did, session: toHex(row.sessionId ?? new Uint8Array()), reason, messages };
    tx.audit.append({ kind: "session-replaced", at: now, details });
    return heard.sender;
  });
}

function outstanding(tx: ReadTransaction, { envelopeId, sender }: UnverifiedNotice): OutboxRow | undefined {
  const row = tx.outbox.byEnvelopeId(envelopeId);
  return row !== undefined && isContent(row) && row.sessionId !== undefined && equalBytes(row.peer, sender) ? row : undefined;
}
