// How long the private part of a key is kept that is published no more: until what was made for it has arrived or never will, and
// not longer. Must not know what a key is used for. Source: docs/protocol/prekeys.md, docs/decisions/key-schedule.md.
import { DAY_MILLISECONDS } from "../keys/time.ts";
import { DELIVERY_HORIZON_MILLISECONDS, MAX_ONE_TIME_PREKEY_DAYS, MAX_SIGNED_PREKEY_DAYS } from "./policy.ts";

export interface RetiredKey {
  readonly kind: "signed-prekey" | "one-time-prekey" | "encryption";
  readonly retiredAt: number;
  /** End of the last published validity; absent where nobody wrote it down: then the widest counts, from `retiredAt` on. */
  readonly to?: number | undefined;
}

/** An encryption key is published in batches, which end with a signed prekey. */
const MAX_VALIDITY_MILLISECONDS: Readonly<Record<RetiredKey["kind"], number>> = {
  "signed-prekey": MAX_SIGNED_PREKEY_DAYS * DAY_MILLISECONDS,
  "one-time-prekey": MAX_ONE_TIME_PREKEY_DAYS * DAY_MILLISECONDS,
  encryption: MAX_SIGNED_PREKEY_DAYS * DAY_MILLISECONDS,
};

/**
 * When a retired key ends: at the end of its published validity and the longest delivery.
 *
 * @param setBackAt when a clock that was ahead is known to have been set back, by the clock as it is now. A key whose validity ends later
 *   than any can from now on was made under the wrong time, and ends as if it had been made at that moment.
 * @returns undefined for a key of a time to come while nothing is known of a clock that was set back
 */
export function endsAt({ kind, retiredAt, to }: RetiredKey, now: number, setBackAt?: number): number | undefined {
  const widest = MAX_VALIDITY_MILLISECONDS[kind];
  const published = to ?? retiredAt + widest;
  if (published <= now + widest) return published + DELIVERY_HORIZON_MILLISECONDS;
  return setBackAt === undefined ? undefined : setBackAt + widest + DELIVERY_HORIZON_MILLISECONDS;
}
