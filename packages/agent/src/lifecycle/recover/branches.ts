/** Of logs of one agent how they stand to each other, and those that know most. Knows no directory. */
import { decodeEvent, isTalosError, verifyLog, type Crypto, type IdentityLog } from "@talos/core";

/**
 * How a log stands to one that is known, by what a verifier says who has seen that one first.
 *
 * `less`: a part of it, or a branch that it has cut off. `more`: events after it, or a recovery event that has cut it off: that one counts for
 * whoever follows the known one. `beside`: a branch of the same authority, by a recovery key of its own at most: the known one stands.
 * `rival`: one recovery key was revealed twice, and the known one stands as well, for whoever has seen it first.
 */
export type Relation = "less" | "more" | "beside" | "rival";

export function relationOf(known: IdentityLog, log: IdentityLog, crypto: Crypto): Relation {
  const verdict = judge(known, log, crypto);
  if (verdict?.kind === "extended" || verdict?.kind === "replaced") return "more";
  if (verdict?.kind !== "forked") return "less";
  // The event that contends is one by the recovery key only where that key was in force before the two parted, and the known log has one too.
  const { event } = decodeEvent(verdict.contender, crypto);
  return event.kind !== "inception" && event.authority === "recovery" ? "rival" : "beside";
}

/** Nothing brings back what the recovery key has ended; a key that was not in force where the two parted has ended nothing. */
export function endsForGood(known: IdentityLog, log: IdentityLog, crypto: Crypto): boolean {
  return log.revoked?.authority === "recovery" && relationOf(known, log, crypto) === "more";
}

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
    branches = [...branches.filter((_, index) => relations[index] !== "more"), log];
  }
  return branches;
}

/** Events of which the known log has not heard; of a branch that contends the one that does. */
export function eventsOf(log: IdentityLog, known: IdentityLog, crypto: Crypto): readonly Uint8Array[] {
  const verdict = judge(known, log, crypto);
  if (verdict?.kind === "extended" || verdict?.kind === "replaced") return verdict.added;
  return verdict?.kind === "forked" ? [verdict.contender] : [];
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
