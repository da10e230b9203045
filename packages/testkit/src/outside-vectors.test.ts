import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { absentVectors, absentVectorSets, OUTSIDE_VECTOR_SETS, outsideVectors, readOutsideVectors } from "./outside-vectors.ts";

test("a set is either a folder that exists, or absent with a reason that names it", () => {
  for (const set of OUTSIDE_VECTOR_SETS) {
    const folder = outsideVectors(set);
    if (folder === undefined) {
      assert.equal(absentVectors(set), `vectors absent: ${set}`);
    } else {
      assert.equal(existsSync(folder), true);
      assert.equal(absentVectors(set), false);
    }
    assert.equal(absentVectorSets().includes(set), folder === undefined);
  }
});

test("a file of a present set is read as JSON", { skip: absentVectors("talos-sdk") }, () => {
  assert.equal(typeof readOutsideVectors("talos-sdk", "kdf_ck_step.json"), "object");
});
