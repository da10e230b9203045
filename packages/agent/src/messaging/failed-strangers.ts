/**
 * Strangers whose first messages could not be opened. To find that out, their whole log is fetched and verified, and nothing of it is kept:
 * so nobody may ask for it again and again. In memory; what a restart forgets costs a few logs more.
 */
import { equalBytes, talosError, toHex, type AgentId } from "@talos/core";

const REST_MILLISECONDS = 3_600_000;
/** A message may fail for an honest reason (its sender has rotated meanwhile), and comes again at once in another session. */
export const ATTEMPTS_AN_HOUR = 3;
/** The oldest are forgotten. */
const MAX_REMEMBERED = 10_000;

interface Failures {
  readonly since: number;
  readonly count: number;
}

export class FailedStrangers {
  readonly #failures: Map<string, Failures> = new Map();

  /**
   * An agent whom others name in their garbage is not refused what it leaves itself, as far as the directory tells who that was.
   *
   * @param depositor as the directory says
   * @throws TalosError HANDSHAKE_REFUSED while the stranger has to wait
   */
  requireAttempt(initiator: AgentId, depositor: AgentId | undefined, now: number): void {
    const isOwn = depositor !== undefined && equalBytes(initiator, depositor);
    const keys = [...(depositor === undefined ? [] : [byDepositor(depositor)]), ...(isOwn ? [] : [byInitiator(initiator)])];
    if (!keys.some((key) => this.#countOf(key, now) >= ATTEMPTS_AN_HOUR)) return;
    throw talosError("HANDSHAKE_REFUSED", undefined, { details: { reason: "the last messages of this stranger could not be opened" } });
  }

  failed(initiator: AgentId, depositor: AgentId | undefined, now: number): void {
    for (const key of [byInitiator(initiator), ...(depositor === undefined ? [] : [byDepositor(depositor)])]) {
      const count = this.#countOf(key, now);
      const since = count === 0 ? now : (this.#failures.get(key)?.since ?? now);
      this.#failures.delete(key);
      this.#failures.set(key, { since, count: count + 1 });
    }
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size <= MAX_REMEMBERED) break;
      this.#failures.delete(oldest);
    }
  }

  #countOf(key: string, now: number): number {
    const failures = this.#failures.get(key);
    // Also where the clock was set back since.
    const isPast = failures === undefined || Math.abs(now - failures.since) >= REST_MILLISECONDS;
    return isPast ? 0 : failures.count;
  }
}

function byInitiator(id: AgentId): string {
  return `initiator ${toHex(id)}`;
}

function byDepositor(id: AgentId): string {
  return `depositor ${toHex(id)}`;
}
