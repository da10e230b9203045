import assert from "node:assert/strict";
import { test } from "node:test";
import { formatTable, printable } from "./table.ts";

test("columns are as wide as their widest cell, and lines end without blanks", () => {
  assert.deepEqual(
    formatTable(
      ["A", "LONG"],
      [
        ["wide cell", ""],
        ["b", "c"],
      ],
    ),
    ["A          LONG", "wide cell", "b          c"],
  );
});

test("text from outside cannot steer a terminal or turn the reading direction", () => {
  assert.equal(printable("a\u001b[2Jb\u202ec"), "a\\u{1b}[2Jb\\u{202e}c");
  assert.equal(printable("a\u2028b\u2029c"), "a\\u{2028}b\\u{2029}c");
  assert.deepEqual(formatTable(["N"], [["x\u001b[31m\ny"]]), ["N", "x\\u{1b}[31m\\u{a}y"]);
});
