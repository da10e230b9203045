// What is due of all keys, from an inventory and a time. Pure policy: must not know how anything is done about it.
// Source: docs/decisions/key-schedule.md.
import { CLOCK_SLACK_MILLISECONDS, DAY_MILLISECONDS } from "../keys/time.ts";
import { believedUntil, type ClockRecord } from "./clock-watch.ts";
import { endsAt, type RetiredKey } from "./ends.ts";
import type { RotationPolicy } from "./policy.ts";
import { certificateDueAt, identityDueAt, isFromFuture, oneTimePrekeyTimes, signedPrekeyTimes, type KeyTimes } from "./schedule.ts";

/** Of the target: prekeys that were given out and not used, and are kept until they end. */
const MAX_UNUSED_SHARE = 20;

/** Claimed by somebody who never wrote, or refused by a directory, again and again: more of them help nobody, and each is a file. */
export function hasTooManyUnused(retiredOneTimePrekeys: number, { oneTimePrekeyTarget }: RotationPolicy): boolean {
  return retiredOneTimePrekeys >= MAX_UNUSED_SHARE * oneTimePrekeyTarget;
}

/** When a key was made, and when its successor is due as it was written down then. */
export interface DatedKey {
  readonly from: number;
  readonly dueAt?: number | undefined;
}

/** What policy needs to know of the keys; absent what there is none of. */
export interface RotationInventory {
  readonly certificate?: { readonly from: number; readonly to: number } | undefined;
  readonly signedPrekey?: DatedKey | undefined;
  readonly identity?: DatedKey | undefined;
  /** Those of the present batch that were not used. */
  readonly oneTimePrekeys?: readonly DatedKey[] | undefined;
  /** Unclaimed at the directory, as it said at that time. */
  readonly stock?: { readonly count: number; readonly at: number } | undefined;
  /** When it was filled up by itself, lately. */
  readonly refills?: readonly number[] | undefined;
  readonly retired?: readonly (RetiredKey & { readonly keyId: string })[] | undefined;
  /** As it is stored; absent: the clock is believed. */
  readonly clock?: ClockRecord | undefined;
}

/** `dueAt` may be long past. */
export type Task =
  | { readonly kind: "renew-certificate"; readonly dueAt: number }
  | { readonly kind: "rotate-identity"; readonly dueAt: number }
  | { readonly kind: "rotate-signed-prekey"; readonly dueAt: number }
  /** Unclaimed ones before they expire. */
  | { readonly kind: "replace-one-time-prekeys"; readonly dueAt: number; readonly count: number }
  | { readonly kind: "refill-one-time-prekeys"; readonly dueAt: number; readonly count: number }
  /** The identity is to be rotated at `rotateAt`, by whoever decides it. */
  | { readonly kind: "warn-identity"; readonly dueAt: number; readonly rotateAt: number }
  | { readonly kind: "end-retired"; readonly dueAt: number; readonly keyIds: readonly string[] };

export type TaskKind = Task["kind"];

/**
 * What is due at `now`, in the order in which it is done: each once, however long it is overdue. What destroys comes last, and while
 * the clock is behind what it once said, nothing is due but the certificate.
 */
export function due(inventory: RotationInventory, policy: RotationPolicy, now: number): readonly Task[] {
  return upcoming(inventory, policy, now).filter(({ dueAt }) => dueAt <= now);
}

/** The same with what is still to come, one task of each kind: the next of its kind. */
export function upcoming(inventory: RotationInventory, policy: RotationPolicy, now: number): readonly Task[] {
  const certificate = certificateTask(inventory, policy, now);
  if (inventory.clock?.isBehind === true) return certificate;
  return [
    ...certificate,
    ...identityTasks(inventory, policy, now),
    ...signedPrekeyTask(inventory, policy, now),
    ...replaceTask(inventory, policy, now),
    ...refillTask(inventory, policy, now),
    ...endTask(inventory, now),
  ];
}

/** Peers grant a clock some minutes; of these a clock that is set back a little may use half. */
function certificateTask({ certificate }: RotationInventory, policy: RotationPolicy, now: number): Task[] {
  if (certificate === undefined) return [];
  const isAhead = certificate.from > now + CLOCK_SLACK_MILLISECONDS / 2;
  return [{ kind: "renew-certificate", dueAt: isAhead ? now : certificateDueAt(certificate, policy) }];
}

function identityTasks({ identity, clock }: RotationInventory, policy: RotationPolicy, now: number): Task[] {
  if (identity === undefined) return [];
  // An identity of a time to come is no reason for a rotation at once, which peers have to follow.
  const from = isFromFuture(identity.from, now) ? Math.min(clock?.setBackAt ?? now, now) : identity.from;
  const latest = identityDueAt(policy, from, 0);
  const rotateAt = Math.min(identity.dueAt ?? latest, latest);
  const warning: Task = { kind: "warn-identity", dueAt: rotateAt - policy.identityWarningDays * DAY_MILLISECONDS, rotateAt };
  return policy.identityAutomatic ? [{ kind: "rotate-identity", dueAt: rotateAt }, warning] : [warning];
}

function signedPrekeyTask({ signedPrekey }: RotationInventory, policy: RotationPolicy, now: number): Task[] {
  if (signedPrekey === undefined) return [];
  return [{ kind: "rotate-signed-prekey", dueAt: dueTime(signedPrekey, signedPrekeyTimes(policy, signedPrekey.from, 0), now) }];
}

function replaceTask({ oneTimePrekeys = [] }: RotationInventory, policy: RotationPolicy, now: number): Task[] {
  const dueTimes = oneTimePrekeys.map((key) => replacementDueAt(key, policy, now));
  if (dueTimes.length === 0) return [];
  const count = dueTimes.filter((dueAt) => dueAt <= now).length;
  return [{ kind: "replace-one-time-prekeys", dueAt: Math.min(...dueTimes), count }];
}

function refillTask({ stock, refills = [], retired = [] }: RotationInventory, policy: RotationPolicy, now: number): Task[] {
  const { refillBelow, oneTimePrekeyTarget, refillsPerDay } = policy;
  if (stock === undefined || stock.count >= refillBelow) return [];
  if (hasTooManyUnused(retired.filter(({ kind }) => kind === "one-time-prekey").length, policy)) return [];
  const lately = refills.filter((at) => at <= now && at > now - DAY_MILLISECONDS).sort((a, b) => a - b);
  // The day's refills are used up: the next one is due a day after the oldest that has to be out of the way.
  const bar = lately[lately.length - refillsPerDay];
  const dueAt = bar === undefined ? Math.min(stock.at, now) : bar + DAY_MILLISECONDS;
  return [{ kind: "refill-one-time-prekeys", dueAt, count: oneTimePrekeyTarget - stock.count }];
}

function endTask({ retired = [], clock }: RotationInventory, now: number): Task[] {
  const until = clock === undefined ? now : believedUntil(clock, now);
  const dated = retired.map((key) => ({ keyId: key.keyId, at: endsAt(key, now, clock?.setBackAt) ?? Number.POSITIVE_INFINITY }));
  const next = Math.min(...dated.map(({ at }) => at));
  if (next === Number.POSITIVE_INFINITY) return [];
  const keyIds = dated.filter(({ at }) => at <= until).map(({ keyId }) => keyId);
  // Run out by a clock that has just leapt: it waits until the clock has stood.
  const dueAt = keyIds.length === 0 ? Math.max(next, now + 1) : next;
  return [{ kind: "end-retired", dueAt, keyIds }];
}

/** When an unclaimed one-time prekey is replaced. */
export function replacementDueAt(key: DatedKey, policy: RotationPolicy, now: number): number {
  return dueTime(key, oneTimePrekeyTimes(policy, key.from, 0), now);
}

/** As written down, but never later than the policy of today says, and at once for a key of a time to come. */
function dueTime({ from, dueAt }: DatedKey, latest: KeyTimes, now: number): number {
  if (isFromFuture(from, now)) return now;
  return Math.min(dueAt ?? latest.dueAt, latest.dueAt);
}
