/**
 * Work for many peers that is due at times of its own: the work of one peer in order, several peers at a time. Nobody waits for a slow one as
 * long as there is a place left, also what falls due meanwhile; what strangers can cause has rounds of its own. Knows nothing of the work.
 */
import { toHex, type AgentId } from "@talos/core";
import type { AgentContext } from "../context.ts";
import { Wakeup } from "./wakeup.ts";

/** Peers that are looked after at the same time. */
const AT_ONCE = 16;
/** While somebody is being looked after: how often it is looked who else is due. What is rung for does not wait for that. */
const BUSY_PAUSE_MILLISECONDS = 1_000;
/** A clock that was ahead when a pause was noted does not silence the agent for good. */
const LONGEST_REST_MILLISECONDS = 3_600_000;
/** After a store that failed. */
const STORE_PAUSE_MILLISECONDS = 1_000;

export interface DueTask {
  readonly peer: AgentId;
  run(): Promise<void>;
}

/** Where the work is read: both may throw what the store throws. */
export interface WorkSource {
  due(now: number): readonly DueTask[];
  /** undefined where there is none. */
  nextAttemptAt(): number | undefined;
}

export class Rounds {
  readonly #context: AgentContext;
  readonly #source: WorkSource;
  readonly #bell: Wakeup = new Wakeup();
  /** Of the peers that are being looked after. */
  readonly #busy: Map<string, Promise<void>> = new Map();
  #quiet: PromiseWithResolvers<void> | undefined;

  constructor(context: AgentContext, source: WorkSource) {
    this.#context = context;
    this.#source = source;
  }

  /** There may be work. */
  ring(): void {
    this.#bell.ring();
  }

  /** Resolves when nothing can be done now. */
  async quiet(): Promise<void> {
    if (!this.#context.standing.isActive) return;
    this.#quiet ??= Promise.withResolvers();
    const { promise } = this.#quiet;
    this.ring();
    await promise;
  }

  /** Runs until the agent may not act any more. */
  async run(): Promise<void> {
    const { clock, standing } = this.#context;
    while (standing.isActive) {
      let pause = STORE_PAUSE_MILLISECONDS;
      try {
        this.#begin();
        pause = this.#untilNext();
      } catch {
        // A store that fails now is asked again in a moment.
      }
      if (pause > 0 && this.#busy.size === 0 && !this.#bell.isRung) this.#rest();
      await this.#bell.wait(clock, pause, standing.signal);
    }
    await Promise.all(this.#busy.values());
    this.#rest();
  }

  #rest(): void {
    this.#quiet?.resolve();
    this.#quiet = undefined;
  }

  #untilNext(): number {
    const next = this.#source.nextAttemptAt() ?? Number.POSITIVE_INFINITY;
    // What is being done is due until it is done.
    const atLeast = this.#busy.size > 0 ? BUSY_PAUSE_MILLISECONDS : 0;
    return Math.min(Math.max(next - this.#context.clock.now(), atLeast), LONGEST_REST_MILLISECONDS);
  }

  /** Takes up what is due, for peers that nobody is looking after. */
  #begin(): void {
    const byPeer = new Map<string, DueTask[]>();
    for (const task of this.#source.due(this.#context.clock.now())) {
      const key = toHex(task.peer);
      if (this.#busy.has(key)) continue;
      const tasks = byPeer.get(key);
      if (tasks === undefined) byPeer.set(key, [task]);
      else tasks.push(task);
    }
    for (const [key, tasks] of byPeer) {
      if (this.#busy.size >= AT_ONCE) return;
      const work = this.#work(tasks).finally(() => {
        this.#busy.delete(key);
        this.#bell.ring();
      });
      this.#busy.set(key, work);
    }
  }

  async #work(tasks: readonly DueTask[]): Promise<void> {
    const { clock, standing } = this.#context;
    try {
      for (const task of tasks) if (standing.isActive) await task.run();
    } catch {
      // A store that fails now is asked again in a moment.
      await clock.sleep(STORE_PAUSE_MILLISECONDS, standing.signal);
    }
  }
}
