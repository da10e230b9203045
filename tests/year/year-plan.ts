/**
 * What happens to three agents in 400 days, all of it drawn from a seed before it begins: who writes to whom, who is away and for how long,
 * when an application sleeps or dies before it has acknowledged, when the directory is down, who else writes. Knows no agent.
 */
import type { RotationPolicy } from "@talos/core";
import { seededRandom } from "@talos/testkit/disk-faults";

const HOUR = 3_600_000;
export const DAY: number = 24 * HOUR;
const STEPS_A_DAY = 4;
/** Between two steps; shorter than a third of a certificate's life, which is left when it is due. */
export const LONGEST_STEP: number = 7 * HOUR;
const ABSENCE_DAYS = 60;

export const NAMES = ["alice", "bob", "carol"] as const;
export type Name = (typeof NAMES)[number];

/** Who sees to it that the identity is rotated. */
export type Care = "maintenance" | "cron" | "operator";

/** Closed from one step to another; the same step: closed and opened again. */
export interface Absence {
  readonly from: number;
  readonly to: number;
}

export interface MemberPlan {
  readonly rotation: Partial<RotationPolicy>;
  readonly care: Care;
  readonly absences: readonly Absence[];
}

export interface StepPlan {
  /** Milliseconds since the beginning. */
  readonly at: number;
  /** The last of its day. */
  readonly endsDay: boolean;
  readonly directoryIsDown: boolean;
  readonly messages: readonly { readonly from: Name; readonly to: Name; readonly characters: number }[];
  /** To whom somebody writes who is seen once. */
  readonly visit: Name | undefined;
  /** Applications that take nothing in this step. */
  readonly asleep: readonly Name[];
  /** Applications that die after the effect of the next message, before its acknowledgement. */
  readonly dying: readonly Name[];
}

export interface YearPlan {
  readonly seed: number;
  readonly members: Readonly<Record<Name, MemberPlan>>;
  readonly steps: readonly StepPlan[];
}

type Draw = (below: number) => number;

const SMALL_STOCK = { oneTimePrekeyTarget: 6, refillBelow: 3 } as const;

export function planYear(seed: number, days: number): YearPlan {
  const random = seededRandom(seed);
  const draw: Draw = (below) => Math.floor(random() * below);
  const steps = days * STEPS_A_DAY;
  // Never two one after the other: 90 days after a message its sender gives it up. The last is away while others rotate, and when its own
  // identity is due.
  const members: YearPlan["members"] = {
    alice: { rotation: { identityAutomatic: true }, care: "maintenance", absences: absences(draw, steps, 20, 40) },
    bob: { rotation: { ...SMALL_STOCK, identityDays: 240 }, care: "operator", absences: absences(draw, steps, 135, 150) },
    carol: { rotation: { ...SMALL_STOCK, identityAutomatic: true }, care: "cron", absences: absences(draw, steps, 310, 325) },
  };
  const outages = starts(draw, steps, 30 * STEPS_A_DAY).map((from) => ({ from, to: from + 1 + draw(2) }));
  const isAway = (name: Name, step: number): boolean => members[name].absences.some(({ from, to }) => from <= step && step < to);
  return {
    seed,
    members,
    steps: Array.from({ length: steps }, (_, step) => {
      const here = NAMES.filter((name) => !isAway(name, step));
      const directoryIsDown = outages.some(({ from, to }) => from <= step && step < to);
      return {
        at: (step + 1) * (DAY / STEPS_A_DAY) - (step % STEPS_A_DAY === STEPS_A_DAY - 1 ? 0 : draw(HOUR)),
        endsDay: step % STEPS_A_DAY === STEPS_A_DAY - 1,
        directoryIsDown,
        messages: here.flatMap((from) => messagesOf(draw, from)),
        visit: draw(60) === 0 && !directoryIsDown ? here[draw(here.length)] : undefined,
        asleep: here.filter(() => draw(30) === 0),
        dying: here.filter(() => draw(60) === 0),
      };
    }),
  };
}

function messagesOf(draw: Draw, from: Name): StepPlan["messages"] {
  const others = NAMES.filter((name) => name !== from);
  const count = draw(8) === 0 ? 1 + draw(3) : 0;
  return Array.from({ length: count }, () => ({
    from,
    to: others[draw(2)] as Name,
    characters: draw(20) === 0 ? 30_000 : 10 + draw(200),
  }));
}

/** One long absence that begins between these days, and restarts all through the year, some of them after most of a day. */
function absences(draw: Draw, steps: number, earliestDay: number, latestDay: number): readonly Absence[] {
  const from = (earliestDay + draw(latestDay - earliestDay)) * STEPS_A_DAY + draw(STEPS_A_DAY);
  const long = { from, to: from + ABSENCE_DAYS * STEPS_A_DAY };
  const short = starts(draw, steps, 20 * STEPS_A_DAY)
    .map((start) => ({ from: start, to: start + draw(STEPS_A_DAY) }))
    .filter(({ from: start, to }) => to < long.from - 1 || start > long.to + 1);
  return [...short, long].filter(({ to }) => to < steps - 1).sort((a, b) => a.from - b.from);
}

/** About one in `every` steps. */
function starts(draw: Draw, steps: number, every: number): readonly number[] {
  const found: number[] = [];
  for (let at = 4 + draw(every); at < steps; at += every / 2 + draw(every)) found.push(Math.floor(at));
  return found;
}
