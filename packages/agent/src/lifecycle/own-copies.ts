/**
 * What is known of other copies of this agent before one of them becomes the living one: their certificates at the present head of the log,
 * and whether the log has moved on without this copy. Signs nothing and promises nothing.
 */
import { decodeCertificate, fromBase64Url, isTalosError, talosError, type IdentityLog, type TalosError } from "@talos/core";
import type { AgentContext } from "../context.ts";
import { movedError, movedIdentity, noteContenders, noteForeignEvents, requireUnmoved } from "./foreign-events.ts";
import { lookAbroad, type LogAbroad } from "./identity-plan/own-log-abroad.ts";
import { endsForGood, eventsOf } from "./recover/branches.ts";
import { compareLog, HELD_ANSWER_MILLISECONDS } from "./recover/compare-log.ts";
import { heldRecovery, leftBehind, requireNotFinal } from "./recover/held-recovery.ts";
import { keptPlaces } from "./recover/places.ts";
import { rankOf, supersededByCertificate } from "./supersession.ts";

export interface OwnCopy {
  readonly generation: number;
  /** When that was made, by the clock of its maker. */
  readonly from: number;
  /** Its certificate. */
  readonly wire: Uint8Array;
}

/** What a directory that does not answer knows is met later. Of a copy that is held it is needed first. */
const AWAY = ["DIRECTORY_UNREACHABLE", "AGENT_UNKNOWN"] as const;

/**
 * Of certificates of this agent at its present head: the one that superseded it, and what its directory has. For a copy that is held also what
 * all those have that may know of more than its backup.
 *
 * @throws TalosError IDENTITY_MOVED where there is an event that was not made here, of a copy that is held with the keys of its backup
 *   BACKUP_OUTDATED, or AGENT_REVOKED; of the directory, but for a copy that is not held not where it is away
 */
export async function lookForCopies(context: AgentContext): Promise<readonly OwnCopy[]> {
  const { vault, log, crypto, standing } = context;
  requireNothingBehind(context);
  const abroad = standing.isHeld ? await certificatesWhileHeld(context) : await certificatesAtHome(context);
  const stored = vault.read(supersededByCertificate);
  const known = [...(stored === undefined ? [] : [fromBase64Url(stored)]), ...abroad];
  return known.flatMap((wire) => {
    const rank = rankOf(log, wire, crypto);
    return rank?.seq === log.head.seq ? [{ generation: rank.generation, from: decodeCertificate(wire).from, wire }] : [];
  });
}

/** @throws TalosError as `lookForCopies`, by what is on record */
function requireNothingBehind(context: AgentContext): void {
  const { vault, standing } = context;
  if (!standing.isHeld) return requireUnmoved(context);
  const moved = vault.read(movedIdentity);
  const held = vault.read(heldRecovery);
  if (moved === undefined) return requireNotFinal(held);
  throw held?.reason === "AGENT_REVOKED" ? talosError("AGENT_REVOKED") : leftBehind(held, moved, held?.eventsBehind ?? 1);
}

async function certificatesAtHome(context: AgentContext): Promise<readonly Uint8Array[]> {
  const { home, log } = context;
  if (home === undefined) return [];
  try {
    requireUnmovedAbroad(context, await lookAbroad(context, home));
    const { certificate } = await context.unsigned(home, (directory) => directory.resolve(log.agentId));
    return certificate === undefined ? [] : [certificate];
  } catch (error) {
    if (AWAY.some((code) => isTalosError(error, code))) return [];
    throw error;
  }
}

/** @throws TalosError as `lookForCopies` */
async function certificatesWhileHeld(context: AgentContext): Promise<readonly Uint8Array[]> {
  const { vault, log, home, crypto } = context;
  const { held, places } = vault.read((tx) => ({ held: heldRecovery(tx), places: keptPlaces(tx, home) }));
  const options = { patienceMilliseconds: HELD_ANSWER_MILLISECONDS, hasOwnEvent: held?.way === "rotated" };
  const standing = await compareLog(context, log, places, options);
  const eventsIn = (logs: readonly IdentityLog[]): Uint8Array[] => logs.flatMap((abroad) => eventsOf(abroad, log, crypto));
  if (standing.kind !== "behind") noteContenders(context, eventsIn(standing.contending));
  if (standing.kind === "unknown") throw standing.error;
  if (standing.kind === "nothing-behind") return standing.certificates;
  const { logs } = standing;
  const foreign = eventsIn(logs);
  noteForeignEvents(context, foreign);
  const [first] = logs.toSorted((a, b) => b.head.seq - a.head.seq);
  throw logs.some((abroad) => endsForGood(log, abroad, crypto))
    ? talosError("AGENT_REVOKED")
    : leftBehind(held, first?.head ?? log.head, foreign.length);
}

/** @throws TalosError as `lookForCopies`; what was not made here is on record then */
export function requireUnmovedAbroad(context: AgentContext, abroad: LogAbroad): void {
  if (abroad.kind !== "moved") return;
  noteForeignEvents(context, abroad.foreign);
  throw context.standing.isHeld ? behind(context, abroad) : movedError(abroad.log.head);
}

function behind({ vault, log: own, crypto }: AgentContext, { log, foreign }: Extract<LogAbroad, { readonly kind: "moved" }>): TalosError {
  if (endsForGood(own, log, crypto)) return talosError("AGENT_REVOKED");
  return leftBehind(vault.read(heldRecovery), log.head, foreign.length);
}
