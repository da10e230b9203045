/** The orders that a process gives to the library it runs under (shim.c). Knows no operation and no file. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Kill the process; write half and kill it; write half; or fail, once or from there on. `count` does nothing. */
export const FAULT_MODES = [
  "count",
  "kill",
  "torn",
  "short",
  "ENOSPC",
  "EIO",
  "EACCES",
  "EROFS",
  "EMFILE",
  "ENOSPC-on",
  "EIO-on",
  "EROFS-on",
  "EMFILE-on",
] as const;
export type FaultMode = (typeof FAULT_MODES)[number];

/** Since arming. `opens` counts every opening of a file, the others count nothing that only reads. */
export interface FaultCounts {
  readonly changes: number;
  readonly opens: number;
  readonly faults: number;
}

/** From now on calls below the folder are counted, and the n-th one (from 1) meets its fault. */
export function arm(mode: FaultMode, n: number): void {
  order(`arm/${mode}/${n}`);
}

export function disarm(): FaultCounts {
  const [changes = 0, opens = 0, faults = 0] = order("disarm").split(" ").map(Number);
  return { changes, opens, faults };
}

export function traceOn(): void {
  order("trace/on");
}

export function traceOff(): void {
  order("trace/off");
}

/** A word in the trace, to find a place again. */
export function mark(word: string): void {
  order(`mark/${word}`);
}

const OUTSIDE = "outside-";

/** Where the copies of what lies outside are, beside the folder of a traced process. */
export function outsideCopy(work: string, number: number): string {
  return join(work, `${OUTSIDE}${number}`);
}

/** From here on what lies outside is as in that copy. */
export function markOutside(number: number): void {
  mark(`${OUTSIDE}${number}`);
}

/** Of a mark in a trace: which copy it names. */
export function outsideNumber(word: string): number | undefined {
  return word.startsWith(OUTSIDE) ? Number(word.slice(OUTSIDE.length)) : undefined;
}

/**
 * Runs `work` in a copy of this process, and waits for the copy's end.
 *
 * @returns how it ended: by SIGKILL, or otherwise
 */
export async function inFork(work: () => Promise<void>): Promise<string> {
  const said = order("fork");
  if (said !== "child") return said === "signal 9" ? "killed" : said;
  try {
    await work();
  } finally {
    order("exit");
  }
  return "child";
}

function order(text: string): string {
  return readFileSync(`/talos-fault/${text}`, "utf8");
}
