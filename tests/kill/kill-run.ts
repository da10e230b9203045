/**
 * The kill test: two agents in processes of their own write to each other while either is killed with SIGKILL at random.
 * Returns what an auditor of the whole run finds. Size is the caller's.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createIn, systemEnvironment, TalosClient } from "@talos/agent";
import { startDirectory } from "@talos/directory";
import { TEST_KDF, TEST_PASSWORD } from "@talos/testkit";
import { Journal } from "./journal.ts";
import { RecordingProxy } from "./recording-proxy.ts";

const AGENT_PROCESS: string = join(import.meta.dirname, "agent-process.ts");
const NAMES = ["alice", "bob"] as const;
type Name = (typeof NAMES)[number];

export interface KillRunOptions {
  /** In each direction. */
  readonly messages: number;
  readonly kills: number;
  /** How long a process lives before it is killed: up to so many milliseconds, evenly spread. */
  readonly longestLifeMilliseconds: number;
  /** Gives up after this. */
  readonly limitMilliseconds: number;
  readonly progress?: (text: string) => void;
}

export interface KillRunResult {
  readonly kills: number;
  readonly envelopes: number;
  readonly deposits: number;
  /** Offers of an id whose effect had happened before: a crash between effect and acknowledgement. */
  readonly offeredAgain: number;
  readonly seconds: number;
  /** Empty when all is well. */
  readonly faults: readonly string[];
}

export async function killRun(options: KillRunOptions): Promise<KillRunResult> {
  const folder = mkdtempSync(join(tmpdir(), "talos-kill-"));
  try {
    return await runIn(folder, options);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runIn(folder: string, options: KillRunOptions): Promise<KillRunResult> {
  const started = Date.now();
  await using proxy = await RecordingProxy.start();
  const directory = await startDirectory({
    listen: { host: "127.0.0.1", port: 0 },
    store: `sqlite:${join(folder, "directory.db")}`,
    publicAuthorities: [proxy.authority],
  });
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => directory.close());
  proxy.passTo(directory.port);
  const agents = await makeAgents(folder, `http://${proxy.authority}`, options.messages);
  const killer = new Killer(agents);
  cleanup.defer(() => killer.stop());
  const faults = await keepKilling(killer, agents, options);
  await killer.stop();
  const journals = NAMES.map((name) => agents[name].journal);
  for (const [index, name] of NAMES.entries()) faults.push(...audit(name, journals[index], journals[1 - index], options.messages));
  for (const place of proxy.reused) faults.push(`two envelopes at ${place}`);
  const offeredAgain = journals.reduce((sum, journal) => sum + journal.offeredAgain(), 0);
  for (const journal of journals) journal[Symbol.dispose]();
  const seconds = (Date.now() - started) / 1000;
  return { kills: killer.kills, envelopes: proxy.envelopes, deposits: proxy.deposits, offeredAgain, seconds, faults };
}

interface AgentUnderTest {
  readonly dataDir: string;
  readonly journal: Journal;
  readonly environment: NodeJS.ProcessEnv;
}

async function makeAgents(folder: string, url: string, messages: number): Promise<Record<Name, AgentUnderTest>> {
  const made = await Promise.all(
    NAMES.map(async (name) => {
      const dataDir = join(folder, name);
      const client = await createIn({ ...systemEnvironment, kdf: TEST_KDF }, name, { dataDir, password: TEST_PASSWORD, directory: url });
      await client.close();
      return { name, dataDir, did: client.did };
    }),
  );
  const agent = (own: number): AgentUnderTest => {
    const { name, dataDir } = made[own] ?? { name: "", dataDir: "" };
    const path = join(folder, `${name}.journal`);
    const environment = {
      ...process.env,
      KILL_DATA_DIR: dataDir,
      KILL_JOURNAL: path,
      KILL_PEER: made[1 - own]?.did,
      KILL_MESSAGES: `${messages}`,
      TALOS_KEY_PASSWORD: TEST_PASSWORD,
    };
    return { dataDir, journal: new Journal(path), environment };
  };
  return { alice: agent(0), bob: agent(1) };
}

/** Keeps both agents alive, and kills one whenever it is told to. */
class Killer {
  readonly #agents: Record<Name, AgentUnderTest>;
  readonly #running: Map<Name, { child: ChildProcess; ended: Promise<void> }> = new Map();
  readonly faults: string[] = [];
  kills = 0;
  #stopping = false;

  constructor(agents: Record<Name, AgentUnderTest>) {
    this.#agents = agents;
    for (const name of NAMES) this.#start(name);
  }

  async kill(name: Name): Promise<void> {
    const running = this.#running.get(name);
    if (running === undefined) return;
    this.#running.delete(name);
    running.child.kill("SIGKILL");
    await running.ended;
    this.kills += 1;
    this.#start(name);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const all = [...this.#running.values()];
    this.#running.clear();
    for (const { child } of all) child.kill("SIGKILL");
    await Promise.all(all.map(async ({ ended }) => ended));
  }

  #start(name: Name): void {
    if (this.#stopping) return;
    const child = spawn(process.execPath, [AGENT_PROCESS], { env: this.#agents[name].environment, stdio: ["ignore", "ignore", "pipe"] });
    let words = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      words += chunk.toString();
    });
    const ended = new Promise<void>((resolve) => {
      child.on("close", (code, signal) => {
        if (signal !== "SIGKILL") this.faults.push(`${name} ended by itself (${code ?? signal}): ${words}`);
        resolve();
      });
    });
    this.#running.set(name, { child, ended });
  }
}

/** Until everything has been exchanged, and the kills have been made; then without kills until everything is acknowledged. */
async function keepKilling(killer: Killer, agents: Record<Name, AgentUnderTest>, options: KillRunOptions): Promise<string[]> {
  const end = Date.now() + options.limitMilliseconds;
  for (let round = 0; ; round++) {
    if (killer.faults.length > 0) return [...killer.faults];
    if (Date.now() > end) return ["the time was over", ...(await describe(agents))];
    await new Promise((resolve) => setTimeout(resolve, Math.random() * options.longestLifeMilliseconds));
    if (killer.kills < options.kills) await killer.kill(Math.random() < 0.5 ? "alice" : "bob");
    else if (await isFinished(agents, options.messages)) return [...killer.faults];
    if (round % 20 === 0) options.progress?.(`${killer.kills} kills; ${(await describe(agents)).join("; ")}`);
  }
}

async function isFinished(agents: Record<Name, AgentUnderTest>, messages: number): Promise<boolean> {
  for (const { journal, dataDir } of Object.values(agents)) {
    if (journal.distinctNumbers() < messages) return false;
    await using inspection = await TalosClient.inspect({ dataDir });
    const { outbox, inbox } = inspection.status();
    if (inbox.offered + outbox.accepted + outbox.waiting + outbox.ready + outbox.deposited > 0) return false;
  }
  return true;
}

async function describe(agents: Record<Name, AgentUnderTest>): Promise<string[]> {
  return await Promise.all(
    Object.entries(agents).map(async ([name, { journal, dataDir }]) => {
      await using inspection = await TalosClient.inspect({ dataDir });
      const { outbox, kept, generation } = inspection.status();
      const { waiting, ready, deposited } = outbox;
      return `${name}: generation ${generation}, ${journal.distinctNumbers()} received, outbox ${waiting}/${ready}/${deposited}, kept ${kept.map(({ code }) => code).join(" ")}`;
    }),
  );
}

/** What one application and the other one's record of it say together. */
function audit(name: Name, own: Journal | undefined, peers: Journal | undefined, messages: number): string[] {
  if (own === undefined || peers === undefined) return [`${name} has no journal`];
  const faults = own.violations().map((violation) => `${name}: ${violation}`);
  if (own.distinctNumbers() !== messages) faults.push(`${name} received ${own.distinctNumbers()} of ${messages}`);
  const effects = new Set(own.effectIds());
  const lost = peers.sentIds().filter((id) => !effects.has(id));
  if (lost.length > 0) faults.push(`${name} never received ${lost.length} ids that its peer's send had returned`);
  return faults;
}
