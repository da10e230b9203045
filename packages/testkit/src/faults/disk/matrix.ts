/**
 * The matrix: every operation of a subject, stopped or failed at every call that writes, and every state a loss of power
 * may leave. A state is good when it opens, is the one before or the one after, and nothing is wrong in it. Knows no
 * vault: what a state is, is the subject's to say.
 */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ChildTask, FailReport, FaultPoint, KillReport, TraceReport } from "./child.ts";
import { type FolderImage, imageBelow, imageKey, readImage, withFolder, workPlace, writeImage } from "./folder-image.ts";
import { outsideCopy, outsideNumber } from "./orders.ts";
import { failPoints, killPoints, range, Sampler, type SamplingOptions } from "./points.ts";
import { LOSSES, PowerLossModel } from "./power-loss.ts";
import { seededRandom } from "./random.ts";
import { diskFaultEnvironment } from "./shim.ts";
import type { DiskOperation, DiskSubject, Look } from "./subject.ts";
import { parseTrace, type TraceRecord } from "./trace.ts";

export interface MatrixOptions extends SamplingOptions {
  readonly subject: DiskSubject;
  /** The program that calls `runFaultChild` with the same subject. */
  readonly child: string;
  /** Default: all. */
  readonly operations?: readonly string[];
  /** Drawn states for each cut, besides the four corners. Default 4. */
  readonly draws?: number;
  /** An operation ends at the first bad state that it is found in. */
  readonly untilBad?: boolean;
  /** Operations at a time. Default 1. */
  readonly atOnce?: number;
  readonly progress?: (result: OperationResult) => void;
}

export interface OperationResult {
  readonly operation: string;
  /** Calls that change something, and openings of files, in one undisturbed run. */
  readonly changes: number;
  readonly opens: number;
  readonly killed: number;
  readonly failed: number;
  readonly cuts: number;
  /** Points that a run did not come to; of operations whose calls vary. */
  readonly missed: number;
  /** Looked at, over all. */
  readonly states: number;
  readonly bad: readonly BadState[];
  readonly seconds: number;
}

export interface BadState {
  readonly operation: string;
  readonly where: string;
  readonly faults: readonly string[];
}

const DATA = "data";

export async function runMatrix(options: MatrixOptions): Promise<OperationResult[]> {
  const { subject, operations, atOnce = 1, progress } = options;
  const chosen = subject.operations.filter(({ name }) => operations === undefined || operations.includes(name));
  const results: OperationResult[] = [];
  const queue = [...chosen.entries()];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [index, operation] = next;
      using run = new OperationRun(operation, options, index);
      const result = await run.all();
      results[index] = result;
      progress?.(result);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return results;
}

/** One operation's part of the matrix, in a folder of its own. */
class OperationRun implements Disposable {
  readonly #operation: DiskOperation;
  readonly #options: MatrixOptions;
  readonly #index: number;
  readonly #work: string;
  readonly #sampler: Sampler;
  readonly #started: number = performance.now();
  readonly #bad: BadState[] = [];
  #prepared: FolderImage = new Map();
  #before = "";
  #after = "";
  #counter = 0;
  #states = 0;
  #missed = 0;

  constructor(operation: DiskOperation, options: MatrixOptions, index: number) {
    this.#operation = operation;
    this.#options = options;
    this.#index = index;
    this.#sampler = new Sampler(options, index);
    this.#work = realpathSync(mkdtempSync(join(workPlace(), "talos-faults-")));
  }

  [Symbol.dispose](): void {
    rmSync(this.#work, { recursive: true, force: true });
  }

  async all(): Promise<OperationResult> {
    const { counts, trace } = await this.#undisturbed();
    const kinds = kindsOfCalls(trace);
    const killed = await this.#kill(counts.changes, kinds);
    const failed = await this.#fail(counts.changes, counts.opens, kinds);
    const cuts = await this.#losePower(trace);
    if (!this.#isOver && this.#missed > (killed + failed) * MISSED_AT_MOST)
      this.#note("all points", [`${this.#missed} of ${killed + failed} were never come to: its calls vary too much`]);
    const seconds = (performance.now() - this.#started) / 1000;
    const { changes, opens } = counts;
    const [missed, states, bad] = [this.#missed, this.#states, this.#bad];
    return { operation: this.#operation.name, changes, opens, killed, failed, cuts, missed, states, bad, seconds };
  }

  /** Prepares the folder, and learns from one run without faults what the operation calls and what it leads to. */
  async #undisturbed(): Promise<{ counts: TraceReport["counts"]; trace: TraceRecord[] }> {
    const dataDir = join(this.#work, DATA);
    mkdirSync(dataDir, { mode: 0o700 });
    await this.#operation.prepare(dataDir);
    this.#prepared = readImage(dataDir);
    const before = await this.#lookAt(this.#prepared);
    this.#before = before.state;

    writeImage(dataDir, this.#prepared);
    const traceFile = `${this.#work}.trace`;
    const [line] = await this.#child({ task: "trace", operation: this.#operation.name, dataDir }, traceFile);
    const report = line as TraceReport;
    const trace = parseTrace(new Uint8Array(readFileSync(traceFile)));
    rmSync(traceFile);
    this.#counter = report.counter;
    const after = await this.#lookAt(readImage(dataDir));
    this.#after = after.state;
    for (const [where, { faults }] of [
      ["before", before],
      ["after", after],
    ] as const)
      if (faults.length > 0) this.#note(where, faults);
    return { counts: report.counts, trace };
  }

  /** A process for each call, which kills itself before it, or in the middle of what it writes. */
  async #kill(changes: number, kinds: ReadonlyMap<number, string>): Promise<number> {
    const points = killPoints(changes, kinds, this.#sampler);
    await this.#atPoints("kill", points, kinds, async (where, _, line, dataDir) => {
      const { ended } = line as KillReport;
      if (ended === "code 0" && this.#operation.varies === true) this.#missed++;
      else if (ended !== "killed") this.#note(where, [`the process was not killed: ${ended}`]);
      await this.#judge(where, readImage(dataDir), this.#counter, this.#onTheWay());
    });
    return points.length;
  }

  /** One process fails call after call, each on a fresh copy of the prepared folder. */
  async #fail(changes: number, opens: number, kinds: ReadonlyMap<number, string>): Promise<number> {
    const points = failPoints({ changes, opens }, kinds, this.#sampler);
    await this.#atPoints("fail", points, kinds, async (where, point, line, dataDir) => {
      await this.#judgeFailure(where, point, line as FailReport, dataDir);
    });
    return points.length;
  }

  async #atPoints(
    task: "kill" | "fail",
    points: readonly FaultPoint[],
    kinds: ReadonlyMap<number, string>,
    judge: (where: string, point: FaultPoint, line: unknown, dataDir: string) => Promise<void>,
  ): Promise<void> {
    const prepared = join(this.#work, "prepared");
    writeImage(prepared, this.#prepared);
    for (let first = 0; first < points.length && !this.#isOver; first += POINTS_A_CHILD) {
      const some = points.slice(first, first + POINTS_A_CHILD);
      const work = join(this.#work, task);
      rmSync(work, { recursive: true, force: true });
      mkdirSync(work);
      const lines = await this.#child({ task, operation: this.#operation.name, prepared, work, points: some });
      for (const [index, point] of some.entries()) {
        if (this.#isOver) return;
        const call = point.mode.startsWith("EMFILE") ? "opening" : (kinds.get(point.n) ?? "?");
        await judge(
          `${point.mode}${point.lasts === true ? " lasting" : ""} at ${point.n} (${call})`,
          point,
          lines[index],
          join(work, `${index}`),
        );
      }
    }
  }

  async #judgeFailure(where: string, { mode, lasts = false }: FaultPoint, report: FailReport, dataDir: string): Promise<void> {
    const { error, closeError, live, wentOn, counter } = report;
    const done = this.#operation.bestEffort === true ? [this.#before, this.#after] : [this.#after];
    // What a commit whose outcome the disk left open came to is known at the next opening.
    const opened = error === undefined ? done : this.#onTheWay();
    const expected = error === undefined ? done : [this.#before];
    const faults: string[] = [];
    for (const [what, one] of [
      ["the operation", error],
      ["closing", closeError],
    ] as const) {
      if (one !== undefined && (!/^[A-Z][A-Z_]+$/.test(one.code) || one.code === "INTERNAL"))
        faults.push(`${what} threw ${one.code}: ${one.text}`);
    }
    const isMissed = report.counts.faults === 0 && mode !== "ENOSPC-on";
    if (isMissed && this.#operation.varies === true) this.#missed++;
    else if (isMissed) faults.push("nothing was failed");
    if (live !== undefined && !expected.includes(live))
      faults.push(`the open state is ${this.#name(live)} after ${error?.code ?? "success"}`);
    if (wentOn !== undefined && "error" in wentOn) faults.push(`does not go on: ${wentOn.error.text}`);
    if (closeError !== undefined && !lasts) faults.push(`does not close: ${closeError.text}`);
    if (faults.length > 0) this.#note(where, faults);
    if (lasts) {
      await this.#judge(`${where}, then opened`, readImage(dataDir), counter, opened);
      return;
    }
    await this.#judge(`${where}, then died`, readImage(`${dataDir}-died`), counter, opened);
    if (wentOn !== undefined && "state" in wentOn && wentOn.state !== undefined) {
      await this.#judge(`${where}, went on, closed`, readImage(dataDir), counter, [wentOn.state]);
    }
  }

  /** Before each call, everything the disk may hold. */
  async #losePower(trace: readonly TraceRecord[]): Promise<number> {
    const { draws = 4, seed = 1, subject } = this.#options;
    const { outside } = subject;
    let outsideNow = outside === undefined ? undefined : imageBelow(this.#prepared, outside);
    const random = seededRandom(seed * 1000 + this.#index);
    const model = new PowerLossModel(
      new Map([[DATA, { mode: 0o700 }], ...[...this.#prepared].map(([path, entry]) => [`${DATA}/${path}`, entry] as const)]),
    );
    const begin = trace.findIndex(({ kind, path }) => kind === "mark" && path === "begin");
    const end = trace.findIndex(({ kind, path }) => kind === "mark" && path === "end");
    const cuts = new Set(this.#sampler.sample(range(end - begin + 1).map((n) => begin + n - 1)));
    const tried = new Set<string>();
    for (const [at, record] of trace.entries()) {
      if (at > end || this.#isOver) break;
      if (cuts.has(at) || at === end) {
        for (const loss of [...LOSSES.slice(0, -1), ...Array<"drawn">(draws).fill("drawn")]) {
          const image = withFolder(imageBelow(model.state(loss, random), DATA) ?? new Map(), outside, outsideNow);
          const key = `${at === end} ${imageKey(image)}`;
          if (tried.has(key)) continue;
          tried.add(key);
          const where = `power lost before ${at === end ? "anything else" : `call ${record.call} (${record.kind} ${record.path})`}, ${loss} lost`;
          await this.#judge(where, image, this.#counter, at === end ? [this.#after] : this.#onTheWay());
        }
      }
      const copy = record.kind === "mark" ? outsideNumber(record.path) : undefined;
      if (copy !== undefined) outsideNow = readImage(outsideCopy(this.#work, copy));
      model.apply(record);
    }
    return cuts.size;
  }

  async #judge(where: string, image: FolderImage, counter: number, expected: readonly string[]): Promise<void> {
    const look = await this.#lookAt(image);
    const faults = [...look.faults];
    if (!expected.includes(look.state))
      faults.push(`the state is ${this.#name(look.state)}, not ${expected.map((state) => this.#name(state)).join(" or ")}`);
    if (look.counter <= counter) faults.push(`opening ${look.counter} comes after opening ${counter}`);
    if (faults.length > 0) this.#note(where, faults);
  }

  async #lookAt(image: FolderImage): Promise<Look> {
    this.#states++;
    const folder = join(this.#work, "look");
    writeImage(folder, image);
    const started = performance.now();
    const look = await this.#options.subject.look(folder, this.#operation.name);
    const seconds = (performance.now() - started) / 1000;
    return seconds < HUNG_SECONDS ? look : { ...look, faults: [...look.faults, `to open it took ${seconds.toFixed(0)} s`] };
  }

  get #isOver(): boolean {
    return this.#options.untilBad === true && this.#bad.length > 0;
  }

  #onTheWay(): readonly string[] {
    const between = this.#operation.between?.(this.#before, this.#after) ?? [];
    return [this.#before, ...between, this.#after];
  }

  #name(state: string): string {
    if (state === this.#before) return "the one before";
    return state === this.#after ? "the one after" : `neither: ${difference(this.#before, state)}`;
  }

  #note(where: string, faults: readonly string[]): void {
    this.#bad.push({ operation: this.#operation.name, where, faults });
  }

  async #child(task: ChildTask, traceFile?: string): Promise<unknown[]> {
    const child = spawn(process.execPath, ["--single-threaded", this.#options.child, JSON.stringify(task)], {
      env: diskFaultEnvironment(this.#work, traceFile),
      stdio: ["ignore", "pipe", "inherit"],
    });
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) => {
      child.on("close", (...ended) => {
        resolve(ended);
      });
    });
    await this.#options.subject.settle?.(task.operation);
    if (code !== 0) throw new Error(`${task.operation}: the process ended with ${code ?? signal}: ${said.slice(-500)}`);
    return said
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as unknown);
  }
}

/** A look takes a hundredth of a second; SQLite waits ten for something that a killed process left undone. */
const HUNG_SECONDS = 15;

/** Of the points of an operation whose calls vary. */
const MISSED_AT_MOST = 0.2;

/** Each has its folder, and copies of it, until its child has ended. */
const POINTS_A_CHILD = 32;

/** The first lines in which a state is another than it should be. */
function difference(expected: string, state: string): string {
  const known = new Set(expected.split("\n"));
  const lines = state.split("\n").filter((line) => !known.has(line));
  return lines
    .slice(0, 6)
    .map((line) => line.trim())
    .join(" ");
}

function kindsOfCalls(trace: readonly TraceRecord[]): Map<number, string> {
  const begin = trace.findIndex(({ kind, path }) => kind === "mark" && path === "begin");
  const end = trace.findIndex(({ kind, path }) => kind === "mark" && path === "end");
  return new Map(trace.slice(begin, end).map(({ call, kind, path }) => [call, kind === "write" ? kind : `${kind} ${path}`]));
}
