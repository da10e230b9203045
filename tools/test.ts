// `npm test [-- path ...]`: unit tests in one process, tests named *.process.test.ts in a process each; the last line is the sum.
// Arguments choose the test files that lie at or under them, or whose path contains them.
// Knows nothing of what is tested; vectors from outside that are absent are named, and fail the run under CI=true.
import { globSync } from "node:fs";
import { relative, resolve } from "node:path";
import { run, type TestsStream } from "node:test";
import { inspect } from "node:util";
import { absentVectorSets } from "../packages/testkit/src/outside-vectors.ts";

const root: string = resolve(import.meta.dirname, "..");
const UNIT_ENTRY: string = resolve(import.meta.dirname, "test-unit.ts");
const PRELOAD: string = resolve(import.meta.dirname, "test-preload.ts");
const PATTERNS: readonly string[] = [
  "packages/*/src/**/*.test.ts",
  "packages/testkit/**/*.test.ts",
  "tools/**/*.test.ts",
  "tests/**/*.test.ts",
  "bench/**/*.test.ts",
  "examples/**/*.test.ts",
];
// For one test: only something that hangs takes so long.
const HUNG_TEST_MS = 300_000;

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

/** Reads a run of these entries to its end: prints failures, skips and what the processes say, and returns its sum. */
async function follow(stream: TestsStream, entries: readonly string[]): Promise<Counts> {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  const unfinished = new Set(entries);
  for await (const { type, data } of stream) {
    if (type === "test:fail") {
      const { error } = data.details;
      if ("exitCode" in error && data.file !== undefined) unfinished.delete(data.file);
      // A test that failed only because one inside it did adds nothing to what that one said.
      if (!("failureType" in error && error.failureType === "subtestsFailed")) {
        process.stdout.write(`FAIL ${data.name}${place(data)}\n${indent(inspect(error.cause ?? error))}\n`);
      }
    } else if (type === "test:pass" && data.skip !== undefined) {
      process.stdout.write(`skip ${data.name}${typeof data.skip === "string" ? `: ${data.skip}` : place(data)}\n`);
    } else if (type === "test:stdout" || type === "test:stderr") {
      process.stdout.write(data.message);
    } else if (type === "test:diagnostic" && data.message.startsWith("Error:")) {
      process.stdout.write(`${data.message}${place(data)}\n`);
    } else if (type === "test:summary" && data.file !== undefined) {
      unfinished.delete(data.file);
    } else if (type === "test:summary") {
      counts.passed += data.counts.passed;
      counts.failed += data.counts.failed + data.counts.cancelled;
      counts.skipped += data.counts.skipped + data.counts.todo;
      if (!data.success && counts.failed === 0) counts.failed = 1;
    }
  }
  // A test that calls process.exit ends its process early, and green.
  for (const entry of unfinished) {
    counts.failed += 1;
    process.stdout.write(`FAIL ${relative(root, entry)} has no test, or ended before its tests did\n`);
  }
  return counts;
}

function place({ file, line }: { file?: string; line?: number }): string {
  return file === undefined ? "" : ` (${relative(root, file)}:${line})`;
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, "    ");
}

async function main(): Promise<boolean> {
  const files = chooseFiles(process.argv.slice(2));
  const unit = files.filter((file) => !file.endsWith(".process.test.ts"));
  const separate = files.filter((file) => file.endsWith(".process.test.ts"));
  // The longest are stories of the whole, under tests/: begun last they would run alone.
  const entries = [...(unit.length > 0 ? [UNIT_ENTRY] : []), ...separate.toReversed()];

  // A process each costs 0.2 s to strip and compile the sources, half of which this cache saves. Not Node's default folder: that is in /tmp.
  process.env["NODE_COMPILE_CACHE"] ??= resolve(root, "node_modules/.cache/talos");
  // Also where there is one process only: node:test can end a process with forgotten timers only from outside.
  const counts =
    entries.length > 0
      ? await follow(
          run({
            files: entries,
            argv: unit,
            execArgv: ["--import", PRELOAD],

            isolation: "process",
            concurrency: 2,
            forceExit: true,
            timeout: HUNG_TEST_MS,
          }),
          entries,
        )
      : { passed: 0, failed: 0, skipped: 0 };

  const absent = absentVectorSets();
  const absentFails = absent.length > 0 && process.env["CI"] === "true";
  if (absent.length > 0) {
    const verdict = absentFails ? "a failure under CI=true" : "tests of them did not run";
    process.stdout.write(`${absent.length} sets of vectors from outside absent (${verdict}): ${absent.join(", ")}\n`);
  }
  const ran = counts.passed + counts.failed;
  if (ran === 0) process.stdout.write("nothing ran\n");
  process.stdout.write(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
  return ran > 0 && counts.failed === 0 && !absentFails;
}

process.exitCode = (await main()) ? 0 : 1;
