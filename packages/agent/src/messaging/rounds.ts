/**
 * Work for many peers that is due at times of its own: rounds of everything that is due, the work of one peer in order, several peers at a
 * time. A round waits for its slowest peer, so what must not wait for each other has rounds of its own. Knows nothing of the work.
 */
import { toHex, type AgentId } from "@talos/core";
import type { AgentContext } from "../context.ts";
import { Wakeup } from "./wakeup.ts";

/** Peers that are looked after at the same time. */
const AT_ONCE = 8;
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
        await this.#round();
        pause = this.#untilNext();
      } catch {
        // A store that fails now is asked again in a moment.
      }
      if (pause > 0 && !this.#bell.isRung) this.#rest();
      await this.#bell.wait(clock, pause, standing.signal);
    }
    this.#rest();
  }

  #rest(): void {
    this.#quiet?.resolve();
    this.#quiet = undefined;
  }

  #untilNext(): number {
    const next = this.#source.nextAttemptAt() ?? Number.POSITIVE_INFINITY;
    return Math.min(Math.max(next - this.#context.clock.now(), 0), LONGEST_REST_MILLISECONDS);
  }

  async #round(): Promise<void> {
    const { clock, standing } = this.#context;
    const byPeer = new Map<string, DueTask[]>();
    for (const task of this.#source.due(clock.now())) {
      const key = toHex(task.peer);
      const tasks = byPeer.get(key);
      if (tasks === undefined) byPeer.set(key, [task]);
      else tasks.push(task);
    }
    const queues = [...byPeer.values()];
    const work = async (): Promise<void> => {
      for (let queue = queues.shift(); queue !== undefined; queue = queues.shift()) {
        for (const task of queue) if (standing.isActive) await task.run();
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }
}
