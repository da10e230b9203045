/**
 * The faults of the network that the matrix of the disk has not: of each operation every single request is lost, or is carried out and its
 * answer lost; then the process goes on, or dies at that very moment. Afterwards everything must be as the matrix wants it.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isTalosError } from "@talos/core";
import { readImage, workPlace, writeImage } from "@talos/testkit/disk-faults";
import { directoryFor } from "./directory-holder.ts";
import { tell, type LossKind } from "./directory-orders.ts";
import { look } from "./look.ts";
import type { AgentOperation } from "./operation.ts";
import { agentOperations } from "./operations.ts";
import { agentSubject, begin } from "./subject.ts";
import { DIRECTORY_FOLDER, World } from "./world.ts";

export interface NetworkResult {
  readonly operation: string;
  /** Of an undisturbed run. */
  readonly requests: readonly string[];
  readonly lost: number;
  readonly bad: readonly string[];
}

export interface NetworkOptions {
  readonly operations?: readonly string[];
  /** Only every k-th request or answer, one at least. Default: all. */
  readonly every?: number;
}

const KINDS: readonly LossKind[] = ["request", "answer"];

export async function loseRequests({ operations, every = 1 }: NetworkOptions = {}): Promise<NetworkResult[]> {
  const results: NetworkResult[] = [];
  for (const [index, operation] of agentOperations.entries())
    if (operation.away !== true && (operations === undefined || operations.includes(operation.name)))
      results.push(await loseOf(operation, every, index));
  return results;
}

async function loseOf(operation: AgentOperation, every: number, index: number): Promise<NetworkResult> {
  const work = mkdtempSync(join(workPlace(), "talos-network-"));
  try {
    const folder = join(work, "data");
    mkdirSync(folder, { mode: 0o700 });
    await agentSubject.operations.find(({ name }) => name === operation.name)?.prepare(folder);
    const prepared = readImage(folder);
    const tried = { operation, prepared, work };
    const { requests, faults: without } = await attempt(tried, undefined);
    const bad = without.map((fault) => `undisturbed: ${fault}`);
    let lost = 0;
    for (const { at, kind } of sampled(requests.length, every, index)) {
      lost += 1;
      for (const fault of (await attempt(tried, { kind, at: at + 1 })).faults)
        bad.push(`${kind} ${at + 1} (${requests[at]}) lost, ${fault}`);
    }
    return { operation: operation.name, requests, lost, bad };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Both losses of each request in turn, from another one for each operation; one at least. */
function sampled(requests: number, every: number, offset: number): { readonly at: number; readonly kind: LossKind }[] {
  const all = Array.from({ length: requests }, (_, at) => KINDS.map((kind) => ({ at, kind }))).flat();
  const some = all.filter((_, index) => (index + offset) % every === 0);
  return some.length > 0 ? some : all.slice(offset % all.length).slice(0, 1);
}

interface Tried {
  readonly operation: AgentOperation;
  readonly prepared: ReturnType<typeof readImage>;
  readonly work: string;
}

async function attempt(
  { operation, prepared, work }: Tried,
  loss: { readonly kind: LossKind; readonly at: number } | undefined,
): Promise<{ readonly requests: readonly string[]; readonly faults: string[] }> {
  const { controlPort } = await directoryFor(operation.name);
  const world = new World(join(work, "data"));
  writeImage(world.folder, prepared);
  const running = await begin(world, operation);
  await tell(controlPort, { order: "lose", kind: loss?.kind ?? "request", at: loss?.at ?? 0 });
  const faults = await caught("the operation", () => running.run(), loss !== undefined);
  const { seen } = await tell<{ readonly seen: readonly string[] }>(controlPort, { order: "seen" });
  const died = await imageOf(world, controlPort, join(work, "copy"));
  await tell(controlPort, { order: "lose", kind: "request", at: 0 });
  faults.push(...(await caught("going on", () => running.goOn(), false)));
  faults.push(...(await caught("closing", () => running.close(), false)));
  if (loss === undefined) return { requests: seen, faults };
  faults.push(...(await look(world, operation)).faults.map((fault) => `then gone on with: ${fault}`));
  await tell(controlPort, { order: "end" });
  writeImage(world.folder, died);
  faults.push(...(await look(world, operation)).faults.map((fault) => `then died: ${fault}`));
  return { requests: seen, faults };
}

/** What a process that died now would leave: first its own folder, then the directory's, which may be ahead. */
async function imageOf(world: World, controlPort: number, copy: string): Promise<ReturnType<typeof readImage>> {
  const isOthers = (path: string): boolean => path === DIRECTORY_FOLDER || path.startsWith(`${DIRECTORY_FOLDER}/`);
  const own = [...readImage(world.folder)].filter(([path]) => !isOthers(path));
  rmSync(copy, { recursive: true, force: true });
  await tell(controlPort, { order: "copy", to: copy });
  const others = [...readImage(copy)].map(([path, entry]) => [`${DIRECTORY_FOLDER}/${path}`, entry] as const);
  return new Map([...own, [DIRECTORY_FOLDER, { mode: 0o700 }], ...others]);
}

/** @returns what it threw that it may not: after a lost request a named error is right, later nothing is */
async function caught(what: string, work: () => Promise<void>, isNamedRight: boolean): Promise<string[]> {
  try {
    await work();
    return [];
  } catch (error) {
    if (isNamedRight && isTalosError(error) && error.code !== "INTERNAL") return [];
    return [`${what} threw ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`];
  }
}
