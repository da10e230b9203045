import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { isTalosError } from "../errors/talos-error.ts";
import {
  checkGeneration,
  isRising,
  MAX_GENERATION_POINTS,
  type GenerationPair,
  type GenerationPoint,
  type RatchetPlace,
} from "./generations.ts";

const pair = (generation: number, logSeq = 0): GenerationPair => ({ logSeq, generation });
const place = (chain: number, counter: number): RatchetPlace => ({ chain, counter });

function after(...heard: readonly [RatchetPlace, GenerationPair][]): readonly GenerationPoint[] {
  let points: readonly GenerationPoint[] = [];
  for (const [where, who] of heard) points = checkGeneration(points, where, who).points;
  return points;
}

function refuses(points: readonly GenerationPoint[], where: RatchetPlace, who: GenerationPair): void {
  assert.throws(
    () => checkGeneration(points, where, who),
    (error) => isTalosError(error, "GENERATION_REGRESSED"),
  );
}

test("a lower pair is refused at and after the place where the higher began, and accepted before it", () => {
  const points = after([place(0, 0), pair(1)], [place(2, 5), pair(2)]);
  refuses(points, place(2, 5), pair(1));
  refuses(points, place(2, 6), pair(1));
  refuses(points, place(3, 0), pair(1));
  assert.equal(checkGeneration(points, place(2, 4), pair(1)).points, points);
  assert.equal(checkGeneration(points, place(1, 9), pair(1)).points, points);
  assert.equal(checkGeneration(points, place(3, 0), pair(2)).points, points);
});

test("the log seq counts before the generation", () => {
  const points = after([place(0, 0), pair(9, 1)]);
  refuses(points, place(0, 1), pair(10, 0));
  assert.equal(checkGeneration(points, place(0, 1), pair(1, 2)).points.length, 2);
});

test("a rise that is learned late counts from its own place, and shows that a second copy was heard behind it", () => {
  const points = after([place(0, 0), pair(1)], [place(0, 8), pair(3)]);
  const late = checkGeneration(points, place(0, 4), pair(2));
  assert.equal(late.secondCopyHeard, false);
  assert.deepEqual(
    late.points.map((point) => [point.counter, point.generation]),
    [
      [0, 1],
      [4, 2],
      [8, 3],
    ],
  );

  const conflict = checkGeneration(points, place(0, 4), pair(5));
  assert.equal(conflict.secondCopyHeard, true);
  assert.deepEqual(
    conflict.points.map((point) => [point.counter, point.generation]),
    [
      [0, 1],
      [4, 5],
    ],
  );
  const earlier = checkGeneration(points, place(0, 4), pair(3));
  assert.equal(earlier.secondCopyHeard, false);
  assert.deepEqual(
    earlier.points.map((point) => [point.counter, point.generation]),
    [
      [0, 1],
      [4, 3],
    ],
  );
});

test("what is remembered is bounded, and never gets laxer", () => {
  const heard = Array.from({ length: 200 }, (_, i): [RatchetPlace, GenerationPair] => [place(i, 0), pair(i + 1)]);
  const points = after(...heard);
  assert.equal(points.length, MAX_GENERATION_POINTS);
  assert.deepEqual(checkGeneration(points, place(199, 1), pair(200)).points, points);
  for (const [where, who] of heard.slice(1)) refuses(points, where, pair(who.generation - 1));
});

test("whatever arrives in whatever order: what is accepted never falls along the ratchet, unless it is said", () => {
  const message = fc.record({ chain: fc.nat(4), counter: fc.nat(4), generation: fc.integer({ min: 1, max: 5 }), logSeq: fc.nat(1) });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 30 }), (messages) => {
      let points: readonly GenerationPoint[] = [];
      const accepted: (RatchetPlace & GenerationPair)[] = [];
      const rank = (one: GenerationPair): number => one.logSeq * 100 + one.generation;
      const where = (one: RatchetPlace): number => one.chain * 100 + one.counter;
      for (const one of messages) {
        const highestBefore = Math.max(0, ...accepted.filter((other) => where(other) <= where(one)).map(rank));
        const lowerBehind = accepted.some((other) => where(other) > where(one) && rank(other) < rank(one));
        if (rank(one) < highestBefore) {
          refuses(points, one, one);
          continue;
        }
        const verdict = checkGeneration(points, one, one);
        if (verdict.secondCopyHeard) assert.equal(lowerBehind, true);
        points = verdict.points;
        accepted.push(one);
      }
      assert.equal(isRising(points), true);
    }),
  );
});
