/** The end of an agent: after it nothing follows, and nothing is accepted from it. Terminal here in any case. */
import { talosError } from "@talos/core";
import type { AgentContext } from "../../context.ts";
import { checkRevokeIdentityOptions, timeOf, type RevokeIdentityOptions } from "./identity-options.ts";
import { movedError, noteForeignEvents } from "../foreign-events.ts";
import { makeRevocation } from "./make-event.ts";
import { lookAbroad } from "./own-log-abroad.ts";
import { openAuthority } from "./recovery-authority.ts";
import { notConfigured, notifiedOf } from "./rotate.ts";
import { inTurn, readOpenPlan, runIdentityPlan, storePlan } from "./run-plan.ts";
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
    const before = readOpenPlan(context);
    if (before !== undefined && before.kind !== "revoke") throw talosError("PLAN_BLOCKED", undefined, { details: { kind: before.kind } });
    if (before === undefined) {
      await requireOwnHead(context, offline, recovery !== undefined);
      const since = timeOf(checked.suspectedSince);
      const suspectFrom = since === undefined ? undefined : context.vault.read((tx) => tx.audit.indexSince(since));
      await atStandstill(context, async () => {
        const made = await makeRevocation(context, { reason, suspectFrom, recovery });
        storePlan(context, made, { kind: "revoke", notifyPeers, offline, report: undefined });
      });
    }
    await runIdentityPlan(context);
    return resultOf(context);
  });
}

async function requireOwnHead(context: AgentContext, offline: boolean, byRecovery: boolean): Promise<void> {
  if (offline) return;
  if (context.home === undefined) throw notConfigured();
  const abroad = await lookAbroad(context, context.home);
  if (abroad.kind !== "moved") return;
  noteForeignEvents(context, abroad.foreign);
  if (!byRecovery) throw movedError(abroad.log.head);
}

function resultOf({ log, vault }: AgentContext): RevocationResult {
  const authority = log.revoked?.authority ?? "online";
  return { seq: log.head.seq, authority, final: authority === "recovery", ...vault.read((tx) => notifiedOf(tx, log.head)) };
}
