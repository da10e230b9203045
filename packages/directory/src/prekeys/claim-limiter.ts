/**
 * How often one agent may claim of another: a bucket per pair that fills over an hour. In memory, so a restart fills all
 * buckets; what it protects against, draining a stock, takes longer than a restart gives.
 */

/** Beyond this many pairs the one unused for longest is forgotten. */
const MAX_PAIRS = 100_000;
const HOUR_MS = 3_600_000;

interface Bucket {
  tokens: number;
  filledAt: number;
}

export class ClaimLimiter {
  readonly #perHour: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor(perHour: number) {
    this.#perHour = perHour;
  }

  /** Takes one claim; returns 0, or where there is none the seconds until there is. */
  take(pair: string, now: number): number {
    const bucket = this.#buckets.get(pair) ?? { tokens: this.#perHour, filledAt: now };
    const filled = Math.max(0, now - bucket.filledAt) * (this.#perHour / HOUR_MS);
    bucket.tokens = Math.min(this.#perHour, bucket.tokens + filled);
    bucket.filledAt = now;
    this.#buckets.delete(pair);
    this.#buckets.set(pair, bucket);
    this.#forgetOldest();
    if (bucket.tokens < 1) return Math.ceil(((1 - bucket.tokens) * HOUR_MS) / this.#perHour / 1000);
    bucket.tokens -= 1;
    return 0;
  }

  #forgetOldest(): void {
    if (this.#buckets.size <= MAX_PAIRS) return;
    for (const oldest of this.#buckets.keys()) {
      this.#buckets.delete(oldest);
      return;
    }
  }
}
