// For tests of the command: a folder in which `talos` runs in processes of its own, as an operator runs it, with all that it says
// kept. Knows no format and no key.
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const COMMAND = fileURLToPath(new URL("../../bin/talos.js", import.meta.url));
const HUNG_MS = 240_000;

export interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Agent {
  readonly name: string;
  readonly did: string;
  readonly dataDir: string;
}

/** A process that goes on. */
export class Running {
  readonly ended: Promise<Ended>;
  readonly #child: ChildProcess;
  #stdout = "";
  #stderr = "";

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.setEncoding("utf8").on("data", (part: string) => (this.#stdout += part));
    child.stderr?.setEncoding("utf8").on("data", (part: string) => (this.#stderr += part));
    this.ended = once(child, "close").then(([code]) => ({ exitCode: code as number | null, stdout: this.#stdout, stderr: this.#stderr }));
  }

  /** Resolves with the first line of standard output that has the text. */
  async line(text: string): Promise<string> {
    for (;;) {
      const found = this.#stdout.split("\n").find((line) => line.includes(text));
      if (found !== undefined) return found;
      if (this.#child.exitCode !== null) assert.fail(`ended before it said "${text}": ${this.#stderr}`);
      await pause();
    }
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<Ended> {
    this.#child.kill(signal);
    return await this.ended;
  }
}

export class CommandWorld implements AsyncDisposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), "talos-command-"));
  /** All that every process said. */
  readonly said: string[] = [];
  readonly #running = new Set<Running>();
  #directory: Running | undefined;
  #url: string | undefined;

  path(...names: readonly string[]): string {
    return join(this.folder, ...names);
  }

  /** Writes a password file and returns its path. */
  passwordFile(name: string, password: string): string {
    const path = this.path(name);
    writeFileSync(path, `${password}\n`, { mode: 0o600 });
    return path;
  }

  get url(): string {
    return this.#url ?? assert.fail("no directory was started");
  }

  start(args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
    const child = spawn(process.execPath, [COMMAND, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      cwd: this.folder,
      timeout: HUNG_MS,
      env: { ...cleanEnvironment(), XDG_DATA_HOME: this.path("data-home"), ...env },
    });
    const running = new Running(child);
    this.#running.add(running);
    void this.#keep(running);
    return running;
  }

  async #keep(running: Running): Promise<void> {
    const { stdout, stderr } = await running.ended;
    this.said.push(stdout, stderr);
    this.#running.delete(running);
  }

  async run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
    return await this.start(args, env).ended;
  }

  /** Runs a command that is to end well, and returns its document. */
  async json<T = Readonly<Record<string, unknown>>>(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<T> {
    const { exitCode, stdout, stderr } = await this.run([...args, "--json"], env);
    assert.equal(exitCode, 0, `talos ${args.join(" ")}: ${stderr}`);
    return JSON.parse(stdout) as T;
  }

  async startDirectory(): Promise<void> {
    const listen = this.#url === undefined ? "127.0.0.1:0" : new URL(this.#url).host;
    this.#directory = this.start(["directory", "serve", "--listen", listen, "--store", `sqlite:${this.path("directory.db")}`, "--json"]);
    const { url } = JSON.parse(await this.#directory.line("listening")) as { url: string };
    this.#url = url;
  }

  async stopDirectory(): Promise<void> {
    const ended = await this.#directory?.stop();
    assert.equal(ended?.exitCode, 0);
    this.#directory = undefined;
  }

  get isServing(): boolean {
    return this.#directory !== undefined;
  }

  /** Makes an agent at the directory. */
  async init(name: string, passwordFile: string): Promise<Agent> {
    const dataDir = this.path(name);
    const made = await this.json(["init", name, "--data-dir", dataDir, "--password-file", passwordFile, "--directory", this.url]);
    return { name, did: String(made["agentId"]), dataDir };
  }

  /** Copies a data directory with modes and times. */
  copy(from: string, name: string): string {
    const to = this.path(name);
    execFileSync("cp", ["-a", from, to]);
    return to;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#running].map(async (running) => running.stop("SIGKILL")));
    // The runtime lets go of an ended process a turn later.
    await new Promise((resolve) => setImmediate(resolve));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Asks again until the answer is there; what hangs is ended by the runner. */
export async function eventually<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await pause();
  }
}

async function pause(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 50));
}

/** The tester's own agents and passwords have no place here. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const own = (name: string): boolean => name.startsWith("TALOS_") || name.startsWith("NODE_TEST") || name === "CREDENTIALS_DIRECTORY";
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own(name)));
}
