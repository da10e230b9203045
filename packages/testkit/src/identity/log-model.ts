// What every verifier must conclude, said another way than the code says it: all events ever heard form a tree, in the order in which they
// were heard, and the log that stands is a function of that tree. Knows no bytes, no signatures, and nothing of the implementation.

/** One event: what it follows, and whose authority it has. Ids are unique. */
export interface ModelEvent {
  readonly id: string;
  /** Undefined of the inception. */
  readonly parent: string | undefined;
  readonly authority: "none" | "online" | "recovery";
  /** Whether a recovery commitment is in force after it. */
  readonly hasKit: boolean;
}

/** Every event that one verifier ever heard of, those that it did not believe too. */
export class LogModel {
  readonly #heard: Map<string, ModelEvent> = new Map();

  /** A chain as a source has it, inception first. */
  hear(chain: readonly ModelEvent[]): void {
    for (const event of chain) if (!this.#heard.has(event.id)) this.#heard.set(event.id, event);
  }

  /**
   * The ids of the log that stands, inception first. From what is final on: the recovery event heard first, among those that nothing but
   * online events separate from it, is final as well, with its ancestors. Where there is none, or no kit, the event heard first goes on.
   */
  standing(): string[] {
    const root = [...this.#heard.values()].find(({ parent }) => parent === undefined);
    if (root === undefined) return [];
    const path = [root];
    for (;;) {
      const at = path.at(-1) as ModelEvent;
      const decided = at.hasKit ? this.#firstRecoveryAfter(at) : undefined;
      if (decided !== undefined) {
        path.push(...decided);
        continue;
      }
      const [first] = this.#children(at);
      if (first === undefined) return path.map(({ id }) => id);
      // With a kit but no recovery event anywhere after it, the rest is a matter of what was heard first.
      path.push(first);
    }
  }

  /**
   * Whether a chain that leaves what stands is an alarm, and no mere echo of what a recovery event has decided: where they part, there was a
   * kit, and of the two only what stands has used it.
   */
  isAlarm(standing: readonly string[], chain: readonly ModelEvent[]): boolean {
    const parting = chain.findIndex(({ id }, index) => standing[index] !== id);
    const used = (ids: readonly string[]): boolean => ids.some((id) => this.#heard.get(id)?.authority === "recovery");
    if (chain[parting - 1]?.hasKit !== true || !used(standing.slice(parting))) return true;
    return used(chain.slice(parting).map(({ id }) => id));
  }

  /** The path from after `base` to the recovery event that was heard first, through online events alone. */
  #firstRecoveryAfter(base: ModelEvent): ModelEvent[] | undefined {
    for (const event of this.#heard.values()) {
      if (event.authority !== "recovery") continue;
      const path = [event];
      let parent = this.#parentOf(event);
      while (parent !== undefined && parent.id !== base.id && parent.authority === "online") {
        path.unshift(parent);
        parent = this.#parentOf(parent);
      }
      if (parent?.id === base.id) return path;
    }
    return undefined;
  }

  #parentOf({ parent }: ModelEvent): ModelEvent | undefined {
    return parent === undefined ? undefined : this.#heard.get(parent);
  }

  #children({ id }: ModelEvent): ModelEvent[] {
    return [...this.#heard.values()].filter(({ parent }) => parent === id);
  }
}
