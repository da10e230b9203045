import assert from "node:assert/strict";
import { test } from "node:test";
import { measure, median, type Operation, ratios, turns } from "./harness.ts";

/** Works that take exactly so long by a clock that only they move. */
class FakeTime {
  now = 0;
  readonly order: string[] = [];
  readonly clock = (): number => this.now;

  work(name: string, microseconds: () => number): () => void {
    return () => {
      this.order.push(name);
      this.now += microseconds();
    };
  }
}

test("the median is the middle value, or the mean of the middle two", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 3, 2]), 2.5);
  assert.equal(median([7]), 7);
  assert.equal(Number.isNaN(median([])), true);
});

test("ratios are taken within a round", () => {
  assert.deepEqual(ratios([2, 9, 1], [1, 3, 2]), [2, 3, 0.5]);
});

test("the order of turns alternates", () => {
  assert.deepEqual(
    [0, 1, 2].map((round) => turns(["a", "b", "c"], round).join("")),
    ["abc", "cba", "abc"],
  );
});

test("a machine that slows down for some rounds changes the times, not the ratios", async () => {
  const time = new FakeTime();
  const slowness = (): number => (time.now > 1_000_000 ? 10 : 1);
  const operation: Operation = {
    operation: "example",
    ours: time.work("ours", () => 300 * slowness()),
    baselines: { primitives: time.work("primitives", () => 250 * slowness()), other: time.work("other", () => 600 * slowness()) },
  };
  const { oursMicroseconds, ratios: found } = await measure(operation, { rounds: 1_001, clock: time.clock });
  assert.ok(Math.abs(oursMicroseconds - 3_000) < 1);
  assert.ok(Math.abs((found["primitives"] ?? 0) - 1.2) < 1e-6);
  assert.ok(Math.abs((found["other"] ?? 0) - 0.5) < 1e-6);
});

test("what runs after each run is not measured, and the difference is taken within a round", async () => {
  const time = new FakeTime();
  let after = 0;
  const { oursMicroseconds, differences, judgedBy } = await measure(
    {
      operation: "example",
      ours: time.work("ours", () => 3_000),
      baselines: { bare: time.work("bare", () => 2_500) },
      afterEach: () => {
        after += 1;
        time.now += 70_000;
      },
      judgedBy: "difference",
    },
    { rounds: 11, clock: time.clock },
  );
  assert.equal(oursMicroseconds, 3_000);
  assert.deepEqual(differences, { bare: 500 });
  assert.equal(judgedBy, "difference");
  assert.equal(after, time.order.filter((name) => name === "ours").length);
});

test("work that is long runs once a turn, promises are awaited, and close runs even after a failure", async () => {
  const time = new FakeTime();
  let closed = 0;
  const close = (): void => {
    closed += 1;
  };
  const ours = async (): Promise<void> => {
    await Promise.resolve();
    time.now += 50_000;
  };
  const operation: Operation = { operation: "slow", ours, baselines: { bare: time.work("bare", () => 50_000) }, close };
  const measurement = await measure(operation, { rounds: 3, clock: time.clock });
  const none = { ratios: { bare: 1 }, differences: { bare: 0 }, judgedBy: "ratio" };
  assert.deepEqual(measurement, { operation: "slow", oursMicroseconds: 50_000, ...none });
  assert.ok(time.order.length < 20);

  assert.equal((await measure({ ...operation, perRun: 5 }, { rounds: 3, clock: time.clock })).oursMicroseconds, 10_000);
  const failing = { ...operation, ours: (): void => assert.fail("broken") };
  await assert.rejects(measure(failing, { rounds: 3, clock: time.clock }), /broken/);
  assert.equal(closed, 3);
});
