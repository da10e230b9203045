/**
 * Whether the identity has moved on since a backup was made, by what directories have of its log. Asks, and makes nothing. A directory can
 * withhold events, and invent none; one that never had the agent says nothing by not knowing it.
 */
import { isTalosError, sameHead, talosError, verifyLog, type AgentId, type Crypto, type IdentityLog, type TalosError } from "@talos/core";
import type { Clock } from "../../clock.ts";
import type { Directory } from "../../directory/directory.ts";
import { whileBusy } from "../../directory/patience.ts";
import type { Environment } from "../../environment.ts";
import { branchesOf, hasMore } from "./branches.ts";
import { everyPlace, type Places } from "./places.ts";

/** For an answer of others than the home, while a person waits for what is decided by it. */
const ANSWER_MILLISECONDS = 10_000;
/** And of an agent that is held: within the time that opening waits for a first attempt. */
export const HELD_ANSWER_MILLISECONDS = 4_000;

/** With what directories are asked; an `AgentContext` is one. */
export interface Asking {
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** A request that nobody signs, over a connection of its own. */
  readonly unsigned: <T>(url: string, request: (directory: Directory) => Promise<T>) => Promise<T>;
}

export type BackupStanding =
  | { readonly kind: "nothing-behind"; readonly certificates: readonly Uint8Array[] }
  /** Nobody could say who would know. */
  | { readonly kind: "unknown"; readonly error: TalosError }
  /** `logs`: those that know most, with events that the backup does not have. More than one where branches contend. */
  | { readonly kind: "behind"; readonly logs: readonly [IdentityLog, ...IdentityLog[]] };

/** Of one directory: the log as it has it, verified; or that it knows no such agent; or why there is no answer that counts. */
export interface Answer {
  readonly url: string;
  readonly log?: IdentityLog;
  readonly certificate?: Uint8Array | undefined;
  readonly error?: TalosError;
}

/**
 * What any of the places has and the backup has not counts, whoever says it. That there is nothing takes the word of its home from now on,
 * and of somebody who would know: see `isWitness`.
 *
 * @param log of the backup, verified
 * @param patienceMilliseconds for answers of others than the home
 */
export async function compareLog(
  asking: Asking,
  log: IdentityLog,
  places: Places,
  patienceMilliseconds: number = ANSWER_MILLISECONDS,
): Promise<BackupStanding> {
  const answers = await askPlaces(asking, log.agentId, places, patienceMilliseconds);
  const { crypto } = asking;
  const more = answers.flatMap((answer) => (answer.log !== undefined && hasMore(log, answer.log, crypto) ? [answer.log] : []));
  const [first, ...others] = branchesOf(more, crypto);
  if (first !== undefined) return { kind: "behind", logs: [first, ...others] };
  const error = missing(places, answers, log);
  if (error !== undefined) return { kind: "unknown", error };
  return { kind: "nothing-behind", certificates: answers.flatMap(({ certificate }) => certificate ?? []) };
}

/** All at once, home first. */
export async function askPlaces(
  asking: Asking,
  agentId: AgentId,
  places: Places,
  patienceMilliseconds: number = ANSWER_MILLISECONDS,
): Promise<readonly Answer[]> {
  const limitOf = (url: string): number | undefined => (url === places.home ? undefined : patienceMilliseconds);
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

function noWitness(): TalosError {
  return talosError("AGENT_UNKNOWN", "No directory that had the agent's log as far as the backup has it could be asked.", {
    hint: "Where its former directory is gone for good, recover again and say so (--former-directory-gone).",
  });
}

async function answerAt({ crypto, clock, unsigned }: Asking, agentId: AgentId, url: string, limit: number | undefined): Promise<Answer> {
  const done = new AbortController();
  const tooLate = new AbortController();
  const ask = async (): Promise<Answer> => {
    const { log, certificate } = await unsigned(url, async (directory) => {
      tooLate.signal.addEventListener("abort", () => directory.close(), { once: true });
      return await directory.resolve(agentId);
    });
    return { url, log: verifyLog(undefined, log, clock.now(), crypto, agentId).log, certificate };
  };
  const end = async (milliseconds: number): Promise<Answer> => {
    await clock.sleep(milliseconds, done.signal);
    if (!done.signal.aborted) tooLate.abort();
    return { url, error: talosError("DIRECTORY_UNREACHABLE", undefined, { details: { directory: url, reason: "timeout" } }) };
  };
  const answer = ask().catch((error: unknown): Answer => {
    if (!isTalosError(error)) throw error;
    return error.code === "AGENT_UNKNOWN" ? { url } : { url, error };
  });
  try {
    return await (limit === undefined ? answer : Promise.race([answer, end(limit)]));
  } finally {
    done.abort();
  }
}
