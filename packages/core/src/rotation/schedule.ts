// The times of one key, from when it was made: due, published until, ended. Pure; what is drawn by chance is an argument, drawn once
// and stored with the key. Must not know an inventory.
import { CLOCK_SLACK_MILLISECONDS, DAY_MILLISECONDS } from "../keys/time.ts";
import type { RotationPolicy } from "./policy.ts";

/** Spreads what was made at one time, and stays small beside every interval. */
const MAX_JITTER_MILLISECONDS = 1.5 * DAY_MILLISECONDS;
const JITTER_SHARE = 20;
/** Unclaimed one-time prekeys are replaced so long before they expire, or a third of their life if that is less. */
const MAX_LEAD_MILLISECONDS: number = 14 * DAY_MILLISECONDS;

/**
 * Earlier than `dueAt`, never later and never by more than a twentieth of the interval or 36 hours.
 *
 * @param randomByte 0 to 255
 */
export function jittered(dueAt: number, intervalMilliseconds: number, randomByte: number): number {
  const widest = Math.min(intervalMilliseconds / JITTER_SHARE, MAX_JITTER_MILLISECONDS);
  return dueAt - Math.floor((widest * Math.min(Math.max(randomByte, 0), 255)) / 255);
}

export interface KeyTimes {
  readonly from: number;
  /** End of the published validity. */
  readonly to: number;
  readonly dueAt: number;
}

export function signedPrekeyTimes(policy: RotationPolicy, now: number, randomByte: number): KeyTimes {
  const interval = policy.signedPrekeyDays * DAY_MILLISECONDS;
  const to = now + interval + policy.signedPrekeyGraceDays * DAY_MILLISECONDS;
  return { from: now, to, dueAt: jittered(now + interval, interval, randomByte) };
}

export function oneTimePrekeyTimes(policy: RotationPolicy, now: number, randomByte: number): KeyTimes {
  const life = policy.oneTimePrekeyDays * DAY_MILLISECONDS;
  const interval = life - Math.min(MAX_LEAD_MILLISECONDS, Math.floor(life / 3));
  return { from: now, to: now + life, dueAt: jittered(now + interval, interval, randomByte) };
}

/** When an identity, and the encryption key with it, is due. */
export function identityDueAt({ identityDays }: RotationPolicy, from: number, randomByte: number): number {
  const interval = identityDays * DAY_MILLISECONDS;
  return jittered(from + interval, interval, randomByte);
}

/** When a certificate is renewed: by default at two thirds of its life. */
export function certificateDueAt(
  { from, to }: { readonly from: number; readonly to: number },
  policy?: Pick<RotationPolicy, "certificateRenewalPercent">,
): number {
  const life = to - from;
  return from + Math.ceil(policy === undefined ? (life * 2) / 3 : (life * policy.certificateRenewalPercent) / 100);
}

/** True of a key that was made by a clock that has been set back since: its times mean nothing. */
export function isFromFuture(from: number, now: number): boolean {
  return from > now + CLOCK_SLACK_MILLISECONDS;
}
