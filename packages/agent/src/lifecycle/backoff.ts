/** How long to wait before the next attempt: doubling, bounded, with jitter so that agents do not come back in step. Pure. */

export interface BackoffBounds {
  readonly firstMilliseconds: number;
  readonly maxMilliseconds: number;
}

/** Of a directory that does not answer, a full mailbox, a peer without prekeys. */
export const RETRY_BACKOFF: BackoffBounds = { firstMilliseconds: 500, maxMilliseconds: 60_000 };

/**
 * @param attempts failed so far, at least 1
 * @param random byte 0 to 255: the wait is between half and the whole of the doubled time
 */
export function backoffMilliseconds(attempts: number, randomByte: number, bounds: BackoffBounds = RETRY_BACKOFF): number {
  const doubled = Math.min(bounds.maxMilliseconds, bounds.firstMilliseconds * 2 ** Math.min(attempts - 1, 30));
  return Math.round(doubled * (0.5 + randomByte / 510));
}
