// Pure policy: what is due, from an inventory and a time. Must not know how anything is done about it.
// Source: the lifetimes in docs/protocol/prekeys.md and docs/protocol/instance.md.
import { DAY_MILLISECONDS } from "../keys/time.ts";

/** A signed prekey is replaced at this age; it is published for 14 days longer. */
export const SIGNED_PREKEY_INTERVAL_MILLISECONDS: number = 30 * DAY_MILLISECONDS;
export const ONE_TIME_PREKEY_TARGET = 100;
/** Below this stock, as the directory counts it, it is filled up again. */
export const ONE_TIME_PREKEY_REFILL_BELOW = 10;

/** What policy needs to know of the keys; absent what there is none of. */
export interface RotationInventory {
  readonly certificate?: { readonly from: number; readonly to: number };
  readonly signedPrekey?: { readonly from: number };
  /** Unclaimed at the directory. */
  readonly oneTimePrekeys: number;
}

export type Task =
  | { readonly kind: "renew-certificate"; readonly dueAt: number }
  | { readonly kind: "rotate-signed-prekey"; readonly dueAt: number }
  | { readonly kind: "refill-one-time-prekeys"; readonly dueAt: number; readonly count: number };

/** When a certificate is renewed: at two thirds of its life. */
export function certificateDueAt({ from, to }: { readonly from: number; readonly to: number }): number {
  return from + Math.ceil(((to - from) * 2) / 3);
}

/** When a signed prekey is replaced. */
export function signedPrekeyDueAt({ from }: { readonly from: number }): number {
  return from + SIGNED_PREKEY_INTERVAL_MILLISECONDS;
}

/** What is due at `now`, the longest overdue first. */
export function due(inventory: RotationInventory, now: number): readonly Task[] {
  const { certificate, signedPrekey, oneTimePrekeys } = inventory;
  const tasks: Task[] = [];
  if (certificate !== undefined) tasks.push({ kind: "renew-certificate", dueAt: certificateDueAt(certificate) });
  if (signedPrekey !== undefined) tasks.push({ kind: "rotate-signed-prekey", dueAt: signedPrekeyDueAt(signedPrekey) });
  if (oneTimePrekeys < ONE_TIME_PREKEY_REFILL_BELOW) {
    tasks.push({ kind: "refill-one-time-prekeys", dueAt: now, count: ONE_TIME_PREKEY_TARGET - oneTimePrekeys });
  }
  return tasks.filter(({ dueAt }) => dueAt <= now).sort((a, b) => a.dueAt - b.dueAt);
}
