// The interleaved A/B harness: ours and its baselines run in turns, in many small rounds, so that whatever slows the machine for a
// while slows all of them. What counts is the median of the ratios within a round, not the ratio of two times taken apart.
// Knows no operation, and prints nothing.

/** One run of what is measured; whoever returns a promise is awaited each time. */
export type Work = () => void | Promise<void>;

export interface Operation {
  readonly operation: string;
  readonly ours: Work;
  /** By name, each doing with bare means what `ours` does. */
  readonly baselines: Readonly<Record<string, Work>>;
  /** What one run of each work does so many times over; times are of one. Default 1. */
  readonly perRun?: number;
  /** Runs after each run of `ours`, and is not measured: closes what was opened, ends what was made. */
  readonly afterEach?: Work;
  /** What the target speaks of: how many times a baseline, or how much longer. Default `ratio`. */
  readonly judgedBy?: "ratio" | "difference";
  /** Runs after the last round, whatever happened. */
  readonly close?: Work;
}

export interface Measurement {
  readonly operation: string;
  /** Median over the rounds. */
  readonly oursMicroseconds: number;
  /** Ours divided by the baseline of that name: median over the rounds of the ratio within the round. */
  readonly ratios: Readonly<Record<string, number>>;
  /** Ours minus the baseline of that name, in microseconds: median over the rounds of the difference within the round. */
  readonly differences: Readonly<Record<string, number>>;
  readonly judgedBy: "ratio" | "difference";
}

export interface MeasureOptions {
  readonly rounds: number;
  /** A turn repeats its work until it takes about this long: long against the clock's grain, short against a disturbance. */
  readonly turnMicroseconds: number;
  /** The time in microseconds. */
  readonly clock: () => number;
}

export const DEFAULT_MEASURE_OPTIONS: MeasureOptions = {
  rounds: 101,
  turnMicroseconds: 2_000,
  clock: () => performance.now() * 1_000,
};

const MAX_REPEATS = 1_000_000;
const WARM_UP_TURNS = 5;

interface Contender {
  readonly name: string;
  readonly work: Work;
  readonly afterEach: Work | undefined;
  readonly repeats: number;
  /** Microseconds of one run, by round. */
  readonly times: number[];
}

export async function measure(operation: Operation, options: Partial<MeasureOptions> = {}): Promise<Measurement> {
  const settings = { ...DEFAULT_MEASURE_OPTIONS, ...options };
  try {
    const ours = await contender("ours", operation.ours, operation.afterEach, settings);
    const baselines: Contender[] = [];
    for (const [name, work] of Object.entries(operation.baselines)) baselines.push(await contender(name, work, undefined, settings));

    for (let round = 0; round < settings.rounds; round += 1) {
      for (const one of turns([ours, ...baselines], round)) one.times.push(await turn(one, settings.clock));
    }
    const { perRun = 1, judgedBy = "ratio" } = operation;
    const compared = (by: (ours: readonly number[], theirs: readonly number[]) => number[]): [string, number][] =>
      baselines.map(({ name, times }) => [name, median(by(ours.times, times))]);
    return {
      operation: operation.operation,
      oursMicroseconds: median(ours.times) / perRun,
      ratios: Object.fromEntries(compared(ratios)),
      differences: Object.fromEntries(compared(differences).map(([name, difference]) => [name, difference / perRun])),
      judgedBy,
    };
  } finally {
    await operation.close?.();
  }
}

/** Even rounds forward, odd ones backward: nobody always runs on the caches that the same other one left behind. */
export function turns<T>(contenders: readonly T[], round: number): readonly T[] {
  return round % 2 === 0 ? contenders : contenders.toReversed();
}

/** The middle value, or the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

/** Pair by pair; both have one value a round. */
export function ratios(numerators: readonly number[], denominators: readonly number[]): number[] {
  return numerators.map((numerator, round) => numerator / (denominators[round] ?? Number.NaN));
}

function differences(minuends: readonly number[], subtrahends: readonly number[]): number[] {
  return minuends.map((minuend, round) => minuend - (subtrahends[round] ?? Number.NaN));
}

/** Warms the work up, and finds how often a turn repeats it. */
async function contender(
  name: string,
  work: Work,
  afterEach: Work | undefined,
  { turnMicroseconds, clock }: MeasureOptions,
): Promise<Contender> {
  let repeats = 1;
  let elapsed = await turn({ work, afterEach, repeats }, clock);
  for (let warmUp = 0; warmUp < WARM_UP_TURNS || elapsed * repeats < turnMicroseconds / 4; warmUp += 1) {
    if (repeats >= MAX_REPEATS) break;
    repeats = Math.min(MAX_REPEATS, repeats * 10, Math.max(1, Math.round(turnMicroseconds / Math.max(elapsed, 1e-3))));
    elapsed = await turn({ work, afterEach, repeats }, clock);
  }
  return { name, work, afterEach, repeats, times: [] };
}

/** Microseconds of one run of the work, as the mean of so many. */
async function turn({ work, afterEach, repeats }: Pick<Contender, "work" | "afterEach" | "repeats">, clock: () => number): Promise<number> {
  let apart = 0;
  const started = clock();
  for (let run = 0; run < repeats; run += 1) {
    const pending = work();
    if (pending !== undefined) await pending;
    if (afterEach === undefined) continue;
    const paused = clock();
    await afterEach();
    apart += clock() - paused;
  }
  return (clock() - started - apart) / repeats;
}
