/** An agent of the fleet with its application: takes every message and remembers each by its id. Knows no story. */
import type { TalosClient } from "@talos/agent";

export class Correspondent {
  readonly name: string;
  readonly did: string;
  /** Texts by message id. */
  readonly heard: Map<string, string> = new Map();
  /** Ids that were offered after their acknowledgement. */
  readonly repeated: string[] = [];
  #client: TalosClient | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(name: string, client: TalosClient) {
    this.name = name;
    this.did = client.did;
    this.#client = client;
    this.listen(client);
  }

  get client(): TalosClient {
    if (this.#client === undefined) throw new Error(`${this.name} is offline`);
    return this.#client;
  }

  get isOnline(): boolean {
    return this.#client !== undefined;
  }

  texts(): readonly string[] {
    return [...this.heard.values()];
  }

  /** Back again. */
  listen(client: TalosClient): void {
    this.#client = client;
    this.#ended = this.#take(client);
  }

  async goOffline(): Promise<void> {
    await this.#client?.close();
    await this.#ended;
    this.#client = undefined;
  }

  async #take(client: TalosClient): Promise<void> {
    try {
      for await (const message of client.receive()) {
        if (this.heard.has(message.id)) this.repeated.push(message.id);
        this.heard.set(message.id, message.text());
        await message.ack();
      }
    } catch {
      // Closed, or superseded: it takes nothing any more.
    }
  }
}
