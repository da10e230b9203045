/** Two processes open one vault at once, and one of them is killed at random, again and again. Says what went wrong. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { createVault, describeVault, fixtureCrypto, openVault, sessionStep } from "./vault-fixture.ts";

const HOLDER: string = join(import.meta.dirname, "vault-holder.ts");
const LONGEST_LIFE_MILLISECONDS = 40;

export interface RaceResult {
  readonly rounds: number;
  /** Openings that were refused because another process held the vault. */
  readonly refused: number;
  readonly commits: number;
  readonly faults: readonly string[];
}

export async function openingRaces(rounds: number): Promise<RaceResult> {
  const folder = mkdtempSync(join(tmpdir(), "talos-race-"));
  const dataDir = join(folder, "data");
  const result = { rounds, refused: 0, commits: 0, faults: [] as string[] };
  try {
    mkdirSync(dataDir, { mode: 0o700 });
    (await createVault(dataDir, fixtureCrypto("race"))).close();
    let newest = 1;
    for (let round = 1; round <= rounds; round++) {
      const said = await oneRound(dataDir, join(folder, "marker"));
      result.faults.push(...said.faults.map((fault) => `round ${round}: ${fault}`));
      result.refused += said.refused;
      result.commits += said.commits;
      const fault = await check(dataDir, newest, said.lastSteps);
      if (typeof fault === "string") result.faults.push(`round ${round}: ${fault}`);
      else newest = fault.generation;
    }
    return result;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface RoundResult {
  readonly faults: string[];
  refused: number;
  commits: number;
  /** Of each generation, the last step that it said was committed. */
  readonly lastSteps: Map<number, number>;
}

/** Until both have had the vault: the second gets it when the first is killed. */
async function oneRound(dataDir: string, marker: string): Promise<RoundResult> {
  const result: RoundResult = { faults: [], refused: 0, commits: 0, lastSteps: new Map() };
  const holders = [1, 2].map(
    () => new Holder(spawn(process.execPath, [HOLDER, "race", dataDir, marker], { stdio: ["ignore", "pipe", "pipe"] })),
  );
  await Promise.race(holders.map(async (holder) => await holder.opened));
  await new Promise((resolve) => setTimeout(resolve, Math.random() * LONGEST_LIFE_MILLISECONDS));
  const [victim, other] = Math.random() < 0.5 ? holders : holders.toReversed();
  await victim?.kill();
  await other?.opened;
  await new Promise((resolve) => setTimeout(resolve, Math.random() * LONGEST_LIFE_MILLISECONDS));
  await other?.kill();
  rmSync(marker, { force: true });
  const generations = holders.map(({ generation }) => generation).filter((generation) => generation > 0);
  if (new Set(generations).size < generations.length) result.faults.push(`two openings have generation ${generations[0]}`);
  for (const { words, generation, refused, steps } of holders) {
    if (words !== "") result.faults.push(words);
    result.refused += refused;
    result.commits += steps;
    if (generation > 0) result.lastSteps.set(generation, steps);
  }
  return result;
}

class Holder {
  readonly opened: Promise<void>;
  generation = 0;
  steps = 0;
  refused = 0;
  /** What it complained of; empty when all is well. */
  words = "";
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#ended = once(child, "close");
    child.stderr?.on("data", (chunk: Buffer) => {
      this.words += chunk.toString();
    });
    const { stdout } = child;
    if (stdout === null) throw new Error("a holder has no output");
    const lines = createInterface({ input: stdout });
    this.opened = new Promise((resolve) => {
      lines.on("line", (line) => {
        if (this.#note(line)) resolve();
      });
      child.on("close", () => {
        resolve();
      });
    });
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  #note(line: string): boolean {
    const [word, number] = line.split(" ");
    if (word === "open") this.generation = Number(number);
    if (word === "step") this.steps = Number(number);
    if (word === "locked") this.refused++;
    return word === "open";
  }
}

/** Opens the vault as the next one; everything that was reported is in it. */
async function check(dataDir: string, newest: number, lastSteps: ReadonlyMap<number, number>): Promise<string | { generation: number }> {
  try {
    using vault = await openVault(dataDir, fixtureCrypto("race"));
    describeVault(vault);
    for (const [generation, steps] of lastSteps) {
      if (generation <= newest || generation >= vault.generation)
        return `opening ${generation} came after ${newest}, before ${vault.generation}`;
      const kept = sessionStep(vault, `holder ${generation}`);
      if (kept < steps) return `step ${steps} of opening ${generation} was reported, and ${kept} is there`;
    }
    return { generation: vault.generation };
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
}
