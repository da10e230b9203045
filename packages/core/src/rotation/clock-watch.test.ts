import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { believedUntil, sightClock, type ClockRecord, type ClockSighting } from "./clock-watch.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const MINUTE = 60_000;
const START = Date.UTC(2026, 10, 24);

function looks(...times: readonly number[]): ClockSighting {
  const [first = START, ...others] = times;
  return others.reduce((sighting, now) => sightClock(sighting.record, now), sightClock(undefined, first));
}

test("the first look is believed, and so is a clock that goes on", () => {
  assert.deepEqual(looks(START), { record: { seen: START, since: START, before: START, isBehind: false }, jump: "none" });
  assert.deepEqual(looks(START, START + HOUR, START + 2 * HOUR).record, {
    seen: START + 2 * HOUR,
    since: START,
    before: START,
    isBehind: false,
  });
  assert.equal(believedUntil(looks(START).record, START), START);
});

test("a first look before there were agents is not believed", () => {
  const { record } = looks(5000);
  assert.equal(record.isBehind, true);
  assert.equal(looks(5000, 5000 + 3 * DAY).record.isBehind, true, "however long it says so");
  assert.deepEqual(looks(5000, START).jump, "caught-up");
  assert.equal(looks(5000, START).record.isBehind, false);
  assert.equal(looks(5000, Date.UTC(2026, 0, 1)).record.isBehind, false);
  assert.equal(looks(5000, Date.UTC(2026, 0, 1) - 1).record.isBehind, true);
});

test("an absence or a leap forward is noticed beyond a day; nothing is destroyed by it before the clock has stood for a day", () => {
  assert.equal(looks(START, START + DAY).jump, "none");
  const leapt = looks(START, START + DAY + 1);
  assert.equal(leapt.jump, "forward");
  assert.deepEqual(leapt.record, { seen: START + DAY + 1, since: START + DAY + 1, before: START, isBehind: false });
  const far = looks(START, START + 300 * DAY).record;
  assert.equal(believedUntil(far, START + 300 * DAY), START);
  assert.equal(believedUntil(far, START + 301 * DAY - 1), START);
  assert.equal(believedUntil(far, START + 301 * DAY), START + 301 * DAY);
});

test("the day for which a clock must stand goes on over restarts, and begins anew after more than a day off", () => {
  const leapt = [START, START + 60 * DAY, START + 60 * DAY + 12 * HOUR] as const;
  const restarted = looks(...leapt, START + 61 * DAY - HOUR).record;
  assert.equal(restarted.since, START + 60 * DAY, "a restart is no reason to wait for longer");
  assert.equal(believedUntil(restarted, START + 61 * DAY - 1), START, "nor for less");
  assert.equal(believedUntil(restarted, START + 61 * DAY), START + 61 * DAY);
  const awayAgain = looks(...leapt, START + 62 * DAY).record;
  assert.equal(believedUntil(awayAgain, START + 63 * DAY - 1), START + 60 * DAY + 12 * HOUR);
  assert.equal(believedUntil(awayAgain, START + 63 * DAY), START + 63 * DAY);
});

test("who opens the agent once a week only is one look behind, and no more", () => {
  const { record } = looks(START, START + 7 * DAY, START + 14 * DAY);
  assert.equal(believedUntil(record, START + 14 * DAY), START + 7 * DAY);
});

test("a clock that goes back is behind, but for what honest clocks differ by", () => {
  assert.deepEqual(looks(START, START - 10 * MINUTE), looks(START));
  const back = looks(START, START + 5 * DAY, START + 2 * DAY);
  assert.equal(back.jump, "back");
  assert.deepEqual(back.record, { seen: START + 5 * DAY, since: START + 2 * DAY, before: START + 2 * DAY, isBehind: true });
  assert.equal(sightClock(back.record, START + 2 * DAY + HOUR).jump, "none", "told once");
  assert.equal(believedUntil(back.record, START + 2 * DAY), START + 2 * DAY);
});

test("behind, it catches up, or is believed when it has stood for a day", () => {
  const back = [START, START + 5 * DAY, START + 2 * DAY] as const;
  const caughtUp = looks(...back, START + 5 * DAY - 10 * MINUTE);
  assert.deepEqual([caughtUp.jump, caughtUp.record.isBehind, caughtUp.record.seen], ["caught-up", false, START + 5 * DAY]);
  assert.equal(believedUntil(caughtUp.record, START + 5 * DAY), START + 5 * DAY - 10 * MINUTE);
  const later = looks(...back, START + 9 * DAY);
  assert.deepEqual(later.record, { seen: START + 9 * DAY, since: START + 9 * DAY, before: START + 5 * DAY, isBehind: false });

  assert.equal(looks(...back, START + 3 * DAY - 1).record.isBehind, true);
  const believed = looks(...back, START + 3 * DAY);
  assert.equal(believed.jump, "believed");
  assert.deepEqual(believed.record, {
    seen: START + 3 * DAY,
    since: START + 3 * DAY,
    before: START + 2 * DAY,
    isBehind: false,
    setBackAt: START + 3 * DAY,
  });
});

test("a clock that goes back further begins its day anew", () => {
  const further = looks(START, START + 5 * DAY, START + 2 * DAY, START + DAY);
  assert.deepEqual([further.jump, further.record.since, further.record.before], ["none", START + DAY, START + DAY]);
  assert.equal(looks(START, START + 5 * DAY, START + 2 * DAY, START + DAY, START + 2 * DAY - 1).record.isBehind, true);
  assert.equal(looks(START, START + 5 * DAY, START + 2 * DAY, START + DAY, START + 2 * DAY).record.isBehind, false);
});

const step = fc.integer({ min: -400 * 24, max: 400 * 24 }).map((hours) => hours * HOUR);

test("whatever a clock does: what may be destroyed was never later than the time of an earlier look, or than a day that passed by it", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), (steps) => {
      let now = START;
      let record: ClockRecord = sightClock(undefined, now).record;
      const seen = [now];
      for (const milliseconds of steps) {
        now += milliseconds;
        ({ record } = sightClock(record, now));
        const until = believedUntil(record, now);
        const hasStood = !record.isBehind && now - record.since >= DAY;
        assert.ok(until <= now);
        assert.ok(hasStood || seen.some((time) => until <= time), "a time of which only one look knows");
        seen.push(now);
      }
    }),
  );
});

test("whatever a clock did: where it goes right for two days, it is believed", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      let now = START;
      let record = sightClock(undefined, now).record;
      for (const milliseconds of steps) ({ record } = sightClock(record, (now += milliseconds)));
      now = Math.max(now, START);
      for (let hours = 0; hours <= 49; hours++) ({ record } = sightClock(record, now + hours * HOUR));
      assert.equal(record.isBehind, false);
      assert.equal(believedUntil(record, now + 49 * HOUR), now + 49 * HOUR);
    }),
  );
});
