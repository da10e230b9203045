/** A network that is cut now and then: a request does not arrive, or its answer does not. Drawn from a seed. Knows no agent. */
import { talosError } from "@talos/core";
import type { DirectoryHooks } from "@talos/testkit";
import { seededRandom } from "@talos/testkit/disk-faults";

export class Storm {
  /** How many requests of 100 are cut. */
  strength = 0;
  cuts = 0;
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** For everybody who is in it. */
  readonly hooks: DirectoryHooks = {
    resolve: (answer) => this.#perhaps(answer),
    publishEvents: () => this.#perhaps(undefined),
    eventsPublished: () => this.#perhaps(undefined),
    registerCertificate: () => this.#perhaps(undefined),
    claim: (bundle) => this.#perhaps(bundle),
    prekeyStock: (stock) => this.#perhaps(stock),
    replaceBatch: (replacement) => this.#perhaps(replacement),
    batchReplaced: () => this.#perhaps(undefined),
    deposit: (item) => this.#perhaps(item),
    deposited: () => this.#perhaps(undefined),
    fetch: (page) => this.#perhaps(page),
    acknowledge: () => this.#perhaps(undefined),
  };

  #perhaps<T>(answer: T): T {
    if (this.#random() * 100 >= this.strength) return answer;
    this.cuts += 1;
    throw talosError("DIRECTORY_UNREACHABLE");
  }
}
