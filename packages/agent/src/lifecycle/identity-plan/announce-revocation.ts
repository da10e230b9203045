/**
 * The word of a revocation, left for every peer while anybody still takes something from this agent: once a directory has accepted the event
 * it takes nothing more. The event proves itself, and whoever made it wants the agent to end. One attempt; who is missed learns it from the
 * log, at the latest when the agent's certificate is too old to be sent under.
 */
import type { AgentId } from "@talos/core";
import type { AgentContext } from "../../context.ts";
import { mailboxesOf } from "../../messaging/peer-lookup.ts";
import type { IdentityPlan } from "./plan-record.ts";

const PATIENCE_MILLISECONDS = 10_000;
/** A connection that broke is no reason to be missed. */
const ATTEMPTS = 2;
const PAUSE_MILLISECONDS = 500;
/** Peers that are told at the same time. */
const AT_ONCE = 8;

/** @returns the peers that have it at one of their directories */
export async function announceRevocation(context: AgentContext, plan: IdentityPlan): Promise<readonly AgentId[]> {
  const { vault, standing, clock } = context;
  if (!plan.notifyPeers || plan.offline || !standing.isActive) return [];
  const told: AgentId[] = [];
  const waiting = vault.read((tx) => tx.peers.list().filter(({ trust }) => trust !== "blocked"));
  const isOver = new AbortController();
  const work = async (): Promise<void> => {
    for (let peer = waiting.shift(); peer !== undefined && !isOver.signal.aborted; peer = waiting.shift()) {
      if (await leave(context, peer.agentId, plan.event, isOver.signal)) told.push(peer.agentId);
    }
  };
  const all = Promise.all(Array.from({ length: AT_ONCE }, work));
  await Promise.race([all, clock.sleep(PATIENCE_MILLISECONDS, isOver.signal)]);
  isOver.abort();
  return [...told];
}

async function leave(context: AgentContext, peer: AgentId, event: Uint8Array, isOver: AbortSignal): Promise<boolean> {
  const { vault, peers } = context;
  let isLeft = false;
  for (const url of mailboxesOf(
    vault.read((tx) => peers.get(tx, peer)),
    undefined,
  )) {
    if (await leaveAt(context, url, { peer, event }, isOver)) isLeft = true;
  }
  return isLeft;
}

async function leaveAt(
  { directories, clock }: AgentContext,
  url: string,
  { peer, event }: { readonly peer: AgentId; readonly event: Uint8Array },
  isOver: AbortSignal,
): Promise<boolean> {
  for (let attempt = 1; !isOver.aborted; attempt++) {
    try {
      await directories.call(url, async (directory) => directory.deposit(peer, "event", event));
      return true;
    } catch {
      // Nobody waits for it longer: the agent ends all the same.
      if (attempt === ATTEMPTS) return false;
      await clock.sleep(PAUSE_MILLISECONDS, isOver);
    }
  }
  return false;
}
