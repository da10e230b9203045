// The programs and their output stand in the README; both are run and compared here, so that neither can drift.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const here = import.meta.dirname;
const readme = readFileSync(join(here, "..", "README.md"), "utf8");
const samples = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, sample]) => sample ?? "");
const EXAMPLES = ["two-agents.ts", "life-of-a-key.ts", "new-machine.ts"];

test("each sample of the README belongs to an example", () => {
  assert.equal(samples.length, EXAMPLES.length);
});

for (const [index, name] of EXAMPLES.entries()) {
  test(`${name} runs and prints what the README shows beside it`, () => {
    const run = spawnSync(process.execPath, [join(here, name)], { encoding: "utf8" });
    assert.equal(run.status, 0, run.stderr);
    assert.ok(readme.includes(`\`\`\`text\n${run.stdout}\`\`\``), `README.md shows this output:\n${run.stdout}`);
  });

  test(`the calls in the README are lines of ${name}`, () => {
    const program = readFileSync(join(here, name), "utf8").replaceAll(/\s+/g, " ");
    for (const piece of samples[index]?.split(/\n\s*\n/) ?? []) {
      const text = piece.trim().replaceAll(/\s+/g, " ");
      assert.ok(program.includes(text), text);
    }
  });
}
