// Which copy of the peer speaks: its (log seq, generation) may only rise along the ratchet. A copy that was left behind, or a thief's,
// speaks under a lower pair and is refused; honest mail from before the rise is late, not old.
// Source: docs/protocol/ratchet.md, "Generations".
import { talosError } from "../errors/talos-error.ts";

/** A place in the peer's half of the ratchet: number of the chain, and counter in it. */
export interface RatchetPlace {
  readonly chain: number;
  readonly counter: number;
}

/** Which copy of an agent, in the order of its certificates. */
export interface GenerationPair {
  readonly logSeq: number;
  readonly generation: number;
}

/** From this place on, nothing below this pair is accepted. */
export interface GenerationPoint extends RatchetPlace, GenerationPair {}

export interface GenerationVerdict {
  readonly points: readonly GenerationPoint[];
  /** True if messages from behind this place were accepted before under a lower pair: a second copy has been heard. */
  readonly secondCopyHeard: boolean;
}

/**
 * Rises that a session remembers. Each opening of the peer's agent is one; beyond the bound the oldest two are joined, which refuses
 * honest mail that is later than all of the others.
 */
export const MAX_GENERATION_POINTS = 64;

/**
 * Judges an authenticated message, and remembers a rise.
 *
 * @param points in the order of their places; their pairs rise with them
 * @throws TalosError GENERATION_REGRESSED if the pair is lower than one that began at or before this place
 */
export function checkGeneration(points: readonly GenerationPoint[], place: RatchetPlace, pair: GenerationPair): GenerationVerdict {
  const newest = points.at(-1);
  if (newest !== undefined && comparePairs(pair, newest) === 0 && comparePlaces(newest, place) <= 0)
    return { points, secondCopyHeard: false };
  const before = points.filter((point) => comparePlaces(point, place) <= 0);
  const behind = points.slice(before.length);
  const floor = before.at(-1);
  const rise = floor === undefined ? 1 : comparePairs(pair, floor);
  if (rise < 0) {
    throw talosError("GENERATION_REGRESSED", undefined, { details: { logSeq: pair.logSeq, generation: pair.generation } });
  }
  if (rise === 0) return { points, secondCopyHeard: false };
  // What began behind this place under no higher pair begins here now.
  const higher = behind.filter((point) => comparePairs(point, pair) > 0);
  const lower = before.filter((point) => comparePlaces(point, place) < 0);
  const secondCopyHeard = behind.some((point) => comparePairs(point, pair) < 0);
  return { points: bounded([...lower, { ...place, ...pair }, ...higher]), secondCopyHeard };
}

/** True if places and pairs both rise from point to point: what a session remembers, and what its store must give back. */
export function isRising(points: readonly GenerationPoint[]): boolean {
  return points.every((point, at) => {
    const before = points[at - 1];
    return before === undefined || (comparePlaces(before, point) < 0 && comparePairs(before, point) < 0);
  });
}

/** The second point takes the place of the first: stricter for the oldest mail, never laxer. */
function bounded(points: readonly GenerationPoint[]): readonly GenerationPoint[] {
  const [first, second, ...rest] = points;
  if (points.length <= MAX_GENERATION_POINTS || first === undefined || second === undefined) return points;
  return [{ ...second, chain: first.chain, counter: first.counter }, ...rest];
}

function comparePlaces(a: RatchetPlace, b: RatchetPlace): number {
  return a.chain - b.chain || a.counter - b.counter;
}

function comparePairs(a: GenerationPair, b: GenerationPair): number {
  return a.logSeq - b.logSeq || a.generation - b.generation;
}
