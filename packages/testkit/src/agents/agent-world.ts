/**
 * A small world for tests: one real directory on loopback and any number of real agents with data directories of their own
 * in one temporary folder, in one process. Everything that was opened is closed and removed with it.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createIn,
  openIn,
  systemEnvironment,
  type CreateOptions,
  type Environment,
  type OpenOptions,
  type ReceivedMessage,
  type TalosClient,
} from "@talos/agent";
import { startDirectory, type DirectoryOptions, type RunningDirectory } from "@talos/directory";
import { IN_PROCESS_LIMITS } from "../directory/in-process-limits.ts";

export const TEST_PASSWORD = "river otter lamp quartz, for tests";
/** The cheapest that a vault accepts, and a backup. */
export const TEST_KDF = { memoryKiB: 7_168, passes: 5, lanes: 1 } as const;

export interface AgentWorldOptions {
  /** Replaces parts of what agents stand on. */
  readonly environment?: Partial<Environment>;
  readonly limits?: DirectoryOptions["limits"];
}

export class AgentWorld implements AsyncDisposable {
  readonly folder: string;
  readonly environment: Environment;
  readonly #limits: DirectoryOptions["limits"];
  readonly #clients: Set<TalosClient> = new Set();
  #directory: RunningDirectory | undefined;
  #port = 0;

  private constructor({ environment, limits }: AgentWorldOptions) {
    this.folder = mkdtempSync(join(tmpdir(), "talos-world-"));
    this.environment = { ...systemEnvironment, kdf: TEST_KDF, backupKdf: TEST_KDF, allowWeakPasswords: true, ...environment };
    this.#limits = limits;
  }

  static async start(options: AgentWorldOptions = {}): Promise<AgentWorld> {
    const world = new AgentWorld(options);
    await world.startDirectory();
    return world;
  }

  /** Of the directory, whether it runs or not. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** On the same port and with the same data as before. */
  async startDirectory(): Promise<void> {
    this.#directory = await startDirectory({
      listen: { host: "127.0.0.1", port: this.#port },
      store: `sqlite:${join(this.folder, "directory.db")}`,
      now: () => this.environment.clock.now(),
      limits: { ...IN_PROCESS_LIMITS, ...this.#limits },
    });
    this.#port = this.#directory.port;
  }

  async stopDirectory(): Promise<void> {
    await this.#directory?.close();
    this.#directory = undefined;
  }

  dataDir(name: string): string {
    return join(this.folder, name);
  }

  /** A new agent that is at home at the world's directory, or at none with `directory: undefined`. */
  async create(name: string, options: CreateOptions = {}, environment: Environment = this.environment): Promise<TalosClient> {
    const common = { dataDir: this.dataDir(name), password: TEST_PASSWORD, directory: this.url };
    return this.#keep(await createIn(environment, name, { ...common, ...options }));
  }

  async open(name: string, options: OpenOptions = {}, environment: Environment = this.environment): Promise<TalosClient> {
    return this.#keep(await openIn(environment, { dataDir: this.dataDir(name), password: TEST_PASSWORD, ...options }));
  }

  /**
   * A copy of a data directory, as a backup program or a virtual machine makes one. By another process: POSIX locks of this
   * one would fall if it closed the files itself.
   */
  copyDataDir(name: string, copy: string): void {
    execFileSync("cp", ["-a", this.dataDir(name), this.dataDir(copy)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) await client.close();
    await this.stopDirectory();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #keep(client: TalosClient): TalosClient {
    this.#clients.add(client);
    return client;
  }
}

/** The next `count` messages, acknowledged unless `ack` says no. Fails after ten seconds without one. */
export async function take(client: TalosClient, count: number, ack: boolean = true): Promise<ReceivedMessage[]> {
  const messages: ReceivedMessage[] = [];
  const signal = AbortSignal.timeout(10_000);
  if (count === 0) return messages;
  for await (const message of client.receive({ signal })) {
    messages.push(message);
    if (ack) await message.ack();
    if (messages.length === count) return messages;
  }
  throw new Error(`only ${messages.length} of ${count} messages came`);
}

/** Waits until it holds; fails after ten seconds. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  for (const end = Date.now() + 10_000; !holds();) {
    if (Date.now() > end) throw new Error(`it never came to this: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
