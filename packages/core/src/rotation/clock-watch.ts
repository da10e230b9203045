// What a clock can be believed: the last time that was seen is on disk, and the next one is judged by it. A clock that went back
// makes nothing due and nothing late until it has caught up, or has stood by itself for a day; one that leapt forward destroys no key
// before it has stood for a day or was seen again. Pure. Must not know a key.
import { CLOCK_SLACK_MILLISECONDS, DAY_MILLISECONDS } from "../keys/time.ts";

/** Before it no agent existed: a machine that has not yet been told the time. */
export const EARLIEST_PLAUSIBLE_MILLISECONDS: number = 1_767_225_600_000; // 2026-01-01T00:00:00Z
/** What runs looks at the clock every hour; a longer gap is an absence, or a clock that was set. */
export const LEAP_MILLISECONDS: number = DAY_MILLISECONDS;
/** A clock that says the same for so long is believed. */
export const BELIEVED_AFTER_MILLISECONDS: number = DAY_MILLISECONDS;

/** As it is stored; times in milliseconds since 1970. */
export interface ClockRecord {
  /** The latest time that was believed. */
  readonly seen: number;
  /** When the present stretch began: after an absence, a leap, or a step back. */
  readonly since: number;
  /** The last time before it. */
  readonly before: number;
  /** The clock is behind `seen`, and it is not known which of the two was wrong. */
  readonly isBehind: boolean;
  /** When a clock that was ahead was last known to have been set back. */
  readonly setBackAt?: number | undefined;
}

export interface ClockSighting {
  readonly record: ClockRecord;
  /** What happened since the last sighting. `back`: told once, when it is noticed. */
  readonly jump: "none" | "forward" | "back" | "believed" | "caught-up";
}

/** One look at the clock. @param record of the last look, undefined at the first */
export function sightClock(record: ClockRecord | undefined, now: number): ClockSighting {
  if (record === undefined) return { record: { seen: now, since: now, before: now, isBehind: !isPlausible(now) }, jump: "none" };
  return record.isBehind ? stillBehind(record, now) : further(record, now);
}

function further(record: ClockRecord, now: number): ClockSighting {
  const { seen } = record;
  if (now < seen - CLOCK_SLACK_MILLISECONDS) return { record: { ...record, since: now, before: now, isBehind: true }, jump: "back" };
  if (now > seen + LEAP_MILLISECONDS) return { record: { ...record, seen: now, since: now, before: seen }, jump: "forward" };
  return { record: { ...record, seen: Math.max(seen, now) }, jump: "none" };
}

function stillBehind(record: ClockRecord, now: number): ClockSighting {
  const { seen, since } = record;
  if (now >= seen - CLOCK_SLACK_MILLISECONDS && isPlausible(now)) {
    return {
      record: { ...record, seen: Math.max(seen, now), since: now, before: Math.min(seen, now), isBehind: false },
      jump: "caught-up",
    };
  }
  if (now < since) return { record: { ...record, since: now, before: now }, jump: "none" };
  if (now - since < BELIEVED_AFTER_MILLISECONDS || !isPlausible(now)) return { record, jump: "none" };
  return { record: { seen: now, since: now, before: since, isBehind: false, setBackAt: now }, jump: "believed" };
}

/** Until when what has run out may be destroyed: `now` for a clock that has stood for a day, else the last time before the leap. */
export function believedUntil({ since, before, isBehind }: ClockRecord, now: number): number {
  const hasStood = !isBehind && now - since >= BELIEVED_AFTER_MILLISECONDS;
  return hasStood ? now : Math.min(now, before);
}

function isPlausible(now: number): boolean {
  return now >= EARLIEST_PLAUSIBLE_MILLISECONDS;
}
