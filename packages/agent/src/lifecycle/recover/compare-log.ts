/**
 * Whether the identity has moved on since a backup was made, by what directories have of its log. Asks, and makes nothing. A directory can
 * withhold events, and invent none.
 */
import { isTalosError, verifyLog, type ErrorCode, type IdentityLog } from "@talos/core";
import { whileBusy } from "../../directory/patience.ts";
import type { Environment } from "../../environment.ts";
import { fetchLog } from "../recovery-outlook.ts";

export type BackupStanding =
  | { readonly kind: "nothing-behind" }
  /** Nobody could say. */
  | { readonly kind: "unknown"; readonly reason: ErrorCode }
  /** `log`: as a directory has it, with events that the backup does not have. */
  | { readonly kind: "behind"; readonly log: IdentityLog };

export interface AskedDirectories {
  /** URL of the home directory; absent: nobody keeps the log. */
  readonly home: string | undefined;
  /** Those that had the log before: they count as far as they answer. */
  readonly others: readonly string[];
}

/** @param log of the backup */
export async function compareLog(environment: Environment, log: IdentityLog, { home, others }: AskedDirectories): Promise<BackupStanding> {
  const answers = await Promise.all([
    home === undefined ? ({ kind: "nothing-behind" } as const) : standingAt(environment, log, home),
    ...others.map(async (url) => standingAt(environment, log, url)),
  ]);
  return answers.find(({ kind }) => kind === "behind") ?? answers[0];
}

async function standingAt(environment: Environment, log: IdentityLog, url: string): Promise<BackupStanding> {
  try {
    const abroad = await whileBusy(environment.clock, async () => await fetchLog(environment, log.agentId, url));
    return hasMore(environment, log, abroad) ? { kind: "behind", log: abroad } : { kind: "nothing-behind" };
  } catch (error) {
    if (isTalosError(error, "AGENT_UNKNOWN")) return { kind: "nothing-behind" };
    if (!isTalosError(error)) throw error;
    return { kind: "unknown", reason: error.code };
  }
}

/** Also a branch that contends; not one that an event in the backup has cut off. */
function hasMore({ crypto, clock }: Environment, log: IdentityLog, abroad: IdentityLog): boolean {
  try {
    const { kind } = verifyLog(log, abroad.events, clock.now(), crypto, log.agentId);
    return kind === "extended" || kind === "replaced" || kind === "forked";
  } catch (error) {
    if (isTalosError(error, "LOG_INVALID") && error.details["reason"] === "behind") return false;
    throw error;
  }
}
