// The program and its output stand in the README; both are run and compared here, so that neither can drift.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const here = import.meta.dirname;
const readme = readFileSync(join(here, "..", "README.md"), "utf8");

test("the example runs and prints what the README shows beside it", () => {
  const run = spawnSync(process.execPath, [join(here, "two-agents.ts")], { encoding: "utf8" });
  assert.equal(run.status, 0, run.stderr);
  assert.ok(readme.includes(`\`\`\`text\n${run.stdout}\`\`\``), "README.md shows this output");
});

test("the calls in the README are lines of the example", () => {
  const program = readFileSync(join(here, "two-agents.ts"), "utf8").replaceAll(/\s+/g, " ");
  const [, sample] = /```ts\n(.*?)```/s.exec(readme) ?? [];
  assert.ok(sample !== undefined);
  for (const piece of sample.split(/\n\s*\n/)) {
    const text = piece.trim().replaceAll(/\s+/g, " ");
    assert.ok(program.includes(text), text);
  }
});
