/**
 * The process under the library: runs one operation of a subject as it is told, and reports in lines of JSON. Knows no
 * operation by itself.
 */
import { join } from "node:path";
import { readImage, writeImage } from "./folder-image.ts";
import { arm, disarm, inFork, type FaultCounts, type FaultMode, mark, traceOff, traceOn } from "./orders.ts";
import type { DiskOperation, DiskSubject, RunningOperation } from "./subject.ts";

export interface FaultPoint {
  readonly mode: FaultMode;
  readonly n: number;
  /** The fault is still there when the process closes; of modes that stay. */
  readonly lasts?: boolean;
}

export type ChildTask =
  | { readonly task: "trace"; readonly operation: string; readonly dataDir: string }
  | (PointsTask & { readonly task: "kill" })
  | (PointsTask & { readonly task: "fail" });

/** Each point has a copy of `prepared` to work on: a folder in `work` named by its number. */
interface PointsTask {
  readonly operation: string;
  readonly prepared: string;
  readonly work: string;
  readonly points: readonly FaultPoint[];
}

export interface TraceReport {
  readonly counts: FaultCounts;
  /** Of the opening before the operation. */
  readonly counter: number;
}

export interface KillReport {
  readonly index: number;
  readonly ended: string;
}

/** What one failing call led to. A copy of the folder as it was before going on lies beside it, with `-died` in its name. */
export interface FailReport {
  readonly index: number;
  readonly counts: FaultCounts;
  readonly counter: number;
  /** Undefined where the operation succeeded. */
  readonly error?: ReportedError | undefined;
  /** Closing while the fault lasts. */
  readonly closeError?: ReportedError | undefined;
  /** As the process sees it after the operation. */
  readonly live?: string | undefined;
  /** Going on without the fault: what went wrong, or the state it led to. */
  readonly wentOn?: { readonly error: ReportedError } | { readonly state: string | undefined } | undefined;
}

export interface ReportedError {
  /** Of a TalosError its code; else the class's name. */
  readonly code: string;
  readonly text: string;
}

/** The whole main program of such a process: its task is its only argument. */
export async function runFaultChild(subject: DiskSubject): Promise<void> {
  const task = JSON.parse(process.argv[2] ?? "") as ChildTask;
  const operation = subject.operations.find(({ name }) => name === task.operation);
  if (operation === undefined) throw new Error(`there is no operation ${task.operation}`);
  if (task.task === "trace") await traceOperation(operation, task.dataDir);
  else await atPoints(operation, task);
}

async function traceOperation(operation: DiskOperation, dataDir: string): Promise<void> {
  traceOn();
  const running = await operation.begin(dataDir);
  const counter = running.counter();
  mark("begin");
  arm("count", 0);
  await running.run();
  const counts = disarm();
  mark("end");
  await running.close();
  traceOff();
  report({ counts, counter } satisfies TraceReport);
}

async function atPoints(
  operation: DiskOperation,
  { task, prepared, work, points }: PointsTask & { readonly task: "kill" | "fail" },
): Promise<void> {
  const image = readImage(prepared);
  for (const [index, point] of points.entries()) {
    const dataDir = join(work, `${index}`);
    writeImage(dataDir, image);
    if (task === "fail") report({ index, ...(await failOperation(operation, dataDir, point)) } satisfies FailReport);
    else report({ index, ended: await inFork(() => killOperation(operation, dataDir, point)) } satisfies KillReport);
  }
}

/** In a process of its own. */
async function killOperation(operation: DiskOperation, dataDir: string, { mode, n }: FaultPoint): Promise<void> {
  const running = await operation.begin(dataDir);
  arm(mode, n);
  await running.run();
}

async function failOperation(
  operation: DiskOperation,
  dataDir: string,
  { mode, n, lasts = false }: FaultPoint,
): Promise<Omit<FailReport, "index">> {
  const running = await operation.begin(dataDir);
  const counter = running.counter();
  arm(mode, n);
  const error = await caught(() => running.run());
  if (lasts) {
    const closeError = await caught(() => running.close());
    return { counts: disarm(), counter, error, closeError };
  }
  const counts = disarm();
  const live = stateOf(running);
  // What a process that died now would leave. Reading these files makes the locks of this process fall; nobody else is there to notice.
  writeImage(`${dataDir}-died`, readImage(dataDir));
  const goOnError = await caught(() => running.goOn());
  const wentOn = goOnError === undefined ? { state: stateOf(running) } : { error: goOnError };
  const closeError = await caught(() => running.close());
  return { counts, counter, error, closeError, live, wentOn };
}

/** A state that cannot be read is equal to none. */
function stateOf(running: RunningOperation): string | undefined {
  try {
    return running.state();
  } catch (error) {
    return `unreadable: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  }
}

async function caught(action: () => Promise<void>): Promise<ReportedError | undefined> {
  try {
    await action();
    return undefined;
  } catch (error) {
    if (!(error instanceof Error)) return { code: "not an Error", text: String(error) };
    const code = error.name === "TalosError" && "code" in error ? String(error.code) : error.name;
    return { code, text: `${error.stack ?? error.message} ${error.cause instanceof Error ? `<- ${error.cause.message}` : ""}` };
  }
}

function report(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
