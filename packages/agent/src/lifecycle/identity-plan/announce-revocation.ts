/**
 * The word of a revocation, left for every peer while anybody still takes something from this agent: once a directory has accepted the event
 * it takes nothing more. So at the directory that is to accept it peers are told before, and everywhere else after it. The event proves itself,
 * and whoever made it wants the agent to end. Who is missed learns it from the log, at the latest when the agent's certificate is too old to
 * be sent under.
 */
import type { AgentId } from "@talos/core";
import type { AgentContext } from "../../context.ts";
import { mailboxesOf } from "../../messaging/peer-lookup.ts";
import { lookAbroad } from "./own-log-abroad.ts";
import type { IdentityPlan } from "./plan-record.ts";

const PATIENCE_MILLISECONDS = 10_000;
/** A connection that broke is no reason to be missed. */
const ATTEMPTS = 2;
const PAUSE_MILLISECONDS = 500;
/** Peers that are told at the same time. */
const AT_ONCE = 8;

/**
 * At the directory that is to accept the event, before it does. Once somebody has it, this agent cannot take it back: the plan says so first.
 *
 * @returns the peers that have it at one of their directories
 */
export async function announceBefore(context: AgentContext, plan: IdentityPlan): Promise<readonly AgentId[]> {
  const { home, commits, clock } = context;
  const peers = peersFor(context, plan, (url) => url === home);
  if (home === undefined || peers.length === 0) return [];
  const abroad = await lookAbroad(context, home, plan.event).catch(() => undefined);
  if (abroad === undefined || abroad.kind === "moved") return [];
  commits.evenSuperseded((tx) => tx.plans.advance(plan.id, "announced", clock.now()));
  return await announce(context, plan, peers);
}

/** At all others, which do not know of its end, once it is certain. @returns as `announceBefore` */
export async function announceAfter(context: AgentContext, plan: IdentityPlan): Promise<readonly AgentId[]> {
  return await announce(
    context,
    plan,
    peersFor(context, plan, (url) => url !== context.home),
  );
}

interface Addressee {
  readonly peer: AgentId;
  readonly urls: readonly string[];
}

function peersFor({ vault, peers, standing }: AgentContext, plan: IdentityPlan, isWanted: (url: string) => boolean): Addressee[] {
  if (!plan.notifyPeers || plan.offline || !standing.isActive) return [];
  const all = vault.read((tx) =>
    tx.peers
      .list()
      .filter(({ trust }) => trust !== "blocked")
      .map(({ agentId }) => ({ peer: agentId, urls: mailboxesOf(peers.get(tx, agentId), undefined).filter(isWanted) })),
  );
  return all.filter(({ urls }) => urls.length > 0);
}

async function announce(context: AgentContext, { event }: IdentityPlan, peers: readonly Addressee[]): Promise<readonly AgentId[]> {
  const waiting = [...peers];
  const told: AgentId[] = [];
  if (waiting.length === 0) return told;
  const isOver = new AbortController();
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined && !isOver.signal.aborted; next = waiting.shift()) {
      if (await leave(context, next, event, isOver.signal)) told.push(next.peer);
    }
  };
  const all = Promise.all(Array.from({ length: AT_ONCE }, work));
  await Promise.race([all, context.clock.sleep(PATIENCE_MILLISECONDS, isOver.signal)]);
  isOver.abort();
  return [...told];
}

async function leave(context: AgentContext, { peer, urls }: Addressee, event: Uint8Array, isOver: AbortSignal): Promise<boolean> {
  let isLeft = false;
  for (const url of urls) if (await leaveAt(context, url, { peer, event }, isOver)) isLeft = true;
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
