/** The end of an agent: after it nothing follows, and nothing is accepted from it. Terminal here in any case. */
import { decodeEvent, talosError } from "@talos/core";
import type { AgentContext } from "../../context.ts";
import { checkRevokeIdentityOptions, timeOf, type RevokeIdentityOptions } from "./identity-options.ts";
import { movedError, noteForeignEvents } from "../foreign-events.ts";
import { settleFormerPlan } from "./former-plan.ts";
import { makeRevocation } from "./make-event.ts";
import { lookAbroad } from "./own-log-abroad.ts";
import { rewritePlan, type IdentityPlan } from "./plan-record.ts";
import { openAuthority } from "./recovery-authority.ts";
import { notConfigured, notifiedOf } from "./rotate.ts";
import { abandonPlan, inTurn, runIdentityPlan, storePlan } from "./run-plan.ts";
import { atStandstill } from "./standstill.ts";

export interface RevocationResult {
  readonly seq: number;
  readonly authority: "online" | "recovery";
  /** False after one by the online key: the recovery key, and only that, could still bring the agent back. */
  readonly final: boolean;
  /** DIDs of peers. */
  readonly notified: readonly string[];
  readonly pending: readonly string[];
}

/**
 * @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT; of the kit; DIRECTORY_NOT_CONFIGURED; of the directory: where the event was made already
 *   it goes on by itself; IDENTITY_MOVED; PLAN_BLOCKED; AGENT_REVOKED and others of an agent that may not act
 */
export async function revokeIdentity(context: AgentContext, options: RevokeIdentityOptions = {}): Promise<RevocationResult> {
  const checked = checkRevokeIdentityOptions(options);
  const { reason = "decommissioned", notifyPeers = true, offline = false, recoveryKit } = checked;
  const { standing } = context;
  return await inTurn(context, async () => {
    standing.requireActiveOrSuperseded();
    using recovery = recoveryKit && (await openAuthority(recoveryKit, context.log, context.crypto));
    if (recovery === undefined) standing.requireActive();
    const { same, replaced } = await settleFormerPlan(context, { kind: "revoke", offline, authority: recovery });
    standing.requireActiveOrSuperseded();
    const since = timeOf(checked.suspectedSince);
    const suspectFrom = since === undefined ? undefined : context.vault.read((tx) => tx.audit.indexSince(since));
    if (same !== undefined) adjustPlan(context, same, { ...checked, suspectFrom });
    else {
      await requireOwnHead(context, offline, { byRecovery: recovery !== undefined, replaced });
      await atStandstill(context, async () => {
        const made = await makeRevocation(context, { reason, suspectFrom, recovery });
        storePlan(context, made, { kind: "revoke", notifyPeers, offline, report: undefined }, (tx) => {
          if (replaced !== undefined) abandonPlan(tx, replaced, context.clock.now());
        });
      });
    }
    await runIdentityPlan(context);
    return resultOf(context);
  });
}

/** As for an emergency rotation: what stands in the event cannot be changed. @throws TalosError PLAN_BLOCKED, with the name of the option */
function adjustPlan(
  context: AgentContext,
  plan: IdentityPlan,
  options: RevokeIdentityOptions & { readonly suspectFrom: number | undefined },
): void {
  const { crypto, commits, clock } = context;
  const { event } = decodeEvent(plan.event, crypto);
  const signed = event.kind === "revocation" ? event : undefined;
  const { offline = false, notifyPeers = plan.notifyPeers, reason, suspectFrom } = options;
  if (reason !== undefined && reason !== signed?.reason) throw signedAlready("reason");
  if (suspectFrom !== undefined && suspectFrom !== signed?.suspectFrom) throw signedAlready("suspectedSince");
  commits.evenSuperseded((tx) => rewritePlan(tx, { ...plan, offline: plan.offline || offline, notifyPeers }, clock.now()));
}

function signedAlready(option: keyof RevokeIdentityOptions): Error {
  return talosError("PLAN_BLOCKED", `A revocation is under way, and its event is signed: ${option} cannot be changed any more.`, {
    hint: "Make the same call without it.",
    details: { kind: "revoke", option },
  });
}

async function requireOwnHead(
  context: AgentContext,
  offline: boolean,
  { byRecovery, replaced }: { readonly byRecovery: boolean; readonly replaced: IdentityPlan | undefined },
): Promise<void> {
  if (offline) return;
  if (context.home === undefined) throw notConfigured();
  const abroad = await lookAbroad(context, context.home, replaced?.event);
  if (abroad.kind !== "moved") return;
  noteForeignEvents(context, abroad.foreign);
  if (!byRecovery) throw movedError(abroad.log.head);
}

function resultOf({ log, vault }: AgentContext): RevocationResult {
  const authority = log.revoked?.authority ?? "online";
  return { seq: log.head.seq, authority, final: authority === "recovery", ...vault.read((tx) => notifiedOf(tx, log.head)) };
}
