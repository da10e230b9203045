/** Starts directory processes, one for each operation that is being tried, and ends them. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";

export interface DirectoryPlace {
  /** Where agents find it. */
  readonly url: string;
  readonly controlPort: number;
}

const running: Map<string, Promise<{ readonly child: ChildProcess; readonly place: DirectoryPlace }>> = new Map();

export async function directoryFor(operation: string): Promise<DirectoryPlace> {
  let started = running.get(operation);
  if (started === undefined) {
    started = start();
    running.set(operation, started);
  }
  return (await started).place;
}

export async function stopDirectories(): Promise<void> {
  for (const [operation, started] of running) {
    running.delete(operation);
    const { child } = await started;
    child.stdin?.end();
    if (child.exitCode === null) await once(child, "close");
  }
}

async function start(): Promise<{ child: ChildProcess; place: DirectoryPlace }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "directory-process.ts")], { stdio: ["pipe", "pipe", "inherit"] });
  const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  return { child, place: JSON.parse(value ?? "") as DirectoryPlace };
}
