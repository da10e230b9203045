/**
 * Builds the library that makes a disk fail (shim.c) on first use, and starts processes under it. Knows how it is loaded
 * and what it needs, not what it does.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { join, resolve } from "node:path";

const SOURCE: string = join(import.meta.dirname, "shim.c");
const CACHE: string = resolve(import.meta.dirname, "../../../../../node_modules/.cache/talos-faults");
const FLAGS: readonly string[] = ["-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"];

/** The value for a test's `skip`: what is missing here, else false. Under CI=true nothing may be missing, and the test then fails by itself. */
export function absentDiskFaults(): string | false {
  if (process.env["CI"] === "true") return false;
  if (process.platform !== "linux") return "faults of a disk are injected on Linux only";
  if (existsSync(libraryPath()) || spawnSync("cc", ["--version"]).status === 0) return false;
  return "faults of a disk need a C compiler: apt-get install gcc libc6-dev";
}

/** The built library, by the hash of its source. @throws Error where it cannot be built */
function diskFaultLibrary(): string {
  const path = libraryPath();
  if (existsSync(path)) return path;
  mkdirSync(CACHE, { recursive: true });
  const fresh = `${path}.${process.pid}`;
  const { status, stderr, error } = spawnSync("cc", [...FLAGS, "-o", fresh, SOURCE, "-ldl", "-lpthread"], { encoding: "utf8" });
  if (status !== 0)
    throw new Error(`the library for faults of a disk was not built (needs gcc and libc6-dev): ${error?.message ?? stderr}`);
  renameSync(fresh, path);
  return path;
}

/**
 * What a process under the library has in its environment.
 *
 * @param folder where calls are counted; absolute, free of symbolic links
 * @param traceFile outside of it; appended to
 */
export function diskFaultEnvironment(folder: string, traceFile?: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    LD_PRELOAD: diskFaultLibrary(),
    TALOS_FAULT_FOLDER: folder,
    ...(traceFile === undefined ? {} : { TALOS_FAULT_TRACE: traceFile }),
  };
}

function libraryPath(): string {
  const digest = createHash("sha256").update(FLAGS.join(" ")).update(readFileSync(SOURCE)).digest("hex");
  return join(CACHE, `disk-${process.arch}-${digest.slice(0, 16)}.so`);
}
