import assert from "node:assert/strict";
import { test } from "node:test";
import { isTalosError } from "../errors/talos-error.ts";
import { checkPolicy, DEFAULT_ROTATION_POLICY, DELIVERY_HORIZON_DAYS, ROTATION_BOUNDS, type RotationPolicy } from "./policy.ts";

function optionOf(chosen: unknown): string {
  try {
    checkPolicy(chosen);
    return "taken";
  } catch (error) {
    return isTalosError(error) ? `${error.code} ${String(error.details?.["option"])}` : String(error);
  }
}

test("what nobody chose is as the documents say", () => {
  assert.deepEqual(checkPolicy(), {
    signedPrekeyDays: 30,
    signedPrekeyGraceDays: 14,
    oneTimePrekeyTarget: 100,
    refillBelow: 10,
    oneTimePrekeyDays: 90,
    refillsPerDay: 6,
    certificateRenewalPercent: 67,
    identityDays: 365,
    identityWarningDays: 30,
    identityAutomatic: false,
  });
  assert.deepEqual(checkPolicy({ refillBelow: undefined }), DEFAULT_ROTATION_POLICY);
  assert.equal(DELIVERY_HORIZON_DAYS, 37);
});

test("what is chosen stands, and the rest stays as by default", () => {
  const policy = checkPolicy({ signedPrekeyDays: 7, identityAutomatic: true });
  assert.deepEqual(policy, { ...DEFAULT_ROTATION_POLICY, signedPrekeyDays: 7, identityAutomatic: true });
  assert.deepEqual(Object.isFrozen(DEFAULT_ROTATION_POLICY) || DEFAULT_ROTATION_POLICY.signedPrekeyDays, 30);
});

test("a name that is none and a value that is none are refused by name", () => {
  assert.equal(optionOf({ signedPrekeyDay: 7 }), "UNKNOWN_OPTION rotation.signedPrekeyDay");
  assert.equal(optionOf({ toString: 7 }), "UNKNOWN_OPTION rotation.toString");
  for (const chosen of [null, 7, "weekly", [30]]) assert.equal(optionOf(chosen), "INVALID_ARGUMENT rotation", String(chosen));
  for (const value of ["7", 7.5, Number.NaN, Infinity, null, true]) {
    assert.equal(optionOf({ signedPrekeyDays: value }), "INVALID_ARGUMENT rotation.signedPrekeyDays", String(value));
  }
  assert.equal(optionOf({ identityAutomatic: 1 }), "INVALID_ARGUMENT rotation.identityAutomatic");
});

test("the bounds are those of the documents", () => {
  assert.deepEqual(ROTATION_BOUNDS, {
    signedPrekeyDays: { min: 1, max: 44 },
    signedPrekeyGraceDays: { min: 1, max: 44 },
    oneTimePrekeyTarget: { min: 2, max: 1000 },
    refillBelow: { min: 1, max: 999 },
    oneTimePrekeyDays: { min: 3, max: 90 },
    refillsPerDay: { min: 1, max: 48 },
    certificateRenewalPercent: { min: 10, max: 90 },
    identityDays: { min: 2, max: 1095 },
    identityWarningDays: { min: 1, max: 365 },
  });
});

/** Partners that let a bound of one threshold stand alone. */
const PARTNERS: Partial<Record<string, Partial<RotationPolicy>>> = {
  "signedPrekeyDays max": { signedPrekeyGraceDays: 1 },
  "signedPrekeyGraceDays max": { signedPrekeyDays: 1 },
  "oneTimePrekeyTarget min": { refillBelow: 1 },
  "refillBelow max": { oneTimePrekeyTarget: 1000 },
  "identityDays min": { identityWarningDays: 1 },
  "identityWarningDays max": { identityDays: 366 },
};

test("every threshold is taken at its bounds and refused one beyond", () => {
  for (const [name, { min, max }] of Object.entries(ROTATION_BOUNDS)) {
    const ends = { min: [min, min - 1], max: [max, max + 1] } as const;
    for (const [end, [bound, beyond]] of Object.entries(ends)) {
      const others = PARTNERS[`${name} ${end}`] ?? {};
      assert.equal(optionOf({ ...others, [name]: bound }), "taken", `${name} ${end}`);
      assert.equal(optionOf({ ...others, [name]: beyond }), `INVALID_ARGUMENT rotation.${name}`, `beyond ${name} ${end}`);
    }
  }
});

test("thresholds that do not fit together are refused, and the nearest that do are taken", () => {
  assert.equal(optionOf({ signedPrekeyDays: 31 }), "taken");
  assert.equal(optionOf({ signedPrekeyDays: 32 }), "INVALID_ARGUMENT rotation.signedPrekeyGraceDays");
  assert.equal(optionOf({ refillBelow: 99 }), "taken");
  assert.equal(optionOf({ refillBelow: 100 }), "INVALID_ARGUMENT rotation.refillBelow");
  assert.equal(optionOf({ identityDays: 31 }), "taken");
  assert.equal(optionOf({ identityDays: 30 }), "INVALID_ARGUMENT rotation.identityWarningDays");
});
