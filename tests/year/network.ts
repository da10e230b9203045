/**
 * The way to the directory, with a count of what is under way on it: a clock that moves by hours must not move while a request is. Long
 * polls, which wait by nature, are not counted. Changes nothing.
 */
import { HttpDirectory, type Directory, type HttpDirectoryOptions } from "@talos/agent";

/** So many turns of the event loop without a request: whoever had something to do has done it. */
const CALM_TURNS = 4;

export class Network {
  #underWay = 0;

  /** For an `Environment`. */
  readonly openDirectory = (options: HttpDirectoryOptions): Directory => {
    const real = new HttpDirectory(options);
    return new Proxy<Directory>(real, {
      get: (_, name: keyof Directory) => {
        const part: unknown = real[name];
        if (typeof part !== "function") return part;
        if (name === "fetch" || name === "close") return part.bind(real) as unknown;
        return async (...parameters: readonly unknown[]) => this.#counted(Reflect.apply(part, real, parameters) as Promise<unknown>);
      },
    });
  };

  async calm(): Promise<void> {
    for (let turns = 0; turns < CALM_TURNS; turns = this.#underWay === 0 ? turns + 1 : 0) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async #counted(request: Promise<unknown>): Promise<unknown> {
    this.#underWay += 1;
    try {
      return await request;
    } finally {
      this.#underWay -= 1;
    }
  }
}
