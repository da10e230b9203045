/**
 * Bounds what bodies and pages take in memory together, so that many large ones at once cannot end the process. Knows only
 * numbers of bytes.
 */
import { refuse } from "../refusal.ts";

/** Below this nothing is counted: small bodies come by the thousand and are gone within a turn. */
const COUNTED_BYTES = 65_536;

export class BufferBudget {
  #free: number;

  constructor(bytes: number) {
    this.#free = bytes;
  }

  /** Takes a share; the returned function gives it back, once. @throws TalosError DIRECTORY_BUSY where it does not fit */
  take(bytes: number): () => void {
    if (bytes < COUNTED_BYTES) return () => {};
    if (bytes > this.#free) throw refuse("DIRECTORY_BUSY", { retryAfterSeconds: 1 });
    this.#free -= bytes;
    let taken = bytes;
    return () => {
      this.#free += taken;
      taken = 0;
    };
  }
}
