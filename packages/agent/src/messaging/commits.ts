/**
 * The one way to `state.db` for everything that moves messages. Values kept in memory (sessions, peers) take part: they
 * write what was staged before the commit and take it over after it; if it fails they forget it, and read again from the
 * store. Small changes of one turn of the event loop share one commit at the turn's end.
 */
import { isTalosError, talosError } from "@talos/core";
import type { Standing } from "../lifecycle/standing.ts";
import type { Transaction, Vault } from "../vault/index.ts";

/** Something in memory that mirrors the store. */
export interface Participant {
  /** Writes what was staged in this transaction. */
  beforeCommit(tx: Transaction): void;
  committed(): void;
  rolledBack(): void;
}

interface Job {
  run(tx: Transaction): void;
  resolve(): void;
  reject(error: unknown): void;
}

export class Commits {
  readonly #vault: Vault;
  readonly #standing: Standing;
  readonly #participants: readonly Participant[];
  #jobs: Job[] = [];

  constructor(vault: Vault, standing: Standing, participants: readonly Participant[]) {
    this.#vault = vault;
    this.#standing = standing;
    this.#participants = participants;
  }

  /**
   * One transaction, durable when this returns.
   *
   * @throws TalosError COMMIT_FAILED, GENERATION_FENCED, what `work` threw, or why the agent may not act any more; then
   *   nothing has changed
   */
  now<T>(work: (tx: Transaction) => T): T {
    this.#standing.requireActive();
    return this.#commit(work);
  }

  /** As `now`, also for an instance that was superseded: it may record what was found out, and how it becomes the living one. */
  evenSuperseded<T>(work: (tx: Transaction) => T): T {
    this.#standing.requireActiveOrSuperseded();
    return this.#commit(work);
  }

  /** As `evenSuperseded`, also for one that is held until it has been compared: it records what came of that. */
  evenHeld<T>(work: (tx: Transaction) => T): T {
    this.#standing.requireAbleToTakeOver();
    return this.#commit(work);
  }

  /** As `evenHeld`, and this opening gets a higher generation with it. */
  atGeneration<T>(generation: number, work: (tx: Transaction) => T): T {
    this.#standing.requireAbleToTakeOver();
    return this.#commit(work, (run) => this.#vault.transactionAt(generation, run));
  }

  /**
   * Runs in the transaction at the end of this turn of the event loop, in the order of the calls. `work` must not throw
   * for anything but a failing store: all that share the commit would fail with it.
   */
  async atTurnEnd<T>(work: (tx: Transaction) => T): Promise<T> {
    this.#standing.requireActive();
    return await new Promise<T>((resolve, reject) => {
      let result: { readonly value: T } | undefined;
      this.#jobs.push({
        run: (tx) => {
          result = { value: work(tx) };
        },
        resolve: () => {
          if (result !== undefined) resolve(result.value);
        },
        reject,
      });
      if (this.#jobs.length === 1) setImmediate(() => this.flush());
    });
  }

  /** Commits what this turn has gathered so far. */
  flush(): void {
    const jobs = this.#jobs;
    if (jobs.length === 0) return;
    this.#jobs = [];
    try {
      this.now((tx) => {
        for (const job of jobs) job.run(tx);
      });
    } catch (error) {
      for (const job of jobs) job.reject(error);
      return;
    }
    for (const job of jobs) job.resolve();
  }

  #commit<T>(work: (tx: Transaction) => T, transaction: (run: (tx: Transaction) => T) => T = (run) => this.#vault.transaction(run)): T {
    let result: T;
    try {
      result = transaction((tx) => {
        const value = work(tx);
        for (const participant of this.#participants) participant.beforeCommit(tx);
        return value;
      });
    } catch (error) {
      for (const participant of this.#participants) participant.rolledBack();
      if (isTalosError(error, "GENERATION_FENCED")) this.#standing.fence();
      throw isTalosError(error) ? error : talosError("COMMIT_FAILED", undefined, { cause: error });
    }
    for (const participant of this.#participants) participant.committed();
    return result;
  }
}
