/**
 * Takes identity events that follow the log here, and a recovery event that outranks what stands here; keeps what contends as
 * evidence. Events certify themselves, so anybody may bring them. Source: docs/protocol/directory.md, docs/protocol/identity.md.
 */
import {
  chainWith,
  decodeEvent,
  endsSessions,
  equalBytes,
  isTalosError,
  verifyLog,
  type AgentId,
  type IdentityEvent,
  type IdentityLog,
  type LogHead,
  type LogVerdict,
} from "@talos/core";
import type { DirectoryContext } from "../context.ts";
import { refuse } from "../refusal.ts";
import type { AcceptedEvents, EventRecord } from "../storage/contract/index.ts";
import { requireRoom, type GrowingEvent } from "./growth-limit.ts";
import { findKnownLog } from "./known-log.ts";

/**
 * Publishes events, in order, and returns the head that then stands. Events that are here already change nothing, whatever
 * valid signatures they carry this time.
 *
 * @throws TalosError IDENTITY_MOVED, with the head here, for a contender of an event that stands, and for what follows an event
 *   that is not here; AGENT_REVOKED for what follows a revocation; AGENT_UNKNOWN for a log that does not start with its
 *   inception; RATE_LIMITED where the log would grow by more than it may in a day; MALFORMED, SIGNATURE_INVALID and others of core
 */
export async function publishEvents(context: DirectoryContext, agentId: AgentId, events: readonly Uint8Array[]): Promise<LogHead> {
  // Another request may have moved the head between our look and our write: then what it brought is judged again.
  for (;;) {
    const known = await findKnownLog(context, agentId);
    await requireRoomForMore(context, agentId, known, events);
    const verdict = judge(context, agentId, known, events);
    if (verdict.kind === "unchanged") return verdict.log.head;
    if (verdict.kind === "forked" || verdict.kind === "refused") {
      await context.store.keepContender(agentId, recordOf(context, verdict.contender), context.now());
      throw refuse("IDENTITY_MOVED", { head: verdict.log.head });
    }
    const added = verdict.kind === "accepted" ? verdict.log.states : verdict.log.states.slice(-verdict.added.length);
    if (verdict.kind === "replaced") await requireRoom(context, agentId, known, verdict.log.states.length - added.length, added);
    const accepted = acceptedBy(verdict.log, added.length);
    if ((await context.store.acceptEvents(agentId, known?.head, accepted, context.now())) === "moved") continue;
    context.logs.put(verdict.log);
    // Who waits for its mailbox under a certificate that went with the old branch learns it at once.
    context.waiters.wake(agentId);
    return verdict.log.head;
  }
}

/** Before their signatures are verified, of events that say they follow the head; others are judged first, and may only contend. */
async function requireRoomForMore(
  context: DirectoryContext,
  agentId: AgentId,
  known: IdentityLog | undefined,
  wires: readonly Uint8Array[],
): Promise<void> {
  const head = known?.head ?? { seq: -1 };
  const decoded = wires.map((wire) => decodeEvent(wire, context.crypto).event);
  const later = decoded.filter((event) => seqOf(event) > head.seq);
  const [first] = later;
  const follows = first?.kind === "inception" ? known === undefined : known && first && equalBytes(first.previous, known.head.hash);
  if (follows === true) await requireRoom(context, agentId, known, head.seq + 1, later.map(authorityOf));
}

function judge(context: DirectoryContext, agentId: AgentId, known: IdentityLog | undefined, events: readonly Uint8Array[]): LogVerdict {
  try {
    return verifyLog(known, chainWith(known, events, context.crypto), context.now(), context.crypto, agentId);
  } catch (error) {
    const reason = isTalosError(error, "LOG_INVALID") ? error.details["reason"] : undefined;
    if (known === undefined) throw reason === "gap" ? refuse("AGENT_UNKNOWN") : error;
    if (reason === "gap" || reason === "another-predecessor") throw refuse("IDENTITY_MOVED", { head: known.head });
    if (reason === "after-revocation" && known.revoked !== undefined) throw refuse("AGENT_REVOKED", { head: known.head });
    throw error;
  }
}

/** Of a log whose last `count` events are new here. */
function acceptedBy({ events, states, revoked }: IdentityLog, count: number): AcceptedEvents {
  const records = states.map(({ head: { seq, hash } }, index): EventRecord => ({ seq, hash, wire: events[index] as Uint8Array }));
  return {
    events: records.slice(-count),
    voidBelow: Math.max(0, states.findLastIndex(endsSessions)),
    revoked: revoked !== undefined,
  };
}

function recordOf({ crypto }: DirectoryContext, wire: Uint8Array): EventRecord {
  const { event, hash } = decodeEvent(wire, crypto);
  return { seq: seqOf(event), hash, wire };
}

function seqOf(event: IdentityEvent): number {
  return event.kind === "inception" ? 0 : event.seq;
}

function authorityOf(event: IdentityEvent): GrowingEvent {
  return event.kind === "inception" ? {} : { authority: event.authority };
}
