/**
 * Takes the open operation on the identity as far as it goes: has a directory accept its event, then puts it in force here. Whoever opens
 * the agent goes on at the first step that was not answered, with the same bytes. One at a time in a process.
 */
import { isTalosError, talosError, type AgentId, type ErrorCode } from "@talos/core";
import type { AgentContext } from "../../context.ts";
import type { Transaction, Vault } from "../../vault/index.ts";
import { backoffMilliseconds } from "../backoff.ts";
import { headOf, movedError, noteForeignEvents } from "../foreign-events.ts";
import { announceAfter, announceBefore } from "./announce-revocation.ts";
import { commitPlan } from "./commit.ts";
import type { MadeEvent } from "./make-event.ts";
import { lookAbroad, publishOwnEvent } from "./own-log-abroad.ts";
import { openIdentityPlan, planRow, type IdentityPlan, type NewIdentityPlan } from "./plan-record.ts";

const turns: WeakMap<Vault, Promise<unknown>> = new WeakMap();

/** One operation on the identity after the other. */
export async function inTurn<T>({ vault }: AgentContext, work: () => Promise<T>): Promise<T> {
  const before = turns.get(vault) ?? Promise.resolve();
  const own = before.then(work, work);
  turns.set(
    vault,
    own.catch(() => undefined),
  );
  return await own;
}

/** Resolves when nobody has a turn any more that has one now. */
export async function turnsTaken({ vault }: Pick<AgentContext, "vault">): Promise<void> {
  await turns.get(vault);
}

/** Event and keys, durable in one commit, before anything leaves. @param also in the same one */
export function storePlan(
  context: AgentContext,
  made: MadeEvent,
  plan: Omit<NewIdentityPlan, "event" | "head" | "staged">,
  also?: (tx: Transaction) => void,
): void {
  const now = context.clock.now();
  context.commits.evenSuperseded((tx) => {
    for (const entry of made.entries) tx.inventory.put(entry);
    tx.plans.put(planRow({ ...plan, event: made.event, head: made.head, staged: made.staged }, now));
    also?.(tx);
  });
}

/**
 * In turn with others. Returns when nothing is left to do.
 *
 * @throws TalosError of the directory, of the backend, COMMIT_FAILED: then the plan stays and goes on later; IDENTITY_MOVED where another
 *   event took the place: then the plan is set aside, but for a revocation that peers have already; or where one stands above it: then it is
 *   in force here
 */
export async function runIdentityPlan(context: AgentContext): Promise<void> {
  const plan = readOpenPlan(context);
  if (plan === undefined) return;
  let foreign: readonly Uint8Array[] = [];
  try {
    let told: readonly AgentId[] = [];
    if (plan.step !== "commit") {
      if (plan.kind === "revoke") told = await announceBefore(context, plan);
      foreign = await acceptEvent(context, plan);
      if (plan.kind === "revoke") told = [...told, ...(await announceAfter(context, plan))];
      context.commits.evenSuperseded((tx) => tx.plans.advance(plan.id, "commit", context.clock.now()));
    }
    await commitPlan(context, plan, told);
  } catch (error) {
    noteFailure(context, plan, isTalosError(error) ? error.code : "INTERNAL");
    throw error;
  }
  const newest = foreign.at(-1);
  if (newest === undefined) return;
  noteForeignEvents(context, foreign);
  throw movedError(headOf(newest, context.crypto));
}

export function readOpenPlan({ vault, crypto }: Pick<AgentContext, "vault" | "crypto">): IdentityPlan | undefined {
  return vault.read((tx) => openIdentityPlan(tx, crypto));
}

/** @returns as `publishOwnEvent` */
async function acceptEvent(context: AgentContext, plan: IdentityPlan): Promise<readonly Uint8Array[]> {
  const { home } = context;
  if (plan.offline) return [];
  if (home === undefined) throw talosError("DIRECTORY_NOT_CONFIGURED");
  try {
    return await publishOwnEvent(context, home, plan.event, plan.head);
  } catch (error) {
    if (!isTalosError(error, "IDENTITY_MOVED")) throw error;
    throw await loseRace(context, home, plan);
  }
}

/** Another event may have taken the place. Where the directory shows it, the plan is set aside; until then it is tried again. */
async function loseRace(context: AgentContext, home: string, plan: IdentityPlan): Promise<unknown> {
  const abroad = await lookAbroad(context, home, plan.event).catch(() => undefined);
  if (abroad?.kind !== "moved") {
    return talosError("IDENTITY_MOVED", "The directory has another head, and does not show which: the new keys stay until it does.", {
      hint: "It is tried again by itself; talos status shows the operation.",
      details: { seq: plan.head.seq },
    });
  }
  noteForeignEvents(context, abroad.foreign);
  // Peers may have ended the agent by it: it is not for this side to forget that. The recovery key can.
  const isAnnounced = readOpenPlan(context)?.step === "announced";
  if (!isAnnounced) context.commits.evenSuperseded((tx) => abandonPlan(tx, plan, context.clock.now()));
  return movedError(abroad.log.head);
}

/** It is not gone on with. What was made for it stays: its event may yet turn out to have been accepted somewhere. */
export function abandonPlan(tx: Transaction, { id }: IdentityPlan, now: number): void {
  tx.plans.advance(id, "set-aside", now);
  tx.plans.noteFailure(id, "IDENTITY_MOVED", now, now);
}

function noteFailure({ commits, clock, crypto }: AgentContext, plan: IdentityPlan, code: ErrorCode): void {
  const pause = backoffMilliseconds(plan.attempts + 1, crypto.randomBytes(1)[0] ?? 0);
  try {
    commits.evenSuperseded((tx) => {
      if (tx.plans.open().some(({ id }) => id === plan.id)) tx.plans.noteFailure(plan.id, code, clock.now(), clock.now() + pause);
    });
  } catch {
    // The store fails too, or the agent may not act any more; the plan stays where it is.
  }
}
