/**
 * The memory of another process, read through Linux' /proc: everything that it may write to, in pieces. Needs the same user
 * and a kernel that lets one trace the other.
 */
import { closeSync, openSync, readFileSync, readSync } from "node:fs";

export interface MemoryPiece {
  /** What the kernel calls the mapping: `[heap]`, `[stack]`, a file, or "anonymous". */
  readonly mapping: string;
  readonly address: number;
  readonly bytes: Uint8Array;
}

const PIECE_BYTES: number = 2 ** 24;

/** Why the memory of that process cannot be read here; undefined where it can. */
export function memoryObstacle(pid: number): string | undefined {
  if (process.platform !== "linux") return `${process.platform} has no /proc`;
  try {
    const [first] = writableMappings(pid);
    if (first === undefined) return "the process has no memory";
    const file = openSync(`/proc/${pid}/mem`, "r");
    try {
      readSync(file, new Uint8Array(1), 0, 1, first.start);
      return undefined;
    } finally {
      closeSync(file);
    }
  } catch (error) {
    return `the kernel refuses: ${(error as NodeJS.ErrnoException).code ?? "?"}`;
  }
}

/** Every writable mapping that is in use; pieces of one mapping overlap by `overlap` bytes. The process should stand still meanwhile. */
export function* processMemory(pid: number, overlap: number): Generator<MemoryPiece, void, void> {
  const file = openSync(`/proc/${pid}/mem`, "r");
  const buffer = new Uint8Array(PIECE_BYTES + overlap);
  try {
    for (const { start, end, mapping } of writableMappings(pid)) {
      for (let address = start; address < end; address += PIECE_BYTES) {
        const wanted = Math.min(PIECE_BYTES + overlap, end - address);
        const length = readAt(file, buffer.subarray(0, wanted), address);
        yield { mapping, address, bytes: buffer.subarray(0, length) };
      }
    }
  } finally {
    closeSync(file);
  }
}

/** Pages that cannot be read (a guard, a device) end the piece. */
function readAt(file: number, into: Uint8Array, address: number): number {
  let done = 0;
  try {
    while (done < into.length) {
      const length = readSync(file, into, done, into.length - done, address + done);
      if (length === 0) break;
      done += length;
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EIO" && code !== "EFAULT") throw error;
  }
  return done;
}

interface Mapping {
  readonly start: number;
  readonly end: number;
  readonly mapping: string;
}

/** Most of what a process may write to has no page behind it. */
function writableMappings(pid: number): Mapping[] {
  const mappings: Mapping[] = [];
  let last: Mapping | undefined;
  for (const line of readFileSync(`/proc/${pid}/smaps`, "utf8").split("\n")) {
    const [, from = "", to = "", mapping = ""] = /^([0-9a-f]+)-([0-9a-f]+) .w\S+ \S+ \S+ \S+ *(.*)$/.exec(line) ?? [];
    if (from !== "")
      last = { start: Number.parseInt(from, 16), end: Number.parseInt(to, 16), mapping: mapping === "" ? "anonymous" : mapping };
    else if (/^[0-9a-f]+-[0-9a-f]+ /.test(line)) last = undefined;
    // The kernel's own pages are not the process's.
    if (!/^(?:Rss|Swap): +[1-9]/.test(line) || last === undefined || last.mapping.startsWith("[v")) continue;
    mappings.push(last);
    last = undefined;
  }
  return mappings;
}
