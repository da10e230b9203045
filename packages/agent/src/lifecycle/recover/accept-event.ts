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
 * Of one that is held in the way `rotated`; for others there is nothing to do. The same bytes each time. First by the home that the agent had,
 * then by those before that have its log, and by the one where it is to live last: whoever else recovers it comes to the first of these too.
 *
 * @throws TalosError IDENTITY_MOVED where another event stands in its place, or above it; AGENT_REVOKED; DIRECTORY_NOT_CONFIGURED; of the home
 *   directory, and of the one before unless that is gone for good
 */
export async function haveEventAccepted(context: AgentContext): Promise<void> {
  const { vault, home } = context;
  if (vault.read(heldRecovery)?.way !== "rotated") return;
  if (home === undefined) throw talosError("DIRECTORY_NOT_CONFIGURED");
  await offerToFormer(
    context,
    vault.read((tx) => keptPlaces(tx, home)),
  );
  requireAccepted(context, home, await publishOwnLog(context, home));
}

async function offerToFormer(context: AgentContext, { home, named, former, isFormerGone }: Places): Promise<void> {
  const { log, clock, crypto, unsigned } = context;
  const before = { home: undefined, named: named === home ? undefined : named, former, peers: [], isFormerGone };
  const patient = { log, clock, crypto, unsigned: limited({ clock, unsigned }, ANSWER_MILLISECONDS) };
  for (const answer of await askPlaces(context, log.agentId, before)) {
    const isDecisive = answer.url === named;
    if (!isDecisive && !isFollower(context, answer)) continue;
    // One that has forgotten the agent is given the log as well: there may be nobody else to decide. It need not take it.
    const isNeeded = isDecisive && !isFormerGone && !hasForgotten(answer);
    const abroad = await offered(patient, answer.url, isNeeded);
    if (isNeeded || abroad?.kind === "moved") requireAccepted(context, answer.url, abroad);
  }
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
