/**
 * The agent's own log as its home directory has it, judged against the one here. It is asked without a certificate, so also when this
 * instance was superseded or the directory has dropped its certificate.
 */
import { chainWith, isTalosError, sameHead, talosError, verifyLog, type IdentityLog, type LogHead } from "@talos/core";
import type { AgentContext } from "../../context.ts";
import type { Resolution } from "../../directory/directory.ts";
import { movedError } from "../foreign-events.ts";

export type LogAbroad =
  /** The directory has no such agent, or only a part of the log that is here. */
  | { readonly kind: "behind" }
  | { readonly kind: "same" }
  /**
   * It has events that were not made here; verified, or at least so far as a contender is. `hasOurs`: they stand above the event that was
   * asked about.
   */
  | { readonly kind: "moved"; readonly foreign: readonly Uint8Array[]; readonly log: IdentityLog; readonly hasOurs: boolean };

/** Of an agent's context what a request about its own log takes. */
export type Requesting = Pick<AgentContext, "log" | "crypto" | "clock" | "unsigned">;

/**
 * @param ours an event of this agent that is not in its log yet: where it stands there, the answer is `same`
 * @throws TalosError DIRECTORY_UNREACHABLE and others of the directory; as `verifyLog` for a log that is no log of this agent
 */
export async function lookAbroad(context: Requesting, home: string, ours?: Uint8Array): Promise<LogAbroad> {
  const { log, crypto, clock } = context;
  const answer = await resolveOwn(context, home);
  if (answer === undefined) return { kind: "behind" };
  const expected = ours === undefined ? log : verifyLog(log, [...log.events, ours], clock.now(), crypto, log.agentId).log;
  let verdict;
  try {
    verdict = verifyLog(expected, chainWith(log, answer.log, crypto), clock.now(), crypto, log.agentId);
  } catch (error) {
    if (isTalosError(error, "LOG_INVALID") && error.details["reason"] === "behind") return { kind: "behind" };
    throw error;
  }
  switch (verdict.kind) {
    case "accepted":
    case "unchanged":
      return { kind: "same" };
    case "extended":
      return { kind: "moved", foreign: verdict.added, log: verdict.log, hasOurs: ours !== undefined };
    case "replaced":
      return { kind: "moved", foreign: verdict.added, log: verdict.log, hasOurs: false };
    case "forked":
      return { kind: "moved", foreign: [verdict.contender], log: expected, hasOurs: false };
    case "refused":
      // A branch that an event made here has cut off: the directory has not heard of it.
      return { kind: "behind" };
  }
}

/**
 * Has the directory accept the event, or find it there already.
 *
 * @returns events that were not made here and stand above it
 * @throws TalosError IDENTITY_MOVED where it has another event in that place; of the directory
 */
export async function publishOwnEvent(
  context: AgentContext,
  home: string,
  event: Uint8Array,
  head: LogHead,
): Promise<readonly Uint8Array[]> {
  const { log } = context;
  try {
    if (sameHead(await publish(context, home, [event]), head)) return [];
  } catch (error) {
    if (!isTalosError(error, "AGENT_UNKNOWN") && !isTalosError(error, "IDENTITY_MOVED")) throw error;
  }
  // Another head than expected, or none: there may be more above it, or something else in its place.
  const abroad = await lookAbroad(context, home, event);
  if (abroad.kind === "same") return [];
  if (abroad.kind === "moved" && abroad.hasOurs) return abroad.foreign;
  if (abroad.kind === "moved") throw movedError(abroad.log.head);
  // A directory that lost what it had, or never had it, takes the whole log.
  if (sameHead(await publish(context, home, [...log.events, event]), head)) return [];
  throw talosError("DIRECTORY_MISBEHAVED", undefined, { details: { reason: "another head" } });
}

/**
 * Has the directory accept the log as it is here, whole, or find it there already.
 *
 * @returns how its log stands to this one then; `behind`: it takes nothing, and shows no reason
 * @throws TalosError as `lookAbroad`
 */
export async function publishOwnLog(context: Requesting, home: string): Promise<LogAbroad> {
  const { log } = context;
  try {
    if (sameHead(await publish(context, home, log.events), log.head)) return { kind: "same" };
  } catch (error) {
    if (!isTalosError(error, "IDENTITY_MOVED")) throw error;
  }
  const abroad = await lookAbroad(context, home);
  // Refused is not taken, whatever it shows of what is known here: that may come from a copy that lags behind.
  return abroad.kind === "same" ? { kind: "behind" } : abroad;
}

async function publish({ log, unsigned }: Requesting, home: string, events: readonly Uint8Array[]): Promise<LogHead> {
  return await unsigned(home, (directory) => directory.publishEvents(log.agentId, events));
}

async function resolveOwn({ log, unsigned }: Requesting, home: string): Promise<Resolution | undefined> {
  try {
    return await unsigned(home, (directory) => directory.resolve(log.agentId, log.head));
  } catch (error) {
    if (isTalosError(error, "AGENT_UNKNOWN")) return undefined;
    throw error;
  }
}
