// `npm test [-- path ...]`: unit tests in one process, tests named *.process.test.ts in a process each; the last line is the sum.
// Paths given as arguments choose the test files that lie at or under them, or whose name contains the argument.
// Knows nothing of what is tested; vectors from outside that are absent are named, and fail the run under CI=true.
import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { relative, resolve } from "node:path";
import { run, type TestsStream } from "node:test";
import { inspect } from "node:util";
import { absentVectorSets } from "../packages/testkit/src/outside-vectors.ts";

const root: string = resolve(import.meta.dirname, "..");
const PATTERNS: readonly string[] = [
  "packages/*/src/**/*.test.ts",
  "packages/testkit/**/*.test.ts",
  "tools/**/*.test.ts",
  "tests/**/*.test.ts",
  "bench/**/*.test.ts",
  "examples/**/*.test.ts",
];
const HUNG_TEST_MS = 600_000;
const LINGER_MS = 500;

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** The test files under the given paths (all of them where none is given), absolute and sorted. */
function chooseFiles(filters: readonly string[]): string[] {
  const all = globSync([...PATTERNS], { cwd: root, exclude: ["**/node_modules/**", "**/dist/**"] });
  const chosen = [...new Set(all)].filter((file) => filters.length === 0 || filters.some((filter) => matches(file, filter)));
  return chosen.sort().map((file) => resolve(root, file));
}

function matches(file: string, filter: string): boolean {
  const path = relative(root, resolve(filter));
  return file === path || file.startsWith(`${path}/`) || file.includes(filter);
}

/** Reads a run to its end: prints failures and what child processes say, adds up its summary. */
async function follow(stream: TestsStream, counts: Counts): Promise<void> {
  for await (const { type, data } of stream) {
    if (type === "test:fail") {
      const error = data.details.error;
      const suite = "failureType" in error && error.failureType === "subtestsFailed";
      if (!suite) {
        const place = data.file === undefined ? "" : ` (${relative(root, data.file)}:${data.line})`;
        process.stdout.write(`FAIL ${data.name}${place}\n${indent(inspect(error.cause ?? error))}\n`);
      }
    } else if (type === "test:pass" && typeof data.skip === "string") {
      process.stdout.write(`skip ${data.name}: ${data.skip}\n`);
    } else if (type === "test:stdout" || type === "test:stderr") {
      process.stdout.write(data.message);
    } else if (type === "test:summary" && data.file === undefined) {
      counts.passed += data.counts.passed;
      counts.failed += data.counts.failed + data.counts.cancelled;
      counts.skipped += data.counts.skipped + data.counts.todo;
      if (!data.success && data.counts.failed + data.counts.cancelled === 0) counts.failed += 1;
    }
  }
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, "    ");
}

async function main(): Promise<boolean> {
  const files = chooseFiles(process.argv.slice(2));
  const unit = files.filter((file) => !file.endsWith(".process.test.ts"));
  const separate = files.filter((file) => file.endsWith(".process.test.ts"));
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };

  if (unit.length > 0) await follow(run({ files: unit, isolation: "none", timeout: HUNG_TEST_MS }), counts);
  if (separate.length > 0) {
    const concurrency = Math.min(2, availableParallelism());
    await follow(run({ files: separate, isolation: "process", concurrency, timeout: HUNG_TEST_MS }), counts);
  }

  const absent = absentVectorSets();
  const absentFails = absent.length > 0 && process.env["CI"] === "true";
  if (absent.length > 0) {
    const verdict = absentFails ? "a failure under CI=true" : "their tests did not run";
    process.stdout.write(`${absent.length} sets of vectors from outside absent (${verdict}): ${absent.join(", ")}\n`);
  }
  const ran = counts.passed + counts.failed;
  if (ran === 0) process.stdout.write("nothing ran\n");
  process.stdout.write(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
  return ran > 0 && counts.failed === 0 && !absentFails;
}

const ok: boolean = await main();
process.exitCode = ok ? 0 : 1;
// What a test forgot to close would keep this process for ever. The note goes to stderr: the sum stays the last line of stdout.
setTimeout(() => {
  process.stderr.write(`note: a test left something open: ${process.getActiveResourcesInfo().join(", ")}\n`);
  process.exit();
}, LINGER_MS).unref();
