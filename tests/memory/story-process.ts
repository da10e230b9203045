/**
 * A process that was an agent, and its secrets: it plays a story, stands still where it says so, and is searched meanwhile. Every secret that
 * it ever had is in its journal. Knows no story.
 */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { toHex } from "@talos/core";
import { startDirectory, type RunningDirectory } from "@talos/directory";
import { distinct, inParts, memoryObstacle, processMemory, readSecretJournal, SecretFinder, type RecordedSecret } from "@talos/testkit";

/** A part of a secret that was found. */
export interface Found {
  readonly kind: string;
  /** In hexadecimal. */
  readonly part: string;
  /** Kind, form, and the mapping where it lies. */
  readonly place: string;
}

const JOURNAL = "journal";

export class StoryProcess implements AsyncDisposable {
  readonly folder: string;
  /** Why its memory cannot be read here. */
  readonly obstacle: string | undefined;
  /** All that it has said. */
  output: string = "";
  readonly #directory: RunningDirectory;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #lines: Interface;
  readonly #pid: number;

  private constructor(folder: string, directory: RunningDirectory, child: ChildProcess) {
    this.folder = folder;
    this.#directory = directory;
    this.#child = child;
    this.#pid = child.pid ?? assert.fail();
    this.obstacle = memoryObstacle(this.#pid);
    this.#ended = once(child, "exit");
    child.stderr?.on("data", (chunk: Buffer) => (this.output += chunk.toString("latin1")));
    this.#lines = createInterface({ input: child.stdout ?? assert.fail() });
    this.#lines.on("line", (line) => (this.output += `${line}\n`));
  }

  /** @param story a program that is told where to be by MEMORY_FOLDER, MEMORY_DIRECTORY and MEMORY_JOURNAL */
  static async start(story: string): Promise<StoryProcess> {
    const folder = mkdtempSync(join(tmpdir(), "talos-memory-"));
    const directory = await startDirectory({ listen: { host: "127.0.0.1", port: 0 }, store: `sqlite:${join(folder, "directory.db")}` });
    const temporary = join(folder, "temporary");
    mkdirSync(temporary);
    const settings = {
      MEMORY_FOLDER: folder,
      MEMORY_DIRECTORY: directory.url,
      MEMORY_JOURNAL: join(folder, JOURNAL),
      TMPDIR: temporary,
    };
    const child = spawn(process.execPath, ["--expose-gc", story], {
      env: { ...process.env, ...settings },
      stdio: ["pipe", "pipe", "pipe"],
    });
    return new StoryProcess(folder, directory, child);
  }

  /** Reads what the story says until it stands at that place. */
  async until(place: string): Promise<void> {
    while (!this.output.includes(`\nat: ${place}\n`)) {
      if (this.#child.exitCode !== null) throw new Error(`the story ended before it came to "${place}":\n${this.output.slice(-4000)}`);
      await Promise.race([once(this.#lines, "line"), this.#ended]);
    }
  }

  goOn(): void {
    this.#child.stdin?.write("go on\n");
  }

  journal(): RecordedSecret[] {
    return distinct(readSecretJournal(join(this.folder, JOURNAL)));
  }

  /** Its memory as it stands there; undefined where it cannot be read. */
  search(): readonly Found[] | undefined {
    if (this.obstacle !== undefined) return undefined;
    const finder = new SecretFinder(this.journal().flatMap(inParts));
    const found: Found[] = [];
    for (const { mapping, bytes } of processMemory(this.#pid, finder.longest - 1)) {
      finder.search(bytes, ({ secret, kind, form }) =>
        found.push({ kind, part: toHex(secret.bytes), place: `${kind}, ${form}, in ${mapping}` }),
      );
    }
    return found;
  }

  findIn(bytes: Uint8Array): string[] {
    return foundBy(new SecretFinder(this.journal().flatMap(inParts)), bytes);
  }

  /** In files that it has left, by name; but for the journal and those that are named. */
  findInFiles(others: readonly string[] = []): string[] {
    const files = readdirSync(this.folder, { recursive: true, encoding: "utf8" }).filter(
      (name) => ![JOURNAL, ...others].includes(name) && statSync(join(this.folder, name)).isFile(),
    );
    const finder = new SecretFinder(this.journal().flatMap(inParts));
    return files.flatMap((name) => foundBy(finder, readFileSync(join(this.folder, name))).map((found) => `${name}: ${found}`));
  }

  /** Where the memory of another process cannot be read the search did not happen; under CI=true that is a failure. */
  searched(result: readonly Found[] | undefined, skip: (reason: string) => void): readonly Found[] | undefined {
    if (result === undefined && process.env["CI"] === "true") assert.fail(`the memory cannot be read: ${this.obstacle}`);
    if (result === undefined) skip(`the memory of a process cannot be read: ${this.obstacle}`);
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
    await this.#directory.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The places, each once, but for those of kinds that may be found. */
export function placesOf(found: readonly Found[], mayRemain: readonly string[]): readonly string[] {
  return [...new Set(found.filter(({ kind }) => !mayRemain.includes(kind)).map(({ place }) => place))].sort();
}

function foundBy(finder: SecretFinder, bytes: Uint8Array): string[] {
  const kinds = new Set<string>();
  finder.search(bytes, ({ kind, form }) => kinds.add(`${kind}, ${form}`));
  return [...kinds].sort();
}
