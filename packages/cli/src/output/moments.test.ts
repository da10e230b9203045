import assert from "node:assert/strict";
import { test } from "node:test";
import { hasCode } from "@talos/testkit";
import { formatDate, formatTime, parseMoment } from "./moments.ts";

test("a time is shown to the minute or the day, and one that is no date or not there is told", () => {
  const now = Date.UTC(2026, 10, 24, 15, 37, 53);
  assert.deepEqual([formatTime(now), formatDate(now)], ["2026-11-24 15:37Z", "2026-11-24"]);
  assert.deepEqual([formatTime(undefined), formatDate(undefined)], ["-", "-"]);
  for (const time of [2 ** 53 - 1, 9e15, -9e15]) assert.deepEqual([formatTime(time), formatDate(time)], ["no date", "no date"]);
});

test("a moment is a date, a time with its zone, or how long ago; nothing that depends on the machine", () => {
  const now = Date.UTC(2026, 10, 24, 15, 37);
  for (const [text, expected] of [
    ["2026-11-24", Date.UTC(2026, 10, 24)],
    ["2026-11-24T15:37Z", now],
    ["2026-11-24T16:37:00+01:00", now],
    ["90m", now - 5_400_000],
    ["12h", now - 43_200_000],
    ["2w", now - 14 * 86_400_000],
    ["999999w", 0],
  ] as const) {
    assert.equal(parseMoment(text, now), expected, text);
  }
  for (const text of ["", "yesterday", "2026-11-24T15:37", "11/24/2026", "2026-13-40", "7", "-7d", "7.5d"]) {
    assert.throws(() => parseMoment(text, now), hasCode("INVALID_ARGUMENT"), text);
  }
});
