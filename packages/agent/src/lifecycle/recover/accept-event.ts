/**
 * An agent that was recovered by an event of its recovery key has that event accepted by whoever decides before anybody else hears of it. Two
 * machines may have made one each for the same place: a directory takes one, and whoever had heard of the other would be lost for good. That has
 * to be the same directory for both, also where one of them is to live at a new one.
 */
import { isTalosError, talosError } from "@talos/core";
import type { AgentContext } from "../../context.ts";
import { publishOwnLog, type LogAbroad, type Requesting } from "../identity-plan/own-log-abroad.ts";
import { requireUnmovedAbroad } from "../own-copies.ts";
import { relationOf } from "./branches.ts";
import { ANSWER_MILLISECONDS, askPlaces, type Answer } from "./compare-log.ts";
import { heldRecovery } from "./held-recovery.ts";
import { limited } from "./limited-requests.ts";
import { keptPlaces, type Places } from "./places.ts";

/**
 * Of one that is held in the way `rotated`; for others there is nothing to do. The same bytes each time. First by the home that the agent had:
 * whoever else recovers it comes to that one first too. Once it has said yes that is decided, for its home from now on and for all others.
 *
 * @throws TalosError IDENTITY_MOVED where another event stands in its place, or above it; AGENT_REVOKED; DIRECTORY_NOT_CONFIGURED; of the home
 *   directory, and of the one before unless that is gone for good
 */
export async function haveEventAccepted(context: AgentContext): Promise<void> {
  const { vault, home } = context;
  if (vault.read(heldRecovery)?.way !== "rotated") return;
  if (home === undefined) throw talosError("DIRECTORY_NOT_CONFIGURED");
  const places = vault.read((tx) => keptPlaces(tx, home));
  const isDecided = places.named === home || (await isTakenByNamed(context, places));
  // Homes of earlier are those to whom another recovery comes as well, where the last one says nothing any more.
  if (!isDecided) await offerToFormer(context, places, true);
  requireAccepted(context, home, await publishOwnLog(context, home));
  if (isDecided) await offerToFormer(context, places, false);
}

/** @returns whether the home that the agent had has taken it; without its yes there is none, unless it is gone for good or has forgotten the agent */
async function isTakenByNamed(context: AgentContext, { named, isFormerGone }: Places): Promise<boolean> {
  if (named === undefined) return false;
  const [answer] = await ask(context, [named]);
  // One that has forgotten the agent is given the log as well. It need not take it.
  const isNeeded = !isFormerGone && (answer === undefined || !hasForgotten(answer));
  const abroad = await offered(patient(context), named, isNeeded);
  if (isNeeded || abroad?.kind === "moved") requireAccepted(context, named, abroad);
  return abroad?.kind === "same";
}

/** Those that have its log. @param isVerdict whether another event there decides; else they only hear of it */
async function offerToFormer(context: AgentContext, { home, former }: Places, isVerdict: boolean): Promise<void> {
  const answers = await ask(
    context,
    former.filter((url) => url !== home),
  );
  for (const answer of answers.filter((one) => isFollower(context, one))) {
    const abroad = await offered(patient(context), answer.url, false);
    if (isVerdict && abroad?.kind === "moved") requireAccepted(context, answer.url, abroad);
  }
}

async function ask(context: AgentContext, urls: readonly string[]): Promise<readonly Answer[]> {
  const places = { home: undefined, named: undefined, former: urls, peers: [], isFormerGone: false };
  return await askPlaces(context, context.log.agentId, places);
}

function patient({ log, clock, crypto, unsigned }: AgentContext): Requesting {
  return { log, clock, crypto, unsigned: limited({ clock, unsigned }, ANSWER_MILLISECONDS) };
}

/** @returns undefined where it may fail, and does */
async function offered(requesting: Requesting, url: string, isNeeded: boolean): Promise<LogAbroad | undefined> {
  try {
    return await publishOwnLog(requesting, url);
  } catch (error) {
    if (isNeeded || !isTalosError(error)) throw error;
    return undefined;
  }
}

function requireAccepted(context: AgentContext, url: string, abroad: LogAbroad | undefined): void {
  if (abroad !== undefined) requireUnmovedAbroad(context, abroad);
  if (abroad?.kind === "same") return;
  throw talosError("DIRECTORY_MISBEHAVED", undefined, { details: { directory: url, reason: "another head" } });
}

/** It has the log, and no branch of it about which the event decides nothing. */
function isFollower({ log, crypto }: AgentContext, { log: abroad }: Answer): boolean {
  return abroad !== undefined && relationOf(log, abroad, crypto) !== "beside";
}

function hasForgotten({ log, error }: Answer): boolean {
  return log === undefined && error === undefined;
}
