/** The identity log of an agent as this directory holds it, verified anew: a store's word is not enough to sign under. */
import { verifyLog, type AgentId, type IdentityLog } from "@talos/core";
import type { DirectoryContext } from "../context.ts";
import { refuse } from "../refusal.ts";
import type { AgentRecord } from "../storage/contract/index.ts";

/** @throws TalosError AGENT_UNKNOWN */
export async function readAgent(context: DirectoryContext, agentId: AgentId, after?: number): Promise<AgentRecord> {
  const agent = await context.store.readAgent(agentId, after);
  if (agent === undefined) throw refuse("AGENT_UNKNOWN");
  return agent;
}

/** @throws TalosError AGENT_UNKNOWN */
export async function readKnownLog(context: DirectoryContext, agentId: AgentId): Promise<IdentityLog> {
  return asLog(context, agentId, await readAgent(context, agentId));
}

/** Of an agent that was read with all of its events. */
export function asLog(context: DirectoryContext, agentId: AgentId, { events }: AgentRecord): IdentityLog {
  const wires = events.map(({ wire }) => wire);
  return verifyLog(undefined, wires, context.now(), context.crypto, agentId).log;
}
