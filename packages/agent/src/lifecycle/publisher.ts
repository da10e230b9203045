/**
 * The loop that takes the plan `publish` to the home directory whenever there is one: at opening, and whenever it is rung. Knows
 * nothing of what is published.
 */
import type { AgentContext } from "../context.ts";
import { Wakeup } from "../messaging/wakeup.ts";
import { runPublishPlan } from "./publish-plan.ts";

/** After a store that failed. */
const STORE_PAUSE_MILLISECONDS = 60_000;

export class Publisher {
  readonly #context: AgentContext;
  readonly #bell: Wakeup = new Wakeup();
  readonly #first: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #waiting: (() => void)[] = [];
  #hasEnded = false;

  constructor(context: AgentContext) {
    this.#context = context;
  }

  /** There is a new plan. */
  ring(): void {
    this.#bell.ring();
  }

  /** Resolves when the first attempt of this run is over, well or not. */
  async firstAttempt(): Promise<void> {
    await this.#first.promise;
  }

  /** Resolves when the next attempt is over, well or not; at once where nobody publishes. */
  async attempt(): Promise<void> {
    if (this.#hasEnded || this.#context.home === undefined) return;
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      this.ring();
    });
  }

  /** Runs until the agent may not act any more. */
  async run(): Promise<void> {
    const { standing, clock, home } = this.#context;
    this.#hasEnded = false;
    try {
      if (home === undefined) return;
      while (standing.isActive) {
        const waiting = this.#waiting.splice(0);
        const pause = await this.#attempt(home);
        this.#first.resolve();
        for (const resolve of waiting) resolve();
        await this.#bell.wait(clock, pause, standing.signal);
      }
    } finally {
      this.#hasEnded = true;
      this.#first.resolve();
      for (const resolve of this.#waiting.splice(0)) resolve();
    }
  }

  async #attempt(home: string): Promise<number | undefined> {
    try {
      return await runPublishPlan(this.#context, home);
    } catch {
      // The agent may not act any more, and whoever calls it hears why; or its store fails, and then it is tried again.
      return STORE_PAUSE_MILLISECONDS;
    }
  }
}
