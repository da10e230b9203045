/** Takes out one defence after the other, in a copy of the checkout, and runs the tests that are to notice. */
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { copyCheckout } from "./copy.ts";
import { type Defence, DEFENCES } from "./defences.ts";

/** The names of the tests that fail in that file of that checkout. */
function failingTests(checkout: string, file: string): string[] {
  const { stdout } = spawnSync(process.execPath, ["--test-reporter=tap", file], {
    cwd: checkout,
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    env: { ...process.env, NODE_COMPILE_CACHE: join(checkout, ".compile-cache") },
  });
  return [...stdout.matchAll(/^ *not ok \d+ - (.*)$/gm)].map(([, name = ""]) => name);
}

/** @returns what is wrong; undefined where the named test passes with the defence and fails without it */
function check(checkout: string, { file, from, to, test, notices }: Defence, failingAnyway: readonly string[]): string | undefined {
  const path = join(checkout, file);
  const source = readFileSync(path, "utf8");
  if (source.split(from).length !== 2) return `the defence does not stand (once) in ${file}`;
  writeFileSync(
    path,
    source.replace(from, () => to),
  );
  try {
    const failing = failingTests(checkout, test).filter((name) => !failingAnyway.includes(name));
    if (failing.some((name) => name.startsWith(notices))) return undefined;
    return failing.length === 0 ? `no test of ${test} fails` : `another test fails: ${failing.join("; ")}`;
  } finally {
    writeFileSync(path, source);
  }
}

/** @param wanted numbers of failures; all of them where none is given @returns whether every defence is noticed */
export function checkDefences(wanted: readonly string[]): boolean {
  const chosen = DEFENCES.filter(({ failure }) => wanted.length === 0 || wanted.includes(String(failure)));
  const checkout = copyCheckout();
  const failingAnyway = new Map<string, string[]>();
  let missed = 0;
  try {
    for (const defence of chosen) {
      const anyway = failingAnyway.get(defence.test) ?? failingTests(checkout, defence.test);
      failingAnyway.set(defence.test, anyway);
      const problem = check(checkout, defence, anyway);
      if (problem !== undefined) missed++;
      process.stdout.write(`failure ${defence.failure}: ${defence.without}: ${problem === undefined ? "noticed" : `MISSED, ${problem}`}\n`);
    }
  } finally {
    rmSync(checkout, { recursive: true, force: true });
  }
  process.stdout.write(`${chosen.length - missed} of ${chosen.length} noticed\n`);
  return chosen.length > 0 && missed === 0;
}
