/**
 * A bell: whoever waits wakes when it is rung, when the time is over, or when the signal aborts. A ring that nobody heard
 * is not lost for the next one who waits. One waiter at a time. Knows nothing of what it is rung for.
 */
import type { Clock } from "../clock.ts";

export class Wakeup {
  #rung = false;
  #wake: (() => void) | undefined;

  get isRung(): boolean {
    return this.#rung;
  }

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** @param milliseconds longest wait; `undefined` for no limit */
  async wait(clock: Clock, milliseconds: number | undefined, signal: AbortSignal): Promise<void> {
    if (!this.#rung && !signal.aborted) {
      const over = new AbortController();
      const stop = (): void => over.abort();
      signal.addEventListener("abort", stop, { once: true });
      this.#wake = stop;
      const rung = new Promise<void>((resolve) => over.signal.addEventListener("abort", () => resolve(), { once: true }));
      await (milliseconds === undefined ? rung : Promise.race([rung, clock.sleep(milliseconds, over.signal)]));
      this.#wake = undefined;
      signal.removeEventListener("abort", stop);
      over.abort();
    }
    this.#rung = false;
  }
}
