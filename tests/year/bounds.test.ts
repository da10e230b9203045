// The bounds that the year is judged by, against the rule that the product goes by: neither wider nor narrower, whoever is away when.
import assert from "node:assert/strict";
import { test } from "node:test";
import { believedUntil, sightClock, type ClockRecord } from "@talos/core";
import * as fc from "fast-check";
import { firstChanceToEnd, type Opening } from "./bounds.ts";
import { DAY } from "./year-plan.ts";

const HOUR = DAY / 24;
const MINUTE = HOUR / 60;
const START = Date.UTC(2026, 10, 24);

function opening(fromDay: number, toDay?: number): Opening {
  return { from: START + fromDay * DAY, to: toDay === undefined ? undefined : START + toDay * DAY };
}

/** In days, for a key that runs out on that day. */
function endDay(openings: readonly Opening[], day: number): number {
  return (firstChanceToEnd(openings, START + day * DAY) - START) / DAY;
}

test("the day for which a clock must stand goes on after a restart, and begins anew after another day off", () => {
  const restarted = [opening(0, 30), opening(90.5, 91), opening(91.25, 120), opening(120.25)];
  assert.equal(endDay(restarted, 81), 91.5, "not as soon as it is back");
  assert.equal(endDay(restarted, 29), 29);
  assert.equal(endDay(restarted, 91.75), 91.75);
  assert.equal(endDay(restarted, 120.125), 120.25);
  const awayAgain = [opening(0, 30), opening(90.5, 91), opening(100)];
  assert.equal(endDay(awayAgain, 81), 100, "it had run out before that day off");
  assert.equal(endDay(awayAgain, 95), 101);
  assert.equal(endDay([opening(0, 30)], 81), Number.POSITIVE_INFINITY);
});

/** Hours of being away and of being there: some of them a restart, some more than the day. */
const hours = fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 90 * 24 }));

test("whoever is away when: the bound is the hour in which an agent that looks every hour may destroy", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(hours, hours), { maxLength: 8 }), fc.integer({ min: 0, max: 200 * 24 }), (stretches, endHour) => {
      // Off the hour, so that no two times are the same.
      const at = START + endHour * HOUR + 30 * MINUTE;
      const openings: Opening[] = [];
      let from = START;
      for (const [here, away] of stretches) {
        openings.push({ from, to: from + here * HOUR + 15 * MINUTE });
        from += (here + away) * HOUR;
      }
      openings.push({ from, to: Math.max(from, at) + 3 * DAY });
      const ended = firstDestroyed(openings, at);
      const bound = firstChanceToEnd(openings, at);
      assert.ok(bound <= ended && ended < bound + HOUR, `${(ended - bound) / HOUR} hours after the bound`);
    }),
  );
});

/** By the product's own rule: a look at each opening, at each hour of it, and at its end. */
function firstDestroyed(openings: readonly Opening[], at: number): number {
  let record: ClockRecord | undefined;
  for (const { from, to = from } of openings) {
    for (let now = from; ; now = Math.min(now + HOUR, to)) {
      ({ record } = sightClock(record, now));
      if (at <= believedUntil(record, now)) return now;
      if (now === to) break;
    }
  }
  return Number.POSITIVE_INFINITY;
}
