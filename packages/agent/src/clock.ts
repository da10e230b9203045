/**
 * Time as the agent sees it: what o'clock it is, and waiting. One interface, so that a test moves years in a moment;
 * nothing else in this package reads the machine's clock or sets a timer.
 */

export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  now(): number;
  /** Resolves after `milliseconds`, or at once when the signal aborts (it never rejects). */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

/** The longest delay that a timer of the runtime holds; longer waits are cut into several. */
const MAX_TIMER_MILLISECONDS = 2_147_483_647;

/**
 * Awaits what an application awaits, and keeps the process alive meanwhile: a pending promise does not, and timers of an agent
 * that waits must not.
 */
export async function holdingProcess<T>(work: Promise<T>): Promise<T> {
  const hold = setInterval(() => undefined, MAX_TIMER_MILLISECONDS);
  try {
    return await work;
  } finally {
    clearInterval(hold);
  }
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (milliseconds, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      const finish = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", finish);
        resolve();
      };
      // A waiting agent keeps no process alive by itself; see `holdingProcess`.
      const timer = setTimeout(finish, Math.min(Math.max(milliseconds, 0), MAX_TIMER_MILLISECONDS)).unref();
      signal?.addEventListener("abort", finish, { once: true });
    }),
};
