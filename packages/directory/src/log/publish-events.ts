/**
 * Takes identity events that extend the log here, and only those. Events certify themselves, so anybody may bring them.
 * Source: docs/protocol/directory.md, docs/protocol/identity.md.
 */
import {
  decodeEvent,
  equalBytes,
  talosError,
  verifyLog,
  type AgentId,
  type IdentityEvent,
  type IdentityLog,
  type LogHead,
} from "@talos/core";
import type { DirectoryContext } from "../context.ts";
import { refuse } from "../refusal.ts";
import type { AgentRecord, EventRecord } from "../storage/contract/index.ts";
import { asLog } from "./known-log.ts";

/**
 * Publishes events, in order, and returns the head that then stands. Events that are here already change nothing, whatever
 * valid signatures they carry this time.
 *
 * @throws TalosError IDENTITY_MOVED for another successor of an event that has one here, or one that does not follow the
 *   head; AGENT_UNKNOWN for a log that does not start with its inception; MALFORMED, SIGNATURE_INVALID and others of core
 */
export async function publishEvents(context: DirectoryContext, agentId: AgentId, events: readonly Uint8Array[]): Promise<LogHead> {
  // Another request may have moved the head between our look and our append: then what it brought is judged again.
  for (;;) {
    const standing = await context.store.readAgent(agentId);
    const fresh = standing === undefined ? checkFirst(context, events) : checkFollowing(context, standing, events);
    if (standing !== undefined && fresh.length === 0) return standing.head;
    const log = extend(context, agentId, standing, fresh);
    const added = recordsOf(log).slice(standing === undefined ? 0 : standing.head.seq + 1);
    if ((await context.store.appendEvents(agentId, standing?.head, added)) === "appended") return log.head;
  }
}

function checkFirst(context: DirectoryContext, events: readonly Uint8Array[]): readonly Uint8Array[] {
  const first = events[0];
  if (first === undefined) throw talosError("MALFORMED", "There is no event in the request.");
  if (seqOf(decodeEvent(first, context.crypto).event) !== 0) throw refuse("AGENT_UNKNOWN");
  return events;
}

/** The events that the log here does not have yet. */
function checkFollowing(
  context: DirectoryContext,
  { head, events: known }: AgentRecord,
  events: readonly Uint8Array[],
): readonly Uint8Array[] {
  const fresh: Uint8Array[] = [];
  for (const wire of events) {
    const { event, hash } = decodeEvent(wire, context.crypto);
    const standing = known[seqOf(event)];
    if (standing !== undefined) {
      if (equalBytes(standing.hash, hash)) continue;
      if (event.kind === "inception") throw talosError("LOG_INVALID", undefined, { details: { reason: "other-agent" } });
      throw refuse("IDENTITY_MOVED", { head });
    }
    const follows = event.kind !== "inception" && event.seq === head.seq + 1 && equalBytes(event.previous, head.hash);
    if (fresh.length === 0 && !follows) throw refuse("IDENTITY_MOVED", { head });
    fresh.push(wire);
  }
  return fresh;
}

function extend(context: DirectoryContext, agentId: AgentId, standing: AgentRecord | undefined, fresh: readonly Uint8Array[]): IdentityLog {
  const known = standing && asLog(context, agentId, standing);
  return verifyLog(known, [...(known?.events ?? []), ...fresh], context.now(), context.crypto, agentId).log;
}

function recordsOf({ events, states }: IdentityLog): readonly EventRecord[] {
  return states.map(({ head: { seq, hash } }, index) => ({ seq, hash, wire: events[index] as Uint8Array }));
}

function seqOf(event: IdentityEvent): number {
  return event.kind === "inception" ? 0 : event.seq;
}
