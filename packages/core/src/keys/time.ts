// Windows of time, and how far two honest clocks may differ. Every time is in milliseconds since 1970-01-01T00:00:00Z.
// Source: docs/protocol/instance.md, docs/protocol/prekeys.md.

/** 10 minutes: what a verifier grants to the other side's clock. */
export const CLOCK_SLACK_MILLISECONDS = 600_000;
export const DAY_MILLISECONDS = 86_400_000;

export interface Window {
  readonly from: number;
  readonly to: number;
}

/** For what must not be used after its end: `from` - 10 minutes <= now < `to`. */
export function isOffered(window: Window, now: number): boolean {
  return window.from - CLOCK_SLACK_MILLISECONDS <= now && now < window.to;
}

/** For what somebody else's clock ends: `from` - 10 minutes <= now <= `to` + 10 minutes. */
export function isWithinSlack(window: Window, now: number): boolean {
  return window.from - CLOCK_SLACK_MILLISECONDS <= now && now <= window.to + CLOCK_SLACK_MILLISECONDS;
}

/** True when the window is not empty and not wider than that. */
export function isWindow(window: Window, maxMilliseconds: number): boolean {
  return window.to > window.from && window.to - window.from <= maxMilliseconds;
}
