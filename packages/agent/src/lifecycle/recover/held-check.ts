/**
 * Compares an agent that comes from a backup with its directory, for as long as it takes: nothing behind, and it becomes the living copy; more
 * there than it has, and it stays held for good. Sends nothing but the question, and the event by which it was recovered, where there is one.
 */
import { isTalosError, type ErrorCode } from "@talos/core";
import type { AgentContext } from "../../context.ts";
import { DirectoryRefusal } from "../../directory/directory.ts";
import { backoffMilliseconds } from "../backoff.ts";
import { takeOver, type Decided } from "../takeover.ts";
import { heldRecovery, isFinal, noteHeld } from "./held-recovery.ts";

export class HeldCheck {
  readonly #context: AgentContext;
  readonly #decided: Decided;
  readonly #stop: AbortController = new AbortController();

  /** @param decided of the first attempt */
  constructor(context: AgentContext, decided: Decided) {
    this.#context = context;
    this.#decided = decided;
  }

  /**
   * Runs until the agent is not held any more (it lives, or another copy of it does), or never will be let go, or `stop`.
   *
   * @param failed hears of the first attempt that let nothing go
   */
  async run(failed: () => void): Promise<void> {
    const { clock, crypto, standing } = this.#context;
    for (let attempts = 1; standing.isHeld && !this.#stop.signal.aborted; attempts++) {
      const reason = await this.#attempt(attempts === 1 ? this.#decided : "when-recovered");
      if (reason === undefined) return;
      failed();
      if (isFinal(reason)) return;
      await clock.sleep(backoffMilliseconds(attempts, crypto.randomBytes(1)[0] ?? 0), this.#stop.signal);
    }
  }

  stop(): void {
    this.#stop.abort();
  }

  /** @returns why it stays held */
  async #attempt(decided: Decided): Promise<ErrorCode | undefined> {
    try {
      await takeOver(this.#context, decided);
      return undefined;
    } catch (error) {
      const reason = reasonOf(error);
      this.#note(reason, isTalosError(error) ? error.details["events"] : undefined);
      return reason;
    }
  }

  #note(reason: ErrorCode, events: unknown): void {
    const { commits, clock, vault } = this.#context;
    try {
      if (isFinal(vault.read(heldRecovery)?.reason)) return;
      const eventsBehind = typeof events === "number" ? events : undefined;
      commits.evenHeld((tx) => noteHeld(tx, { reason, lastAttemptAt: clock.now() }, eventsBehind));
    } catch {
      // It is held all the same, or closed meanwhile, which says nothing of the directory.
    }
  }
}

/** What is final is proved by a log, and no refusal says it. */
function reasonOf(error: unknown): ErrorCode {
  if (!isTalosError(error)) return "INTERNAL";
  return error instanceof DirectoryRefusal && isFinal(error.code) ? "DIRECTORY_MISBEHAVED" : error.code;
}
