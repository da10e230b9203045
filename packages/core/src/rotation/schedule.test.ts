import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { checkPolicy, DEFAULT_ROTATION_POLICY } from "./policy.ts";
import { certificateDueAt, identityDueAt, isFromFuture, jittered, oneTimePrekeyTimes, signedPrekeyTimes } from "./schedule.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

test("by default: 30 and 44 days for a signed prekey, 76 and 90 for a one-time prekey, 365 for an identity", () => {
  assert.deepEqual(signedPrekeyTimes(DEFAULT_ROTATION_POLICY, 7, 0), { from: 7, to: 7 + 44 * DAY, dueAt: 7 + 30 * DAY });
  assert.deepEqual(oneTimePrekeyTimes(DEFAULT_ROTATION_POLICY, 7, 0), { from: 7, to: 7 + 90 * DAY, dueAt: 7 + 76 * DAY });
  assert.equal(identityDueAt(DEFAULT_ROTATION_POLICY, 7, 0), 7 + 365 * DAY);
});

test("short-lived one-time prekeys are replaced when a third of their life is left", () => {
  assert.equal(oneTimePrekeyTimes(checkPolicy({ oneTimePrekeyDays: 3 }), 0, 0).dueAt, 2 * DAY);
  assert.equal(oneTimePrekeyTimes(checkPolicy({ oneTimePrekeyDays: 42 }), 0, 0).dueAt, 28 * DAY);
  assert.equal(oneTimePrekeyTimes(checkPolicy({ oneTimePrekeyDays: 60 }), 0, 0).dueAt, 46 * DAY);
});

test("a certificate is renewed at two thirds of its life, or where the policy says", () => {
  const certificate = { from: 5, to: 5 + DAY };
  assert.equal(certificateDueAt(certificate), 5 + 16 * HOUR);
  assert.equal(certificateDueAt({ from: 0, to: 100 }), 67);
  assert.equal(certificateDueAt(certificate, { certificateRenewalPercent: 50 }), 5 + 12 * HOUR);
  assert.equal(certificateDueAt({ from: 0, to: 101 }, { certificateRenewalPercent: 50 }), 51);
});

test("jitter makes earlier, by a twentieth of the interval or 36 hours at most", () => {
  assert.equal(jittered(10 * DAY, 10 * DAY, 0), 10 * DAY);
  assert.equal(jittered(10 * DAY, 10 * DAY, 255), 10 * DAY - 12 * HOUR);
  assert.equal(jittered(365 * DAY, 365 * DAY, 255), 365 * DAY - 36 * HOUR);
  assert.equal(jittered(30 * DAY, 30 * DAY, 128), 30 * DAY - Math.floor((36 * HOUR * 128) / 255));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1095 }), fc.integer({ min: -10, max: 300 }), (days, byte) => {
      const dueAt = jittered(days * DAY, days * DAY, byte);
      assert.ok(dueAt <= days * DAY && dueAt >= days * DAY - Math.min((days * DAY) / 20, 36 * HOUR));
    }),
  );
});

test("under every policy and chance, a key is due after it was made and before it is published no more", () => {
  const days = fc.integer({ min: 1, max: 44 });
  fc.assert(
    fc.property(days, days, fc.integer({ min: 3, max: 90 }), fc.integer({ min: 0, max: 255 }), (signedPrekeyDays, grace, life, byte) => {
      const signedPrekeyGraceDays = Math.min(grace, 45 - signedPrekeyDays);
      const policy = checkPolicy({ signedPrekeyDays, signedPrekeyGraceDays, oneTimePrekeyDays: life });
      for (const [times, longest] of [
        [signedPrekeyTimes(policy, 1000, byte), 45],
        [oneTimePrekeyTimes(policy, 1000, byte), 90],
      ] as const) {
        assert.equal(times.from, 1000);
        assert.ok(times.dueAt > times.from && times.dueAt < times.to && times.to <= times.from + longest * DAY);
      }
      assert.ok(signedPrekeyTimes(policy, 1000, byte).dueAt <= 1000 + signedPrekeyDays * DAY);
    }),
  );
});

test("a key is of a time to come beyond what honest clocks differ by", () => {
  assert.equal(isFromFuture(600_000, 0), false);
  assert.equal(isFromFuture(600_001, 0), true);
});
