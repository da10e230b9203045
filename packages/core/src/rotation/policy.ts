// When keys are replaced, refilled and ended: every threshold with its bounds. Must not know any key.
// Source: docs/protocol/prekeys.md (the widest published validity), docs/decisions/key-schedule.md.
import { talosError } from "../errors/talos-error.ts";
import { DAY_MILLISECONDS } from "../keys/time.ts";

/** The mailbox's 30 days and a week: what was published until then can still be used by what arrives until this much later. */
export const DELIVERY_HORIZON_DAYS = 37;
export const DELIVERY_HORIZON_MILLISECONDS: number = DELIVERY_HORIZON_DAYS * DAY_MILLISECONDS;
/** A signed prekey, and so a batch, is published for at most so long. */
export const MAX_SIGNED_PREKEY_DAYS = 45;
export const MAX_ONE_TIME_PREKEY_DAYS = 90;
/** A batch holds at most 1,000 one-time prekeys. */
const MAX_ONE_TIME_PREKEYS = 1000;

/** Days are of 24 hours. */
export interface RotationPolicy {
  /** A signed prekey is replaced at this age. Default 30. */
  readonly signedPrekeyDays: number;
  /** And is published for so much longer, for who fetched it just before; both together are at most 45. Default 14. */
  readonly signedPrekeyGraceDays: number;
  /** One-time prekeys at the directory when it has been filled up. Default 100. */
  readonly oneTimePrekeyTarget: number;
  /** Filled up when fewer are left; below the target. Default 10. */
  readonly refillBelow: number;
  /** How long a one-time prekey may be handed out. Unclaimed ones are replaced before. Default 90. */
  readonly oneTimePrekeyDays: number;
  /** Automatic refills in 24 hours: what a directory that lies about its stock can cost. Default 6. */
  readonly refillsPerDay: number;
  /** Of an instance certificate's life, in percent: then it is renewed. Default 67, two thirds. */
  readonly certificateRenewalPercent: number;
  /** An identity is rotated at this age. Default 365. */
  readonly identityDays: number;
  /** Announced so long before; less than `identityDays`. Default 30. */
  readonly identityWarningDays: number;
  /** Whether the maintenance rotates the identity by itself, or only says that it is due. Default false. */
  readonly identityAutomatic: boolean;
}

type Threshold = Exclude<keyof RotationPolicy, "identityAutomatic">;

/** Least and most of every threshold; all are whole numbers. */
export const ROTATION_BOUNDS: Readonly<Record<Threshold, { readonly min: number; readonly max: number }>> = {
  signedPrekeyDays: { min: 1, max: MAX_SIGNED_PREKEY_DAYS - 1 },
  signedPrekeyGraceDays: { min: 1, max: MAX_SIGNED_PREKEY_DAYS - 1 },
  oneTimePrekeyTarget: { min: 2, max: MAX_ONE_TIME_PREKEYS },
  refillBelow: { min: 1, max: MAX_ONE_TIME_PREKEYS - 1 },
  oneTimePrekeyDays: { min: 3, max: MAX_ONE_TIME_PREKEY_DAYS },
  refillsPerDay: { min: 1, max: 48 },
  certificateRenewalPercent: { min: 10, max: 90 },
  identityDays: { min: 2, max: 1095 },
  identityWarningDays: { min: 1, max: 365 },
};

export const DEFAULT_ROTATION_POLICY: RotationPolicy = {
  signedPrekeyDays: 30,
  signedPrekeyGraceDays: 14,
  oneTimePrekeyTarget: 100,
  refillBelow: 10,
  oneTimePrekeyDays: MAX_ONE_TIME_PREKEY_DAYS,
  refillsPerDay: 6,
  certificateRenewalPercent: 67,
  identityDays: 365,
  identityWarningDays: 30,
  identityAutomatic: false,
};

/**
 * A whole policy from what an application chose; the rest as by default.
 *
 * @throws TalosError UNKNOWN_OPTION for a name that is none, INVALID_ARGUMENT for what is no object, for a threshold that is no whole
 *   number within its bounds, or for two that do not fit together; `details.option` names it
 */
export function checkPolicy(chosen: unknown = {}): RotationPolicy {
  if (typeof chosen !== "object" || chosen === null || Array.isArray(chosen)) throw invalid("rotation", "is not an object");
  const policy: Record<string, unknown> = { ...DEFAULT_ROTATION_POLICY };
  for (const [name, value] of Object.entries(chosen)) {
    if (!Object.hasOwn(DEFAULT_ROTATION_POLICY, name)) {
      throw talosError("UNKNOWN_OPTION", undefined, { details: { option: `rotation.${name}` } });
    }
    if (value === undefined) continue;
    checkValue(name as keyof RotationPolicy, value);
    policy[name] = value;
  }
  return checkTogether(policy as unknown as RotationPolicy);
}

function checkValue(name: keyof RotationPolicy, value: unknown): void {
  if (name === "identityAutomatic") {
    if (typeof value !== "boolean") throw invalid(`rotation.${name}`, "is neither true nor false");
    return;
  }
  const { min, max } = ROTATION_BOUNDS[name];
  if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
    throw invalid(`rotation.${name}`, `is no whole number from ${min} to ${max}`);
  }
}

function checkTogether(policy: RotationPolicy): RotationPolicy {
  const { signedPrekeyDays, signedPrekeyGraceDays, oneTimePrekeyTarget, refillBelow, identityDays, identityWarningDays } = policy;
  if (signedPrekeyDays + signedPrekeyGraceDays > MAX_SIGNED_PREKEY_DAYS) {
    throw invalid("rotation.signedPrekeyGraceDays", `is, with signedPrekeyDays, more than ${MAX_SIGNED_PREKEY_DAYS}`);
  }
  if (refillBelow >= oneTimePrekeyTarget) throw invalid("rotation.refillBelow", "is not below oneTimePrekeyTarget");
  if (identityWarningDays >= identityDays) throw invalid("rotation.identityWarningDays", "is not below identityDays");
  return policy;
}

function invalid(option: string, why: string): Error {
  return talosError("INVALID_ARGUMENT", `The option ${option} ${why}.`, { details: { option } });
}

export const ONE_TIME_PREKEY_TARGET: number = DEFAULT_ROTATION_POLICY.oneTimePrekeyTarget;
export const ONE_TIME_PREKEY_REFILL_BELOW: number = DEFAULT_ROTATION_POLICY.refillBelow;
