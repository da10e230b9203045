/**
 * Who waits for a message to get further: wakes them when the outbox says so. Knows no outbox.
 */
import { talosError, toHex } from "@talos/core";

export type Milestone = "deposited" | "delivered" | "expired";

type Listener = (reached: Milestone) => void;

export class Progress {
  readonly #listeners: Map<string, Set<Listener>> = new Map();

  /** After the commit that says so. */
  reached(messageId: Uint8Array, milestone: Milestone): void {
    for (const listener of this.#listeners.get(toHex(messageId)) ?? []) listener(milestone);
  }

  /**
   * Resolves with the milestone once the message is that far or further.
   *
   * @throws TalosError DELIVERY_NOT_REACHED when it expired, or when the signal aborted first; the message stays in the outbox
   */
  async wait(
    messageId: Uint8Array,
    target: "deposited" | "delivered",
    signals: readonly AbortSignal[],
  ): Promise<"deposited" | "delivered"> {
    const key = toHex(messageId);
    const given = AbortSignal.any([...signals]);
    return await new Promise((resolve, reject) => {
      const finish = (): void => {
        given.removeEventListener("abort", give);
        const left = this.#listeners.get(key);
        left?.delete(listener);
        if (left?.size === 0) this.#listeners.delete(key);
      };
      const give = (): void => {
        finish();
        reject(notReached(key));
      };
      const listener: Listener = (milestone) => {
        if (milestone === "deposited" && target === "delivered") return;
        finish();
        if (milestone === "expired") reject(notReached(key));
        else resolve(milestone);
      };
      const listeners = this.#listeners.get(key) ?? new Set();
      this.#listeners.set(key, listeners.add(listener));
      given.addEventListener("abort", give, { once: true });
      if (given.aborted) give();
    });
  }
}

function notReached(messageId: string): Error {
  return talosError("DELIVERY_NOT_REACHED", undefined, { details: { messageId } });
}
