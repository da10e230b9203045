/**
 * Logs that this directory has verified, the ones last asked for, bounded by the number of their events: a long log takes a while
 * to read, and anybody may ask for it. Must not know the store: who takes a log from here checks that it has the store's head.
 */
import { toHex, type AgentId, type IdentityLog } from "@talos/core";

export class VerifiedLogs {
  readonly #maxEvents: number;
  /** Least recently used first. */
  readonly #logs: Map<string, IdentityLog> = new Map();
  #events = 0;

  constructor(maxEvents: number) {
    this.#maxEvents = maxEvents;
  }

  get(agentId: AgentId): IdentityLog | undefined {
    const key = toHex(agentId);
    const log = this.#logs.get(key);
    if (log === undefined) return undefined;
    this.#logs.delete(key);
    this.#logs.set(key, log);
    return log;
  }

  put(log: IdentityLog): void {
    this.#remove(toHex(log.agentId));
    this.#logs.set(toHex(log.agentId), log);
    this.#events += log.events.length;
    for (const key of this.#logs.keys()) {
      if (this.#events <= this.#maxEvents) break;
      this.#remove(key);
    }
  }

  #remove(key: string): void {
    this.#events -= this.#logs.get(key)?.events.length ?? 0;
    this.#logs.delete(key);
  }
}
