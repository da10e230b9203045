import assert from "node:assert/strict";
import { test } from "node:test";
import type { Transaction } from "../vault/index.ts";
import { isTime, noteTime, readRecord, timesOf, writeRecord } from "./stored-json.ts";

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 10, 24);

/** Settings alone, as a map has them. */
function settings(stored: ReadonlyMap<string, string> = new Map()): { tx: Transaction; writes: () => number } {
  const values = new Map(stored);
  let writes = 0;
  const tx = {
    settings: {
      get: (name: string) => values.get(name),
      set: (name: string, value: string) => {
        writes += 1;
        values.set(name, value);
      },
    },
  };
  return { tx: tx as unknown as Transaction, writes: () => writes };
}

const isPoint = (value: object): value is { x: number } => "x" in value && isTime(value.x);

test("a record is read as it was written, and written only where it changed", () => {
  const { tx, writes } = settings();
  assert.equal(readRecord(tx, "point", isPoint), undefined);
  writeRecord(tx, "point", { x: 5 });
  writeRecord(tx, "point", { x: 5 });
  assert.deepEqual([readRecord(tx, "point", isPoint), writes()], [{ x: 5 }, 1]);
});

test("what cannot be read counts as absent", () => {
  for (const text of ["", "{", "null", "7", '"text"', '{"x":"5"}', '{"x":5.5}', '{"y":5}']) {
    assert.equal(readRecord(settings(new Map([["point", text]])).tx, "point", isPoint), undefined, text);
  }
});

test("times of a day: older ones and those of a time to come are forgotten", () => {
  const { tx } = settings(new Map([["times", JSON.stringify([NOW - DAY, NOW - DAY + 1, NOW + 1])]]));
  assert.equal(timesOf(tx, "times").length, 3);
  noteTime(tx, "times", NOW);
  assert.deepEqual(timesOf(tx, "times"), [NOW - DAY + 1, NOW]);
  assert.deepEqual(timesOf(settings(new Map([["times", '["a"]']])).tx, "times"), []);
});
