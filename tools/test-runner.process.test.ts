// The runner itself: what must fail fails, what hangs ends, and the last line is the sum. Works on a copy in a temporary folder.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const COPIED = ["tools/test.ts", "tools/test-unit.ts", "tools/test-preload.ts", "packages/testkit/src/outside-vectors.ts", "package.json"];

interface Outcome {
  readonly status: number | null;
  readonly lines: readonly string[];
  readonly lastLine: string | undefined;
}

function runTests(files: Readonly<Record<string, string>>, ...args: readonly string[]): Outcome {
  const folder = mkdtempSync(join(tmpdir(), "talos-runner-"));
  try {
    for (const file of COPIED) cpSync(join(import.meta.dirname, "..", file), join(folder, file));
    mkdirSync(join(folder, "tests"));
    for (const [file, text] of Object.entries(files))
      writeFileSync(join(folder, "tests", file), `import { test } from "node:test";\n${text}\n`);
    const { NODE_TEST_CONTEXT: _, CI: _ci, ...env } = process.env;
    const { status, stdout } = spawnSync(process.execPath, ["tools/test.ts", ...args], {
      cwd: folder,
      env,
      encoding: "utf8",
      timeout: 60_000,
    });
    const lines = stdout.trimEnd().split("\n");
    return { status, lines, lastLine: lines.at(-1) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const PASSES = 'test("passes", () => {});';

test("sums unit and process tests, and prints why one was skipped", () => {
  const skips = 'test("skips", { skip: "no such machine" }, () => {});';
  const { status, lines, lastLine } = runTests({ "a.test.ts": PASSES, "b.test.ts": skips, "c.process.test.ts": PASSES });
  assert.equal(status, 0);
  assert.equal(lastLine, "2 passed, 0 failed, 1 skipped");
  assert.ok(lines.includes("skip skips: no such machine"));
});

test("fails when a test fails, when a file cannot be imported, and when nothing ran", () => {
  const fails = runTests({ "a.test.ts": 'test("fails", () => { throw new Error("because"); });', "b.process.test.ts": PASSES });
  assert.deepEqual([fails.status, fails.lastLine], [1, "1 passed, 1 failed, 0 skipped"]);
  assert.ok(fails.lines.some((line) => line.includes("because")));
  const broken = runTests({ "a.test.ts": 'throw new Error("broken");', "b.test.ts": PASSES });
  assert.deepEqual([broken.status, broken.lastLine], [1, "1 passed, 1 failed, 0 skipped"]);
  const nothing = runTests({ "a.test.ts": PASSES }, "no/such/path");
  assert.deepEqual([nothing.status, nothing.lastLine], [1, "0 passed, 0 failed, 0 skipped"]);
});

test("fails when a test ends its process, even with exit code 0", () => {
  assert.equal(runTests({ "a.test.ts": 'test("leaves", () => { process.exit(0); });\ntest("later", () => {});' }).status, 1);
  assert.equal(runTests({ "a.process.test.ts": 'test("leaves", () => { process.exit(0); });' }).status, 1);
});

test("does not hang on a forgotten timer, and names it", () => {
  const leaks = 'test("leaks", () => { setInterval(() => {}, 1000); });';
  const { status, lines, lastLine } = runTests({ "a.test.ts": leaks, "b.process.test.ts": leaks });
  assert.deepEqual([status, lastLine], [0, "2 passed, 0 failed, 0 skipped"]);
  assert.ok(lines.some((line) => line.startsWith("note: a test left something open: Timeout")));
});

test("waits for files that are slow to import, though the tests of others are done", () => {
  const slow = `await new Promise((resolve) => setTimeout(resolve, 300));\n${PASSES}`;
  const { status, lastLine } = runTests({ "a.test.ts": PASSES, "b.test.ts": slow, "c.test.ts": PASSES });
  assert.deepEqual([status, lastLine], [0, "3 passed, 0 failed, 0 skipped"]);
});

test("loses no result, however many there are", () => {
  const many = "for (let i = 0; i < 5000; i += 1) test(`a test whose name has some length ${i}`, () => {});";
  const { status, lastLine } = runTests({ "a.test.ts": many, "b.process.test.ts": many });
  assert.deepEqual([status, lastLine], [0, "10000 passed, 0 failed, 0 skipped"]);
});

test("runs only what lies under the paths given", () => {
  const { lastLine } = runTests({ "a.test.ts": PASSES, "b.test.ts": PASSES, "c.process.test.ts": PASSES }, "tests/b.test.ts");
  assert.equal(lastLine, "1 passed, 0 failed, 0 skipped");
});
