/**
 * What becomes of an operation on the identity that was begun before, when its owner asks for one. An event that may have left is never
 * followed by another one of the same key in its place: it is gone on with, and what is asked for comes after it. The recovery key alone
 * outranks an event of the online key, and takes its place unless a directory has accepted it.
 */
import { isTalosError, talosError } from "@talos/core";
import type { AgentContext } from "../../context.ts";
import { lookAbroad } from "./own-log-abroad.ts";
import { isByRecovery, rewritePlan, setAsidePlans, type IdentityPlan } from "./plan-record.ts";
import type { OpenedAuthority } from "./recovery-authority.ts";
import { readOpenPlan, runIdentityPlan } from "./run-plan.ts";

export interface FormerPlan {
  /** The same operation, begun before: it is to be gone on with. */
  readonly same?: IdentityPlan;
  /** To be set aside in the commit that stores what takes its place. */
  readonly replaced?: IdentityPlan;
}

export interface WantedOperation {
  readonly kind: "emergency" | "revoke";
  readonly offline: boolean;
  readonly authority: OpenedAuthority | undefined;
}

/**
 * In turn with others. What has to be finished first is finished.
 *
 * @throws TalosError PLAN_BLOCKED; as `runIdentityPlan`; of the directory
 */
export async function settleFormerPlan(context: AgentContext, wanted: WantedOperation): Promise<FormerPlan> {
  const { kind, offline, authority } = wanted;
  if (!offline) await takeUpAgain(context);
  const plan = readOpenPlan(context);
  if (plan === undefined) return {};
  const isByKit = isByRecovery(plan, context.crypto);
  if (plan.kind === kind && (authority === undefined || isByKit)) return { same: plan };
  const mayFinish = plan.kind === "rotate" && kind === "emergency";
  if (isByKit || (authority === undefined && !mayFinish)) throw talosError("PLAN_BLOCKED", undefined, { details: { kind: plan.kind } });
  if (authority === undefined) {
    if (offline) putInForceOffline(context, plan);
    await runIdentityPlan(context);
    return {};
  }
  if (plan.step !== "commit" && (offline || !(await stands(context, plan)))) return { replaced: plan };
  try {
    await runIdentityPlan(context);
  } catch (error) {
    // In force here, with events of somebody else above it: for those the recovery key is there.
    if (!isTalosError(error, "IDENTITY_MOVED") || readOpenPlan(context) !== undefined) throw error;
  }
  return {};
}

/** Its owner asks for that now: the event is put in force without a directory's word. */
export function putInForceOffline({ commits, clock }: AgentContext, plan: IdentityPlan): void {
  if (!plan.offline) commits.evenSuperseded((tx) => rewritePlan(tx, { ...plan, offline: true }, clock.now()));
}

/** An event that was set aside, and turns out to have been accepted. */
async function takeUpAgain(context: AgentContext): Promise<void> {
  const { vault, crypto, commits, clock, log } = context;
  const next = vault.read((tx) => setAsidePlans(tx, crypto)).filter(({ head }) => head.seq === log.head.seq + 1);
  for (const plan of next) {
    if (readOpenPlan(context) !== undefined) return;
    if (await stands(context, plan)) commits.evenSuperseded((tx) => tx.plans.advance(plan.id, "event", clock.now()));
  }
}

/** The home directory has the event. @throws TalosError of the directory */
async function stands(context: AgentContext, { event }: IdentityPlan): Promise<boolean> {
  const { home } = context;
  const abroad = home === undefined ? undefined : await lookAbroad(context, home, event);
  return abroad?.kind === "same" || (abroad?.kind === "moved" && abroad.hasOurs);
}
