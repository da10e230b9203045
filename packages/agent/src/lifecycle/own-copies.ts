/**
 * What is known of other copies of this agent before one of them becomes the living one: their certificates at the present head of the log,
 * and whether the log has moved on without this copy. Signs nothing and promises nothing.
 */
import { decodeCertificate, fromBase64Url, isTalosError, talosError, type TalosError } from "@talos/core";
import type { AgentContext } from "../context.ts";
import { movedError, movedIdentity, noteForeignEvents, requireUnmoved } from "./foreign-events.ts";
import { formerHomes } from "./former-homes.ts";
import { lookAbroad, type LogAbroad } from "./identity-plan/own-log-abroad.ts";
import { heldRecovery, isFinal, leftBehind } from "./recover/held-recovery.ts";
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
const UNKNOWN = ["AGENT_UNKNOWN"] as const;

/**
 * Of certificates of this agent at its present head: the one that superseded it, and what its directory has. For a copy that is held also what
 * its former directories have, as far as they answer.
 *
 * @throws TalosError IDENTITY_MOVED where there is an event that was not made here, of a copy that is held with the keys of its backup
 *   BACKUP_OUTDATED, or AGENT_REVOKED; of the directory, but for a copy that is not held not where it is away
 */
export async function lookForCopies(context: AgentContext): Promise<readonly OwnCopy[]> {
  const { vault, log, crypto, home, standing, clock } = context;
  requireNothingBehind(context);
  const others = standing.isHeld && home !== undefined ? vault.read((tx) => formerHomes(tx, home, clock.now())) : [];
  const former = Promise.allSettled(others.map(async (url) => await certificateAt(context, url)));
  const abroad = home === undefined ? undefined : await certificateAt(context, home, standing.isHeld ? UNKNOWN : AWAY);
  const answers = await former;
  for (const answer of answers) if (answer.status === "rejected" && saysBehind(answer.reason)) throw answer.reason;
  const stored = vault.read(supersededByCertificate);
  const heard = answers.map((answer) => (answer.status === "fulfilled" ? answer.value : undefined));
  const known = [stored === undefined ? undefined : fromBase64Url(stored), abroad, ...heard];
  return known.flatMap((wire) => {
    if (wire === undefined) return [];
    const rank = rankOf(log, wire, crypto);
    return rank?.seq === log.head.seq ? [{ generation: rank.generation, from: decodeCertificate(wire).from, wire }] : [];
  });
}

/** @throws TalosError as `lookForCopies`, by what is on record */
function requireNothingBehind(context: AgentContext): void {
  const { vault, standing } = context;
  if (!standing.isHeld) return requireUnmoved(context);
  const moved = vault.read(movedIdentity);
  if (moved === undefined) return;
  const held = vault.read(heldRecovery);
  throw held?.reason === "AGENT_REVOKED" ? talosError("AGENT_REVOKED") : leftBehind(held, moved, held?.eventsBehind ?? 1);
}

/** @param isNothing codes of answers that say nothing of copies */
async function certificateAt(
  context: AgentContext,
  url: string,
  isNothing: readonly (typeof AWAY)[number][] = UNKNOWN,
): Promise<Uint8Array | undefined> {
  try {
    const abroad = await lookAbroad(context, url);
    requireUnmovedAbroad(context, abroad);
    return (await context.unsigned(url, (directory) => directory.resolve(context.log.agentId))).certificate;
  } catch (error) {
    if (isNothing.some((code) => isTalosError(error, code))) return undefined;
    throw error;
  }
}

/** @throws TalosError as `lookForCopies`; what was not made here is on record then */
export function requireUnmovedAbroad(context: AgentContext, abroad: LogAbroad): void {
  if (abroad.kind !== "moved") return;
  noteForeignEvents(context, abroad.foreign);
  throw context.standing.isHeld ? behind(context, abroad) : movedError(abroad.log.head);
}

function behind({ vault }: AgentContext, { log, foreign }: Extract<LogAbroad, { readonly kind: "moved" }>): TalosError {
  // Nothing brings back what the recovery key has ended.
  if (log.revoked?.authority === "recovery") return talosError("AGENT_REVOKED");
  return leftBehind(vault.read(heldRecovery), log.head, foreign.length);
}

function saysBehind(error: unknown): boolean {
  return isTalosError(error) && isFinal(error.code);
}
