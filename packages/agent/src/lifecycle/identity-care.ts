/**
 * Looks after the agent's identity while it runs: an operation on it that is not finished goes on, and from time to time the log that the
 * directory has is compared with the one here. Knows no event and no key.
 */
import type { AgentContext } from "../context.ts";
import { RETRY_BACKOFF } from "./backoff.ts";
import { noteForeignEvents, requireUnmoved } from "./foreign-events.ts";
import { lookAbroad } from "./identity-plan/own-log-abroad.ts";
import type { IdentityPlan } from "./identity-plan/plan-record.ts";
import { readOpenPlan, inTurn, runIdentityPlan } from "./identity-plan/run-plan.ts";

const LOOK_MILLISECONDS = 6 * 3_600_000;
/** After a failure: of the directory, which others notice too. */
const LOOK_AGAIN_MILLISECONDS = 600_000;
/** Between two looks, however often somebody gives reason for one. */
const DOUBT_MILLISECONDS = 2_000;
/** A next attempt later than this was written down by a clock that went wrong: it is due. */
const LONGEST_PAUSE_MILLISECONDS: number = RETRY_BACKOFF.maxMilliseconds;

export class IdentityCare {
  readonly #context: AgentContext;
  readonly #changed: () => void | Promise<void>;

  /** @param changed hears when an event has come into force */
  constructor(context: AgentContext, changed: () => void | Promise<void>) {
    this.#context = context;
    this.#changed = changed;
  }

  /** An operation on the identity; who hears of changes hears of this one also where it fails half-way. */
  async operate<T>(operation: (context: AgentContext) => Promise<T>): Promise<T> {
    const { seq } = this.#context.log.head;
    try {
      return await operation(this.#context);
    } finally {
      if (this.#context.log.head.seq !== seq) await this.#changed();
    }
  }

  /** The first attempt of what an earlier process left, before anything else is sent; also for an instance that was superseded. */
  async resume(): Promise<void> {
    const plan = readOpenPlan(this.#context);
    if (plan === undefined) return;
    try {
      if (!(await this.#mayGoOn(plan))) return;
      await this.operate((context) => inTurn(context, () => runIdentityPlan(context)));
    } catch {
      // It is on record with the plan, and tried again.
    }
  }

  /**
   * An instance that was superseded rotates no more, unless it turns out that its event stands already: then nobody else has the keys for it.
   * An emergency and a revocation are for this very case.
   */
  async #mayGoOn({ kind, step, event }: IdentityPlan): Promise<boolean> {
    const { standing, home } = this.#context;
    if (!standing.isSuperseded || kind !== "rotate" || step === "commit") return true;
    if (home === undefined) return false;
    const abroad = await lookAbroad(this.#context, home, event);
    return abroad.kind === "same" || (abroad.kind === "moved" && abroad.hasOurs);
  }

  /** Runs until the agent may not act any more. */
  async run(): Promise<void> {
    const { clock, standing, ownLogDoubt } = this.#context;
    // An instance that is revived has loops of its own.
    const { signal } = standing;
    while (!signal.aborted) {
      const pause = await this.#step();
      // Anybody can name a head of this agent that does not exist, and must not make it ask without end.
      await clock.sleep(Math.min(pause, DOUBT_MILLISECONDS), signal);
      if (pause > DOUBT_MILLISECONDS) await ownLogDoubt.wait(clock, pause - DOUBT_MILLISECONDS, signal);
    }
  }

  /** @returns how long to wait before the next */
  async #step(): Promise<number> {
    const { clock, home } = this.#context;
    try {
      const plan = readOpenPlan(this.#context);
      const wait = plan === undefined ? 0 : plan.nextAttemptAt - clock.now();
      if (wait > 0 && wait <= LONGEST_PAUSE_MILLISECONDS) return wait;
      if (plan !== undefined) await this.resume();
      else if (home !== undefined) await this.#look(home);
      else return LOOK_MILLISECONDS;
      const left = readOpenPlan(this.#context);
      if (left === undefined) return LOOK_MILLISECONDS;
      return Math.max(1, Math.min(LONGEST_PAUSE_MILLISECONDS, left.nextAttemptAt - clock.now()));
    } catch {
      return LOOK_AGAIN_MILLISECONDS;
    }
  }

  async #look(home: string): Promise<void> {
    requireUnmoved(this.#context);
    const abroad = await inTurn(this.#context, () => lookAbroad(this.#context, home));
    if (abroad.kind === "moved") noteForeignEvents(this.#context, abroad.foreign);
  }
}
