/**
 * A real directory for tests: real HTTP on loopback, a real SQLite file in a folder of its own, and a clock that the test
 * moves. Knows nothing of agents.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { Agent, request as httpRequest, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startDirectory, type DirectoryLimits, type RunningDirectory } from "@talos/directory";
import { IN_PROCESS_LIMITS } from "./in-process-limits.ts";

export interface TestDirectoryOptions {
  /** Milliseconds; default 2026-11-24T00:00:00Z. */
  readonly now?: number;
  /** Instead of a clock that stands still. */
  readonly clock?: () => number;
  readonly limits?: Partial<DirectoryLimits>;
  readonly publicAuthorities?: readonly string[];
}

export interface RawRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: Uint8Array;
  readonly signal?: AbortSignal;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
  /** The body as JSON; throws where it is none. */
  json(): unknown;
  /** The code of an error, undefined for an answer that is none. */
  readonly code: string | undefined;
}

export class TestDirectory implements AsyncDisposable {
  /** What the directory's clock says, unless it was given another. */
  now: number;
  readonly folder: string;
  readonly #options: TestDirectoryOptions;
  #running: RunningDirectory | undefined;
  readonly #pending = new Set<Promise<RawAnswer>>();
  #agent = new Agent({ keepAlive: true });

  private constructor(folder: string, options: TestDirectoryOptions) {
    this.folder = folder;
    this.#options = options;
    this.now = options.now ?? Date.UTC(2026, 10, 24);
  }

  static async start(options: TestDirectoryOptions = {}): Promise<TestDirectory> {
    const directory = new TestDirectory(await mkdtemp(join(tmpdir(), "talos-directory-")), options);
    await directory.open();
    return directory;
  }

  get databasePath(): string {
    return join(this.folder, "directory.db");
  }

  get url(): string {
    return this.running.url;
  }

  /** `host:port` */
  get authority(): string {
    return new URL(this.url).host;
  }

  get running(): RunningDirectory {
    if (this.#running === undefined) throw new Error("the directory does not run");
    return this.#running;
  }

  /** Starts it (again), on another port, over the same file. */
  async open(): Promise<void> {
    const { limits, publicAuthorities, clock } = this.#options;
    this.#running = await startDirectory({
      listen: { host: "127.0.0.1", port: 0 },
      store: `sqlite:${this.databasePath}`,
      now: clock ?? (() => this.now),
      limits: { ...IN_PROCESS_LIMITS, ...limits },
      publicAuthorities,
    });
  }

  /** Stops it and keeps the file. */
  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    await running?.close();
    // The server has sent what it had to say; it may not have been read yet.
    await Promise.allSettled(this.#pending);
    this.#agent.destroy();
    this.#agent = new Agent({ keepAlive: true });
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.open();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.#agent.destroy();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Sends a request as it is, well formed or not. */
  send({ method, target, headers, body, signal }: RawRequest): Promise<RawAnswer> {
    const { port } = this.running;
    const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>();
    const request = httpRequest({ host: "127.0.0.1", port, method, path: target, headers: { ...headers }, agent: this.#agent, signal });
    request.on("error", reject);
    request.on("response", (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => resolve(answerOf(response.statusCode ?? 0, response.headers, new Uint8Array(Buffer.concat(parts)))));
    });
    if (body !== undefined && headers?.["transfer-encoding"] === undefined) request.setHeader("content-length", body.length);
    request.end(body);
    this.#pending.add(promise);
    const settled = (): boolean => this.#pending.delete(promise);
    promise.then(settled, settled);
    return promise;
  }
}

function answerOf(status: number, headers: IncomingHttpHeaders, body: Uint8Array): RawAnswer {
  const json = (): unknown => JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  return { status, headers, body, json, code: status < 400 ? undefined : codeIn(json()) };
}

function codeIn(json: unknown): string | undefined {
  const { error } = json as { readonly error?: { readonly code?: string } };
  return error?.code;
}
