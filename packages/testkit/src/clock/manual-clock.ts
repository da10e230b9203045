/**
 * A clock that moves only when a test says so; whoever sleeps wakes in the order of due times. Implements the agent's
 * `Clock`. Knows nothing of agents.
 */
import type { Clock } from "@talos/agent";

interface Sleeper {
  readonly dueAt: number;
  readonly wake: () => void;
}

export class ManualClock implements Clock {
  #now: number;
  /** What sleepers go by: time that has passed, whatever the clock was set to. */
  #passed = 0;
  readonly #sleepers: Set<Sleeper> = new Set();

  /** @param start milliseconds since 1970; default 2026-11-24T00:00:00Z */
  constructor(start: number = Date.UTC(2026, 10, 24)) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (milliseconds <= 0 || signal?.aborted === true) {
        setImmediate(resolve);
        return;
      }
      const sleeper: Sleeper = {
        dueAt: this.#passed + milliseconds,
        wake: () => {
          this.#sleepers.delete(sleeper);
          signal?.removeEventListener("abort", sleeper.wake);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", sleeper.wake, { once: true });
    });
  }

  /** Somebody sets the clock, forwards or back: no time passes, and nobody wakes. */
  set(milliseconds: number): void {
    this.#now = milliseconds;
  }

  /** Moves the time on and wakes who is due, then lets the event loop turn once. */
  async advance(milliseconds: number): Promise<void> {
    this.#now += milliseconds;
    this.#passed += milliseconds;
    const due = [...this.#sleepers].filter(({ dueAt }) => dueAt <= this.#passed).sort((a, b) => a.dueAt - b.dueAt);
    for (const { wake } of due) wake();
    await new Promise((resolve) => setImmediate(resolve));
  }
}
