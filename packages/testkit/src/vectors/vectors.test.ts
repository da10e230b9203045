import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ERROR_CODES, isErrorCode, TalosError } from "@talos/core";
import type { VectorFile } from "./format.ts";
import { VECTOR_SETS, vectorFileText } from "./sets.ts";

const folder = join(import.meta.dirname, "../../../../vectors");

for (const set of VECTOR_SETS) {
  const text = readFileSync(join(folder, `${set.structure}.json`), "utf8");
  const file = JSON.parse(text) as VectorFile;

  test(`vectors/${set.structure}.json is what the generator makes`, () => {
    assert.equal(vectorFileText(set) === text, true, "run node tools/vectors.ts and look at the difference");
  });

  test(`vectors/${set.structure}.json: every case has a name of its own and one outcome`, () => {
    const names = file.cases.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    for (const { name, error, fields } of file.cases) {
      assert.equal((error === undefined) !== (fields === undefined), true, name);
      if (error !== undefined)
        assert.equal(isErrorCode(error), true, `${name}: ${error} is none of ${Object.keys(ERROR_CODES).length} codes`);
    }
  });

  for (const { name, wire, context, fields, derived, error } of file.cases) {
    test(`vectors/${set.structure}.json, ${name}: ${error === undefined ? "read as it says" : `refused with ${error}`}`, () => {
      if (error === undefined) {
        const reading = JSON.parse(JSON.stringify(set.read(wire, context ?? null))) as unknown;
        assert.deepEqual(reading, derived === undefined ? { fields } : { fields, derived });
      } else {
        assert.throws(
          () => set.read(wire, context ?? null),
          (thrown: unknown) => {
            assert.ok(thrown instanceof TalosError, String(thrown));
            assert.equal(thrown.code, error);
            return true;
          },
        );
      }
    });
  }
}
