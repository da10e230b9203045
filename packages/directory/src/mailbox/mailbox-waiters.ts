/**
 * Who waits for something to come into a mailbox. Wakes by event, never by looking at the database again and again. Knows
 * only that something came, not what.
 */
import { toHex, type AgentId } from "@talos/core";

export interface Waiter {
  /** Resolves when something came, after `timeoutMs`, when the signal aborts, or at a stop; at once if that was so already. */
  wait(timeoutMs: number, signal: AbortSignal): Promise<void>;
  /** Must be called once the waiter is not used any more. */
  end(): void;
}

export class MailboxWaiters {
  readonly #perMailbox: number;
  readonly #waiting = new Map<string, Set<() => void>>();
  #stopped = false;

  constructor(perMailbox: number) {
    this.#perMailbox = perMailbox;
  }

  /** From now on nothing that comes is missed: make the waiter first, look into the mailbox then, and wait last. */
  enter(mailbox: AgentId): Waiter {
    const name = toHex(mailbox);
    const { promise: woken, resolve: wake } = Promise.withResolvers<void>();
    const set = this.#waiting.get(name) ?? new Set();
    this.#waiting.set(name, set.add(wake));
    // An agent has one receiving loop; more waiters are leftovers of connections that broke without a word.
    if (set.size > this.#perMailbox) [...set][0]?.();
    if (this.#stopped) wake();
    const end = (): void => {
      set.delete(wake);
      if (set.size === 0 && this.#waiting.get(name) === set) this.#waiting.delete(name);
    };
    return { end, wait: (timeoutMs, signal) => waitUntil(woken, timeoutMs, signal) };
  }

  /** Something lies in the mailbox, durably. */
  wake(mailbox: AgentId): void {
    for (const wake of this.#waiting.get(toHex(mailbox)) ?? []) wake();
  }

  /** Wakes all, and everyone who comes later. */
  stop(): void {
    this.#stopped = true;
    for (const set of this.#waiting.values()) for (const wake of set) wake();
  }

  /** How many wait; for tests and metrics. */
  get size(): number {
    let size = 0;
    for (const set of this.#waiting.values()) size += set.size;
    return size;
  }
}

async function waitUntil(woken: Promise<void>, timeoutMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const done = (): void => resolve();
  const timer = setTimeout(done, timeoutMs);
  signal.addEventListener("abort", done);
  try {
    await Promise.race([woken, over]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", done);
  }
}
