import assert from "node:assert/strict";
import { test } from "node:test";
import { formatDate, formatTime } from "./moments.ts";

test("a time is shown to the minute or the day, and one that is no date or not there is told", () => {
  const now = Date.UTC(2026, 10, 24, 15, 37, 53);
  assert.deepEqual([formatTime(now), formatDate(now)], ["2026-11-24 15:37Z", "2026-11-24"]);
  assert.deepEqual([formatTime(undefined), formatDate(undefined)], ["-", "-"]);
  for (const time of [2 ** 53 - 1, 9e15, -9e15]) assert.deepEqual([formatTime(time), formatDate(time)], ["no date", "no date"]);
});
