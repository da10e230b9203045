/**
 * The identity log of an agent as this directory holds it: what is answered of it, and the log itself. Every event was verified before it was
 * stored, so that no signature is verified again: who asks for a long log must not make the server work for it.
 */
import {
  logFromOwnStore,
  sameHead,
  standingOf,
  talosError,
  type AgentId,
  type AgentQuery,
  type IdentityLog,
  type LogHead,
} from "@talos/core";
import type { DirectoryContext } from "../context.ts";
import { refuse } from "../refusal.ts";
import type { AgentRecord } from "../storage/contract/index.ts";

/**
 * The events after the one that the asker has; all of them where it has none, or another one than stands here.
 *
 * @throws TalosError AGENT_UNKNOWN
 */
export async function readAfter({ store }: DirectoryContext, agentId: AgentId, { after, head }: AgentQuery): Promise<AgentRecord> {
  const agent = await store.readAgent(agentId, after === undefined || head === undefined ? after : after - 1);
  if (agent === undefined) throw refuse("AGENT_UNKNOWN");
  if (after === undefined || head === undefined) return agent;
  const [asked, ...later] = agent.events;
  if (asked !== undefined && sameHead(asked, { seq: after, hash: head })) return { ...agent, events: later };
  return (await store.readAgent(agentId)) ?? agent;
}

/** @throws TalosError AGENT_UNKNOWN */
export async function readKnownLog(context: DirectoryContext, agentId: AgentId): Promise<IdentityLog> {
  const log = await findKnownLog(context, agentId);
  if (log === undefined) throw refuse("AGENT_UNKNOWN");
  return log;
}

export async function findKnownLog(context: DirectoryContext, agentId: AgentId): Promise<IdentityLog | undefined> {
  const cached = context.logs.get(agentId);
  const latest = await context.store.readAgent(agentId, cached?.head.seq);
  if (latest === undefined || (cached !== undefined && sameHead(cached.head, latest.head))) return latest && cached;
  // Without a cached log this was all of it; else another process has changed it.
  const agent = cached === undefined ? latest : await context.store.readAgent(agentId);
  if (agent === undefined) return undefined;
  const log = logFromOwnStore(
    agentId,
    agent.events.map(({ wire }) => wire),
    context.crypto,
  );
  if (!sameHead(log.head, agent.head)) throw talosError("STORAGE_FAILED", "The directory's database holds a log without its end.");
  context.logs.put(log);
  return log;
}

/** Whether nothing made at that head counts any more, for a new use or an old one. A head that the log has. */
export function isVoid(log: IdentityLog, head: LogHead): boolean {
  // Only migrations depend on time, and they make nothing void.
  return standingOf(log, head, { seenAt: () => 0, now: 0 }) === "void";
}
