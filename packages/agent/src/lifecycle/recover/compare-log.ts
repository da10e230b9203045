/**
 * Whether the identity has moved on since a backup was made, by what directories have of its log. Asks, and makes nothing. A directory can
 * withhold events, and invent none; one that never had the agent says nothing by not knowing it.
 */
import { isTalosError, sameHead, talosError, verifyLog, type AgentId, type Crypto, type IdentityLog, type TalosError } from "@talos/core";
import type { Clock } from "../../clock.ts";
import { whileBusy } from "../../directory/patience.ts";
import type { Environment } from "../../environment.ts";
import { sharedEvents } from "../new-life.ts";
import { branchesOf, relationOf, type Relation } from "./branches.ts";
import { limited, type Unsigned } from "./limited-requests.ts";
import { everyPlace, type Places } from "./places.ts";

/** For the answer of its home: one that sends a byte now and then is away. */
const HOME_ANSWER_MILLISECONDS = 60_000;
/** For an answer of others than the home, while a person waits for what is decided by it. */
export const ANSWER_MILLISECONDS = 10_000;
/** And of an agent that is held: within the time that opening waits for a first attempt. */
export const HELD_ANSWER_MILLISECONDS = 4_000;

/** With what directories are asked; an `AgentContext` is one. */
export interface Asking {
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly unsigned: Unsigned;
}

/** `contending`: branches that somebody else has made of the identity, and that decide nothing: evidence. */
export type BackupStanding =
  | { readonly kind: "nothing-behind"; readonly certificates: readonly Uint8Array[]; readonly contending: readonly IdentityLog[] }
  /** Nobody could say who would know. */
  | { readonly kind: "unknown"; readonly error: TalosError; readonly contending: readonly IdentityLog[] }
  /** `logs`: those that know most, with events that the backup does not have. More than one where branches contend. */
  | { readonly kind: "behind"; readonly logs: readonly [IdentityLog, ...IdentityLog[]] };

export interface CompareOptions {
  /** For answers of others than the home. */
  readonly patienceMilliseconds?: number;
  /** The log ends with a recovery event of its own, which is to be accepted before it counts: what stands in its place is said by who takes it. */
  readonly hasOwnEvent?: boolean;
}

/** Of one directory: the log as it has it, verified; or that it knows no such agent; or why there is no answer that counts. */
export interface Answer {
  readonly url: string;
  readonly log?: IdentityLog;
  readonly certificate?: Uint8Array | undefined;
  readonly error?: TalosError;
}

/**
 * What any of the places has and the backup has not counts, whoever says it. That there is nothing takes the word of its home from now on,
 * and of somebody who would know: see `isWitness`. A branch that merely contends counts where a home follows it; seen elsewhere it takes
 * a home that follows the backup's to say that it does not.
 *
 * @param log of the backup, verified
 */
export async function compareLog(
  asking: Asking,
  log: IdentityLog,
  places: Places,
  { patienceMilliseconds = ANSWER_MILLISECONDS, hasOwnEvent = false }: CompareOptions = {},
): Promise<BackupStanding> {
  const answers = await askPlaces(asking, log.agentId, places, patienceMilliseconds);
  const { crypto } = asking;
  const decider = answers.find(({ url }) => url === (places.named ?? places.home))?.log;
  const heard = answers.flatMap(({ url, log: abroad }) => {
    if (abroad === undefined) return [];
    // Whoever decides has an event of this log in the place in which they part, or none yet.
    const isDecided = decider !== undefined && sharedEvents(log, decider) > sharedEvents(log, abroad);
    return [{ isHome: isHome(url, places), isDecided, abroad, relation: relationOf(log, abroad, crypto) }];
  });
  const others = heard.filter(({ relation }) => relation !== "less");
  const branches = branchesOf(
    others.map(({ abroad }) => abroad),
    crypto,
  );
  const [first, ...rest] = branches;
  if (first !== undefined && others.some((one) => decides(one, hasOwnEvent))) return { kind: "behind", logs: [first, ...rest] };
  const error = missing(hasOwnEvent ? { ...places, isFormerGone: true } : places, answers, log);
  if (error !== undefined) return { kind: "unknown", error, contending: branches };
  if (others.some((one) => one.isHome)) return { kind: "unknown", error: anotherBranchAtHome(), contending: branches };
  const isFollowed = heard.some((one) => one.isHome && sameHead(one.abroad.head, log.head));
  if (first !== undefined && !hasOwnEvent && !isFollowed)
    return { kind: "unknown", error: noArbiter(places, answers), contending: branches };
  return { kind: "nothing-behind", certificates: answers.flatMap(({ certificate }) => certificate ?? []), contending: branches };
}

/** A log with events that the one which it was compared with does not have. */
interface Other {
  /** Peers of a home see the branch that it follows. */
  readonly isHome: boolean;
  /** The home that decides has taken this side already. */
  readonly isDecided: boolean;
  readonly relation: Relation;
}

function decides({ isHome: isAtHome, isDecided, relation }: Other, hasOwnEvent: boolean): boolean {
  if (relation === "more") return true;
  // Where there is an event of its own the rival stands in its place, or before it: peers may follow that already.
  return !isDecided && (isAtHome || (relation === "rival" && hasOwnEvent));
}

/** All at once, home first. */
export async function askPlaces(
  asking: Asking,
  agentId: AgentId,
  places: Places,
  patienceMilliseconds: number = ANSWER_MILLISECONDS,
): Promise<readonly Answer[]> {
  const limitOf = (url: string): number => {
    if (url === places.home) return HOME_ANSWER_MILLISECONDS;
    // Without the one that decides there is no end of being held.
    return url === places.named ? Math.max(patienceMilliseconds, ANSWER_MILLISECONDS) : patienceMilliseconds;
  };
  return await Promise.all(everyPlace(places).map(async (url) => await answerAt(asking, agentId, url, limitOf(url))));
}

/** Without an agent. */
export function askingIn(environment: Environment): Asking {
  const { crypto, clock } = environment;
  const instance = (): never => {
    throw talosError("INTERNAL", "Nobody signs the requests of who only looks.");
  };
  return {
    crypto,
    clock,
    unsigned: async (url, request) =>
      await whileBusy(clock, async () => {
        const directory = environment.openDirectory({ url, crypto, clock, instance });
        try {
          return await request(directory);
        } finally {
          directory.close();
        }
      }),
  };
}

/** @returns why it cannot be said that nothing is behind */
function missing(places: Places, answers: readonly Answer[], log: IdentityLog): TalosError | undefined {
  const { home, named, former, isFormerGone } = places;
  const away = answers.find(({ url, error }) => url === home && error !== undefined) ?? answers.find(({ error }) => error !== undefined);
  if (away !== undefined && away.url === home) return away.error;
  if (isFormerGone || answers.some((answer) => isWitness(answer, named, log))) return undefined;
  // As far as the backup knows no directory ever had its log but those of peers, and none of these has more of it.
  if (named === undefined && former.length === 0 && away === undefined) return undefined;
  return away?.error ?? noWitness();
}

/**
 * One whose answer says something of what came after the backup: it has the log as far as the backup has it. The home that the backup names
 * would have it, and may have lost it.
 */
function isWitness({ url, log: abroad, error }: Answer, named: string | undefined, log: IdentityLog): boolean {
  return error === undefined && (url === named || (abroad !== undefined && sameHead(abroad.head, log.head)));
}

function isHome(url: string, { home, named }: Places): boolean {
  return url === home || url === named;
}

function noArbiter(places: Places, answers: readonly Answer[]): TalosError {
  const away = answers.find(({ url, error }) => isHome(url, places) && error !== undefined);
  if (away?.error !== undefined) return away.error;
  return talosError("AGENT_UNKNOWN", "A directory has another branch of the identity's log, and no home of the agent has the backup's.", {
    hint: "With the recovery kit, name the last event that is the owner's own (--cut-after EVENT:HASH; talos recover --list shows both).",
  });
}

/** Anybody may have brought it there: it says nothing of the backup, and nobody can live there as long as nothing has cut it off. */
function anotherBranchAtHome(): TalosError {
  return talosError(
    "DIRECTORY_MISBEHAVED",
    "The directory where the agent is to live has another branch of the identity's log than the home that it had, which follows the backup's.",
    {
      hint: "Recover again into an empty folder, at another directory; or with the recovery kit, which cuts that branch off (--cut-after EVENT:HASH).",
      details: { reason: "another branch" },
    },
  );
}

function noWitness(): TalosError {
  return talosError("AGENT_UNKNOWN", "No directory that had the agent's log as far as the backup has it could be asked.", {
    hint: "Where its former directory is gone for good, recover again and say so (--former-directory-gone).",
  });
}

async function answerAt(asking: Asking, agentId: AgentId, url: string, limit: number): Promise<Answer> {
  const { crypto, clock } = asking;
  try {
    const { log, certificate } = await limited(asking, limit)(url, async (directory) => await directory.resolve(agentId));
    return { url, log: verifyLog(undefined, log, clock.now(), crypto, agentId).log, certificate };
  } catch (error) {
    if (!isTalosError(error)) throw error;
    return error.code === "AGENT_UNKNOWN" ? { url } : { url, error };
  }
}
