/**
 * When something must be done at the latest by an agent that is away now and then: at its due time, or as soon as the agent is there, plus
 * what a simulation by steps adds. Destroying waits for a clock that has stood for a day. Knows no key.
 */
import { DAY, LONGEST_STEP } from "./year-plan.ts";

const HOUR = 3_600_000;

/** A time in which the agent was open. */
export interface Opening {
  readonly from: number;
  /** Undefined while it is. */
  to: number | undefined;
}

/** A step, and the hour after which a loop looks again at the latest. */
export const LATE: number = LONGEST_STEP + 1.5 * HOUR;
/** Of a certificate's day: two thirds, in whole percents. */
export const CERTIFICATE_DUE: number = 0.67 * DAY;

/** The first moment from then on at which the agent was open; Infinity where there is none. */
export function firstChance(openings: readonly Opening[], at: number): number {
  const next = openings.find(({ to }) => to === undefined || to > at);
  return next === undefined ? Number.POSITIVE_INFINITY : Math.max(at, next.from);
}

/**
 * As `firstChance`, for what is destroyed: after more than a day off, what had run out before goes at once, and what ran out since waits
 * until the clock has stood for a day. A restart within that day neither ends nor begins it anew; another day off does.
 */
export function firstChanceToEnd(openings: readonly Opening[], at: number): number {
  let stoodAt = at;
  for (const [index, { from, to = Number.POSITIVE_INFINITY }] of openings.entries()) {
    // Of a new agent's clock nothing is known either.
    const before = openings[index - 1]?.to ?? Number.NEGATIVE_INFINITY;
    if (from - before > DAY) stoodAt = at > before ? from + DAY : at;
    const here = Math.max(at, from, stoodAt);
    if (to > here) return here;
  }
  return Number.POSITIVE_INFINITY;
}
