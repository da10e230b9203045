// How often the stock of one-time prekeys is looked at, and when its fall is out of the ordinary. Must not know a directory.
import { DAY_MILLISECONDS } from "../keys/time.ts";
import type { RotationPolicy } from "./policy.ts";

export const STOCK_LOOK_MILLISECONDS = 3_600_000;
const SOONEST_LOOK_MILLISECONDS = 60_000;

/** What the directory counts as unclaimed, and when it said so. */
export interface StockCount {
  readonly count: number;
  readonly at: number;
}

export interface StockFall {
  /** Fewer than policy allows, or half of the target gone within a day. */
  readonly reason: "low" | "fast";
  readonly left: number;
  /** Since the count before. */
  readonly taken: number;
  readonly withinMilliseconds: number;
}

/** What is out of the ordinary between two counts; undefined where nothing is. Told when a bound is crossed, not at each look after it. */
export function stockFall(before: StockCount | undefined, now: StockCount, policy: RotationPolicy): StockFall | undefined {
  const { refillBelow, oneTimePrekeyTarget } = policy;
  const taken = Math.max(0, (before?.count ?? now.count) - now.count);
  const fall = { left: now.count, taken, withinMilliseconds: Math.max(0, now.at - (before?.at ?? now.at)) };
  if (now.count < refillBelow && (before === undefined || before.count >= refillBelow)) return { reason: "low", ...fall };
  if (taken * 2 >= oneTimePrekeyTarget && fall.withinMilliseconds <= DAY_MILLISECONDS) return { reason: "fast", ...fall };
  return undefined;
}

/** How long until the next look: an hour, or half of what is left at the present rate, but at least a minute. */
export function nextStockLook(before: StockCount | undefined, now: StockCount, policy: RotationPolicy): number {
  const taken = (before?.count ?? now.count) - now.count;
  const within = now.at - (before?.at ?? now.at);
  if (taken <= 0 || within <= 0) return STOCK_LOOK_MILLISECONDS;
  const left = Math.max(0, now.count - policy.refillBelow);
  const half = Math.floor((left * within) / taken / 2);
  return Math.min(STOCK_LOOK_MILLISECONDS, Math.max(SOONEST_LOOK_MILLISECONDS, half));
}
