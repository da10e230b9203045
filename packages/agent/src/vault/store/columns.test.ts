import assert from "node:assert/strict";
import { test } from "node:test";
import { isTalosError } from "@talos/core";
import { boolean, bytes, flag, number, optionalBytes, optionalNumber, optionalText, text, word } from "./columns.ts";

const ROW = { number: 7, zero: 0, text: "seven", bytes: Uint8Array.of(7), absent: null };

test("each column is read as its type", () => {
  assert.equal(number(ROW, "number"), 7);
  assert.equal(optionalNumber(ROW, "number"), 7);
  assert.equal(text(ROW, "text"), "seven");
  assert.equal(optionalText(ROW, "text"), "seven");
  assert.equal(word(ROW, "text", ["six", "seven"]), "seven");
  assert.deepEqual(bytes(ROW, "bytes"), Uint8Array.of(7));
  assert.deepEqual(optionalBytes(ROW, "bytes"), Uint8Array.of(7));
  assert.deepEqual([boolean(ROW, "number"), boolean(ROW, "zero"), flag(true), flag(false)], [true, false, 1, 0]);
  for (const read of [optionalNumber, optionalText, optionalBytes]) assert.equal(read(ROW, "absent"), undefined);
});

test("a column of another type is damage, and named", () => {
  const words = (row: typeof ROW, column: string): string => word(row, column, ["six"]);
  for (const [read, columns] of [
    [number, ["text", "bytes", "absent", "missing"]],
    [optionalNumber, ["text", "bytes"]],
    [boolean, ["text", "absent"]],
    [text, ["number", "bytes", "absent", "missing"]],
    [optionalText, ["number", "bytes"]],
    [words, ["text", "number", "absent"]],
    [bytes, ["number", "text", "absent", "missing"]],
    [optionalBytes, ["number", "text"]],
  ] as const) {
    for (const column of columns) {
      assert.throws(
        () => read(ROW, column),
        (error) => isTalosError(error, "VAULT_CORRUPT") && error.details["column"] === column,
        column,
      );
    }
  }
});
