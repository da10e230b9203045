/**
 * How often one agent may claim of another: a bucket per pair that fills over an hour. In memory, so a restart fills all
 * buckets; what it protects against, draining a stock, takes longer than a restart gives.
 */

/** Beyond this many pairs the one unused for longest is forgotten. */
const MAX_PAIRS = 100_000;
const HOUR_MS = 3_600_000;

export class ClaimLimiter {
  readonly #claimMs: number;
  /** When the bucket of a pair will be full again: each claim moves it on by one share of the hour (GCRA). */
  readonly #fullAt = new Map<string, number>();

  constructor(perHour: number) {
    this.#claimMs = HOUR_MS / perHour;
  }

  /** Takes one claim; returns 0, or where there is none the seconds until there is. */
  take(pair: string, now: number): number {
    // A clock that was set back must not lock a pair out for longer than an empty bucket does.
    const fullAt = Math.min(Math.max(this.#fullAt.get(pair) ?? now, now), now + HOUR_MS);
    const missingMs = fullAt + this.#claimMs - (now + HOUR_MS);
    this.#fullAt.delete(pair);
    this.#fullAt.set(pair, missingMs > 0 ? fullAt : fullAt + this.#claimMs);
    this.#forgetOldest();
    return missingMs > 0 ? Math.ceil(missingMs / 1000) : 0;
  }

  #forgetOldest(): void {
    if (this.#fullAt.size <= MAX_PAIRS) return;
    for (const oldest of this.#fullAt.keys()) {
      this.#fullAt.delete(oldest);
      return;
    }
  }
}
