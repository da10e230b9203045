/**
 * Counts requests that are not answered yet. Node takes a connection for idle once its answer is written, be it flushed or
 * not, and cuts it when the server closes; so a stop waits until nothing is in flight before it closes the server.
 */
import type { ServerResponse } from "node:http";

export class InFlight {
  #count = 0;
  #whenNone: (() => void)[] = [];

  add(response: ServerResponse): void {
    this.#count += 1;
    // Comes after the last byte was handed on, and when the connection breaks.
    response.once("close", () => {
      this.#count -= 1;
      if (this.#count === 0) for (const resolve of this.#whenNone.splice(0)) resolve();
    });
  }

  /** Resolves when nothing is in flight. */
  none(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#count === 0) resolve();
      else this.#whenNone.push(resolve);
    });
  }
}
