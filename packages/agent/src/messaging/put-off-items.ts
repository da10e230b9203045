/**
 * Items of the mailbox that need a look-up which fails elsewhere: at a directory that the item's owner has named. Each is tried again for a
 * while and holds up no other; whoever names a dead directory must not stop an agent's mail. In memory: a restart gives them as long again.
 */
import { toHex, type EnvelopeId } from "@talos/core";

/** Then it is kept, and its sender hears that it was not opened. */
const PATIENCE_MILLISECONDS = 60_000;
/** The oldest are forgotten, and get their time again. */
const MAX_REMEMBERED = 10_000;

export class PutOffItems {
  readonly #since: Map<string, number> = new Map();

  /** @returns true while it may be tried again */
  mayWait(id: EnvelopeId, now: number): boolean {
    const key = toHex(id);
    const since = this.#since.get(key);
    if (since === undefined) {
      const [oldest] = this.#since.keys();
      if (oldest !== undefined && this.#since.size >= MAX_REMEMBERED) this.#since.delete(oldest);
      this.#since.set(key, now);
      return true;
    }
    // A clock that was set back gives no more time than anybody has.
    return Math.abs(now - since) < PATIENCE_MILLISECONDS;
  }

  settled(id: EnvelopeId): void {
    this.#since.delete(toHex(id));
  }
}
