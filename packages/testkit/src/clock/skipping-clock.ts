/**
 * Runs as clocks do, and skips what nobody has to live through. Whoever sleeps sleeps by the real time, and is not woken by a skip. Knows
 * nothing of agents.
 */
import { systemClock, type Clock } from "@talos/agent";

export class SkippingClock implements Clock {
  #ahead = 0;

  now(): number {
    return systemClock.now() + this.#ahead;
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return systemClock.sleep(milliseconds, signal);
  }

  /** @param milliseconds that go by at once */
  pass(milliseconds: number): void {
    this.#ahead += milliseconds;
  }
}
