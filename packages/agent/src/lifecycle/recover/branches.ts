/** Of logs of one agent those that know most. Knows no directory. */
import { isTalosError, verifyLog, type Crypto, type IdentityLog } from "@talos/core";

/**
 * One, unless branches contend: then each of them, in the order in which they came. What another log has too, or has cut off by a recovery
 * event, is not among them.
 *
 * @param logs of one agent, verified
 */
export function branchesOf(logs: readonly IdentityLog[], crypto: Crypto): readonly IdentityLog[] {
  let branches: IdentityLog[] = [];
  for (const log of logs) {
    const relations = branches.map((known) => relationOf(known, log, crypto));
    if (relations.includes("less")) continue;
    branches = [...branches.filter((_, index) => relations[index] === "beside"), log];
  }
  return branches;
}

/** Whether it has an event that counts and that the known one does not have; also on a branch that contends. */
export function hasMore(known: IdentityLog, log: IdentityLog, crypto: Crypto): boolean {
  return relationOf(known, log, crypto) !== "less";
}

/** Events of which the known log has not heard; of a branch that contends the one that does. */
export function eventsOf(log: IdentityLog, known: IdentityLog, crypto: Crypto): readonly Uint8Array[] {
  const verdict = judge(known, log, crypto);
  if (verdict?.kind === "extended" || verdict?.kind === "replaced") return verdict.added;
  return verdict?.kind === "forked" ? [verdict.contender] : [];
}

function relationOf(known: IdentityLog, log: IdentityLog, crypto: Crypto): "less" | "more" | "beside" {
  const kind = judge(known, log, crypto)?.kind;
  if (kind === "forked") return "beside";
  return kind === "extended" || kind === "replaced" ? "more" : "less";
}

/** Undefined where it is a part of what is known. */
function judge(known: IdentityLog, { events, agentId }: IdentityLog, crypto: Crypto): ReturnType<typeof verifyLog> | undefined {
  try {
    return verifyLog(known, events, 0, crypto, agentId);
  } catch (error) {
    if (isTalosError(error, "LOG_INVALID") && error.details["reason"] === "behind") return undefined;
    throw error;
  }
}
