// Keeps the table of docs/threat-model.md in step with the tests that it names: a defence that is claimed is one that is shown.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";

const ROOT = resolve(import.meta.dirname, "..");
const FAILURES = 60;
/** Defended against in this release; the others may say "not yet". */
const DEFENDED = [
  1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37,
  38, 39, 40, 41, 42, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60,
];

interface Row {
  readonly number: number;
  /** Of each test named: its file and its name without the number. */
  readonly tests: readonly { readonly file: string; readonly name: string }[];
}

function rowOf(line: string): Row {
  const [, number = "", failure = "", defence = "", shown = "", ...rest] = line.split(/ *(?<!\\)\| */);
  assert.ok(failure !== "" && defence !== "" && rest.length === 1, line);
  if (shown === "not yet") {
    assert.match(defence, /not yet/, `${number} says what is missing`);
    return { number: Number(number), tests: [] };
  }
  const tests = shown.split("<br>").map((entry) => {
    const [, file = "", name = ""] = /^`([^`]+\.test\.ts)`: (.+)$/.exec(entry) ?? assert.fail(`not a test: ${entry}`);
    return { file, name };
  });
  return { number: Number(number), tests };
}

function rows(): Row[] {
  const page = readFileSync(resolve(ROOT, "docs/threat-model.md"), "utf8");
  return page
    .split("\n")
    .filter((line) => /^\| *\d/.test(line))
    .map(rowOf);
}

test("the threat model has one row for every known failure, in order", () => {
  assert.deepEqual(
    rows().map(({ number }) => number),
    Array.from({ length: FAILURES }, (_, index) => index + 1),
  );
});

test("every test that the threat model names exists under its number", () => {
  for (const { number, tests } of rows()) {
    for (const { file, name } of tests) {
      assert.ok(existsSync(resolve(ROOT, file)), `${number}: there is no ${file}`);
      const source = readFileSync(resolve(ROOT, file), "utf8");
      // A name that is made for several cases is written as it stands in the source.
      const quote = name.includes("${") ? "`" : '"';
      assert.ok(source.includes(`${quote}failure ${number}: ${name}${quote}`), `${number}: ${file} has no "${name}"`);
    }
  }
});

test("every failure that this release defends against has a test in the threat model", () => {
  const shown = new Set(rows().flatMap(({ number, tests }) => (tests.length > 0 ? [number] : [])));
  assert.deepEqual(
    DEFENDED.filter((number) => !shown.has(number)),
    [],
  );
});
