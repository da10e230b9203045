import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_ROTATION_POLICY as POLICY } from "./policy.ts";
import { nextStockLook, stockFall } from "./stock.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

test("failure 14 (in part): an abnormal fall of the stock is told, with its numbers", () => {
  assert.equal(stockFall({ count: 100, at: 0 }, { count: 60, at: HOUR }, POLICY), undefined);
  assert.deepEqual(stockFall({ count: 100, at: 0 }, { count: 50, at: HOUR }, POLICY), {
    reason: "fast",
    left: 50,
    taken: 50,
    withinMilliseconds: HOUR,
  });
  assert.equal(stockFall({ count: 100, at: 0 }, { count: 51, at: HOUR }, POLICY), undefined);
  assert.equal(stockFall({ count: 100, at: 0 }, { count: 50, at: DAY + 1 }, POLICY), undefined, "slowly");
  assert.equal(stockFall({ count: 100, at: 0 }, { count: 50, at: DAY }, POLICY)?.reason, "fast");
});

test("a stock below the threshold is told when it gets there, and not again", () => {
  assert.deepEqual(stockFall({ count: 12, at: 0 }, { count: 9, at: 5 }, POLICY), {
    reason: "low",
    left: 9,
    taken: 3,
    withinMilliseconds: 5,
  });
  assert.equal(stockFall({ count: 10, at: 0 }, { count: 9, at: 5 }, POLICY)?.reason, "low");
  assert.equal(stockFall({ count: 12, at: 0 }, { count: 10, at: 5 }, POLICY), undefined);
  assert.equal(stockFall({ count: 9, at: 0 }, { count: 8, at: 5 }, POLICY), undefined);
  assert.deepEqual(stockFall(undefined, { count: 3, at: 5 }, POLICY), { reason: "low", left: 3, taken: 0, withinMilliseconds: 0 });
  assert.equal(stockFall(undefined, { count: 100, at: 5 }, POLICY), undefined);
});

test("a stock that grew, and a clock that went back, are no fall", () => {
  assert.equal(stockFall({ count: 9, at: 0 }, { count: 100, at: 5 }, POLICY), undefined);
  assert.deepEqual(stockFall({ count: 100, at: 9 }, { count: 8, at: 5 }, POLICY), {
    reason: "low",
    left: 8,
    taken: 92,
    withinMilliseconds: 0,
  });
});

test("the next look comes in an hour, sooner while the stock falls, and not within a minute", () => {
  assert.equal(nextStockLook(undefined, { count: 100, at: 0 }, POLICY), HOUR);
  assert.equal(nextStockLook({ count: 90, at: 0 }, { count: 100, at: HOUR }, POLICY), HOUR);
  assert.equal(nextStockLook({ count: 100, at: 0 }, { count: 99, at: HOUR }, POLICY), HOUR);
  assert.equal(nextStockLook({ count: 100, at: 0 }, { count: 50, at: HOUR }, POLICY), Math.floor((40 * HOUR) / 50 / 2));
  assert.equal(nextStockLook({ count: 100, at: DAY }, { count: 50, at: DAY + HOUR }, POLICY), Math.floor((40 * HOUR) / 50 / 2));
  assert.equal(nextStockLook({ count: 5, at: 0 }, { count: 5, at: HOUR }, POLICY), HOUR, "nothing taken, and nothing left to take");
  assert.equal(nextStockLook({ count: 100, at: 0 }, { count: 5, at: HOUR }, POLICY), 60_000);
  assert.equal(nextStockLook({ count: 100, at: HOUR }, { count: 5, at: HOUR }, POLICY), HOUR);
});
