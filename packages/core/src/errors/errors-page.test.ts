/** Keeps `docs/errors.md` and the table in `codes.ts` equal, word for word. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { ERROR_CODES, type ErrorDescription } from "./codes.ts";

const PAGE = join(import.meta.dirname, "../../../../docs/errors.md");
const ENTRIES: readonly (readonly [string, ErrorDescription])[] = Object.entries(ERROR_CODES);

test("docs/errors.md lists every code with its exit code, sentence and hint, and no other", () => {
  const listed = readFileSync(PAGE, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| `"));
  const expected = ENTRIES.map(([code, { exitCode, message, hint }]) => `| \`${code}\` | ${exitCode} | ${message} | ${hint} |`);
  assert.deepEqual(listed, expected);
});

test("codes are sorted", () => {
  const codes = ENTRIES.map(([code]) => code);
  assert.deepEqual(codes, codes.toSorted());
});

test("every code has one sentence and one hint that end in a full stop", () => {
  for (const [code, { message, hint }] of ENTRIES) {
    assert.match(message, /^[A-Z].*\.$/, code);
    assert.match(hint, /^[A-Z].*\.$/, code);
    assert.doesNotMatch(message + hint, /\||\n/, code);
  }
});
