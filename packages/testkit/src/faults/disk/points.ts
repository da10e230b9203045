/**
 * At which calls an operation meets which faults, and which of these points are tried where not all are. Knows no operation.
 */
import type { FaultPoint } from "./child.ts";
import type { FaultMode } from "./orders.ts";
import { seededRandom } from "./random.ts";

export interface SamplingOptions {
  /** Of the points of each kind only every k-th, beginning anywhere; and one mode of failing a point, in turn. Default: all of everything. */
  readonly every?: number;
  /** Of the points of each kind at most so many, anywhere. Default: no limit. */
  readonly most?: number;
  /** At each point one mode of failing it, in turn, instead of all. Default: where not every point is tried. */
  readonly inTurn?: boolean;
  readonly seed?: number;
}

const FAILING_ONCE: readonly FaultMode[] = ["ENOSPC", "EIO", "EACCES", "EROFS"];
const FAILING_ON: readonly FaultMode[] = ["ENOSPC-on", "EIO-on", "EROFS-on"];
export class Sampler {
  readonly #options: SamplingOptions;
  readonly #index: number;
  #count = 0;

  /** @param index of the operation */
  constructor(options: SamplingOptions, index: number) {
    this.#options = options;
    this.#index = index;
  }

  /** Every k-th, from another one for each operation, and one at least; of these at most so many. */
  sample<T>(points: readonly T[]): T[] {
    const { every = 1, seed = 1, most = Infinity } = this.#options;
    const offset = seed + this.#index;
    const some = points.filter((_, index) => (index + offset) % every === 0);
    const chosen = some.length > 0 ? some : points.slice(offset % points.length, (offset % points.length) + 1);
    if (chosen.length <= most) return chosen;
    const from = seededRandom(seed * 1000 + this.#index * 10 + this.#count++)();
    return range(most).flatMap((n) => chosen.slice(Math.floor(((n - 1 + from) * chosen.length) / most)).slice(0, 1));
  }

  inTurn(points: readonly FaultPoint[], n: number): readonly FaultPoint[] {
    const { every = 1, most, inTurn = every !== 1 || most !== undefined } = this.#options;
    return inTurn ? points.slice(n % points.length, (n % points.length) + 1) : points;
  }
}

/** Killed before a call, or in the middle of what it writes. */
export function killPoints(changes: number, kinds: ReadonlyMap<number, string>, sampler: Sampler): FaultPoint[] {
  return [
    ...sampler.sample(range(changes).map((n): FaultPoint => ({ mode: "kill", n }))),
    ...sampler.sample(writesOf(changes, kinds).map((n): FaultPoint => ({ mode: "torn", n }))),
  ];
}

export function failPoints(
  { changes, opens }: { readonly changes: number; readonly opens: number },
  kinds: ReadonlyMap<number, string>,
  sampler: Sampler,
): FaultPoint[] {
  const all = (modes: readonly FaultMode[], calls: readonly number[], lasts: readonly boolean[] = [false]): FaultPoint[] =>
    calls.flatMap((n) =>
      sampler.inTurn(
        modes.flatMap((mode) => lasts.map((last): FaultPoint => ({ mode, n, ...(last ? { lasts: last } : {}) }))),
        n,
      ),
    );
  return [
    ...sampler.sample(all(FAILING_ONCE, range(changes))),
    ...sampler.sample(all(FAILING_ON, range(changes), [false, true])),
    ...sampler.sample(all(["short"], writesOf(changes, kinds))),
    ...sampler.sample(all(["EMFILE"], range(opens))),
    ...sampler.sample(all(["EMFILE-on"], range(opens), [false, true])),
  ];
}

function writesOf(changes: number, kinds: ReadonlyMap<number, string>): number[] {
  return range(changes).filter((n) => kinds.get(n) === "write");
}

export function range(length: number): number[] {
  return Array.from({ length }, (_, index) => index + 1);
}
