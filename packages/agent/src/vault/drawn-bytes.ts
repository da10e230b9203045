/**
 * Random bytes for one transaction. A call of the generator costs as much as sealing a short value, so one call serves several.
 * Whoever makes a stock drops it with the transaction, which nothing interrupts: a process that is cloned with its memory must not
 * go on with the same bytes as its copy.
 */
import type { Crypto } from "@talos/core";

/** Of one call, so many of what was asked for. */
const MOST_AT_ONCE = 32;

export class DrawnBytes {
  readonly #crypto: Pick<Crypto, "randomBytes">;
  #stock: Uint8Array = new Uint8Array();
  #atOnce = 1;

  constructor(crypto: Pick<Crypto, "randomBytes">) {
    this.#crypto = crypto;
  }

  /** Bytes that nobody else gets. The first call draws no more than it gives: most transactions need no second. */
  take(length: number): Uint8Array {
    if (this.#stock.length < length) {
      this.#stock = this.#crypto.randomBytes(length * this.#atOnce);
      this.#atOnce = Math.min(MOST_AT_ONCE, this.#atOnce * 2);
    }
    const taken = this.#stock.subarray(0, length);
    this.#stock = this.#stock.subarray(length);
    return taken;
  }
}
