/**
 * How a backup stands to the agent's identity: the one judgement that its record, its plan and its proof go by. A backup counts while the log
 * ends where the backup ends, and nobody knows of more. "Destroy it" is said only where a log proves that its keys count no more; whatever is
 * newer than the log at hand is the better one of the two. Knows no file and no password.
 */
import { equalBytes, type IdentityLog, isTalosError, type LogHead, sameHead, talosError, toHex, verifyLog, type Crypto } from "@talos/core";
import { movedIdentity } from "../lifecycle/foreign-events.ts";
import { isUnderWay } from "../lifecycle/identity-plan/plan-record.ts";
import { hasUnacceptedEvent, isMarkedHeld } from "../lifecycle/recover/held-recovery.ts";
import type { ReadTransaction } from "../vault/index.ts";
import type { BackupCheck, BackupState, BackupVerdict } from "./backup-views.ts";

/**
 * Why a log that ends where the backup ends may not be the whole one: an event was seen that this data directory did not make, or one that it
 * signed may stand already, or it comes from a backup and nobody has looked.
 */
export type Doubt = "identity-moved" | "change-under-way" | "recovery-unchecked";

/** A log that a backup is held against, and what its keeper knows beyond it. */
export interface KnownLog {
  readonly from: Exclude<BackupCheck["comparedWith"], "nothing">;
  /** The events that stand, inception first: the place of each is its seq. */
  readonly standing: readonly LogHead[];
  /** Whether a recovery event has cut it off. */
  readonly isCutOff: (event: LogHead) => boolean;
  readonly doubt: Doubt | undefined;
}

export interface Judgement {
  readonly state: BackupState;
  /** That stand, and that the backup does not have. */
  readonly eventsBehind: number;
  /** That the backup has, and that do not stand in this log. */
  readonly eventsAhead: number;
}

/** The worst first: what one log proves is not taken back by another. */
const BY_WEIGHT: readonly BackupState[] = ["dangerous", "other-branch", "unsettled", "ahead", "current"];
const VERDICTS: readonly string[] = ["good", "dangerous", "ahead", "other-branch", "unsettled", "incomplete"] satisfies BackupVerdict[];

/** @param branch events of the backup's log, its head last; all of them, or where no more is known its head alone */
export function judgeBackup(branch: readonly LogHead[], { standing, isCutOff, doubt }: KnownLog): Judgement {
  const stands = (event: LogHead): boolean => isSame(event, standing[event.seq]);
  const head = branch.at(-1);
  const own = new Set(branch.map(({ hash }) => toHex(hash)));
  const eventsAhead = branch.filter((event) => !stands(event)).length;
  if (head !== undefined && stands(head)) {
    const eventsBehind = standing.length - 1 - head.seq;
    const state = eventsBehind > 0 ? "dangerous" : doubt === undefined ? "current" : "unsettled";
    return { state, eventsBehind, eventsAhead };
  }
  const first = branch.find((event) => !stands(event));
  const eventsBehind = first === undefined ? 0 : standing.slice(first.seq).filter(({ hash }) => !own.has(toHex(hash))).length;
  if (head !== undefined && isCutOff(head)) return { state: "dangerous", eventsBehind, eventsAhead };
  return { state: eventsBehind > 0 ? "other-branch" : "ahead", eventsBehind, eventsAhead };
}

/** What the agent itself knows: its own log, what was cut off of it, and what it has seen and does not follow. */
export function knownByAgent(tx: ReadTransaction, from: "agent" | "data-directory"): KnownLog {
  const moved = movedIdentity(tx);
  const isForeign = (seq: number, seenAt: number): boolean => moved !== undefined && seq >= moved.seq && seenAt >= moved.seenAt;
  const cutOff = new Map(tx.cutOff.list().map(({ hash, ...event }) => [toHex(hash), event]));
  // Nobody has that event yet, so it ends nothing: should another one take its place, what came before is needed once more.
  const isUnaccepted = hasUnacceptedEvent(tx);
  return {
    from,
    standing: isUnaccepted ? tx.log.events().slice(0, -1) : tx.log.events(),
    // Foreign events are kept with those that were cut off; nothing has ended them yet.
    isCutOff: ({ hash }) => {
      const event = cutOff.get(toHex(hash));
      return !isUnaccepted && event !== undefined && !isForeign(event.seq, event.seenAt);
    },
    doubt: moved !== undefined ? "identity-moved" : doubtOf(tx),
  };
}

/** @param own of the backup @param there whole, as a directory has it */
export function knownByDirectory(own: IdentityLog, there: IdentityLog, crypto: Crypto, now: number): KnownLog {
  const replaces = isReplaced(own, there, crypto, now);
  return { from: "directory", standing: there.states.map(({ head }) => head), isCutOff: () => replaces, doubt: undefined };
}

/** By the log that says the worst of it. A revoked agent has nothing that could be brought back. */
export function verdictOn(
  own: IdentityLog,
  known: readonly KnownLog[],
  isProved: boolean,
): Pick<BackupCheck, "verdict" | "comparedWith" | "eventsBehind" | "eventsAhead"> {
  const branch = own.states.map(({ head }) => head);
  const judged = known.map((one) => ({ comparedWith: one.from, ...judgeBackup(branch, one) }));
  const weight = (state: BackupState): number => BY_WEIGHT.indexOf(state);
  const [worst] = judged.sort((a, b) => weight(a.state) - weight(b.state) || b.eventsBehind - a.eventsBehind);
  const { state = "current", ...compared } = worst ?? { comparedWith: "nothing" as const };
  return { verdict: own.revoked === undefined ? verdictFor(state, isProved) : "dangerous", ...compared };
}

/**
 * Before a backup is made: one that may count no more when it is written would be taken for a good one. A copy that another one has superseded may
 * make one. One that is held may not: in its backup nothing would say so, nor whom to ask before its keys act.
 *
 * @param head that it was gathered at
 * @throws TalosError IDENTITY_MOVED, RECOVERY_UNCHECKED, PLAN_BLOCKED
 */
export function requireSettled(tx: ReadTransaction, head?: LogHead): void {
  const moved = movedIdentity(tx);
  if (moved !== undefined) {
    throw talosError(
      "IDENTITY_MOVED",
      "The identity has an event that this data directory did not make: a backup of it would bring nothing back.",
      {
        hint: "If that was you, make the backup where the event was made; if not, take the identity back first (talos emergency-rotate --recovery-kit KIT).",
        details: { seq: moved.seq, hash: toHex(moved.hash) },
      },
    );
  }
  if (isMarkedHeld(tx)) {
    throw talosError(
      "RECOVERY_UNCHECKED",
      "The agent was recovered, and its directory has not said yet that its keys count: a backup waits for that.",
      {
        hint: "Keep the backup that it came from. It goes on by itself once the directory answers; talos status says what is in the way.",
      },
    );
  }
  const there = tx.log.head();
  if (!isChanging(tx) && (head === undefined || (there !== undefined && sameHead(there, head)))) return;
  throw talosError("PLAN_BLOCKED", "A change of the identity is under way: a backup may count no more when it is written.", {
    hint: "It goes on by itself; talos status says what it waits for. Make the backup afterwards.",
  });
}

export function isVerdict(result: string): result is BackupVerdict {
  return VERDICTS.includes(result);
}

function verdictFor(state: BackupState, isProved: boolean): BackupVerdict {
  if (state !== "current") return state;
  return isProved ? "good" : "incomplete";
}

function doubtOf(tx: ReadTransaction): Doubt | undefined {
  if (isChanging(tx)) return "change-under-way";
  return isMarkedHeld(tx) ? "recovery-unchecked" : undefined;
}

/** An event of its own is made, and not known to stand. */
function isChanging(tx: ReadTransaction): boolean {
  return tx.plans.open().some(isUnderWay) || hasUnacceptedEvent(tx);
}

/** Whether a recovery event there has cut off what the backup ends with. */
function isReplaced(own: IdentityLog, there: IdentityLog, crypto: Crypto, now: number): boolean {
  try {
    return verifyLog(own, there.events, now, crypto, own.agentId).kind === "replaced";
  } catch (error) {
    if (isTalosError(error, "LOG_INVALID") && error.details["reason"] === "behind") return false;
    throw error;
  }
}

function isSame({ hash }: LogHead, other: LogHead | undefined): boolean {
  return other !== undefined && equalBytes(hash, other.hash);
}
