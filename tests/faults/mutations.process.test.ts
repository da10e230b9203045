import assert from "node:assert/strict";
import { test } from "node:test";
import { absentDiskFaults } from "@talos/testkit/disk-faults";
import { runMutations, unnoticed } from "./mutations.ts";

test("the fault matrix fails as soon as two neighbours of stage, commit, place and clear are swapped", { skip: absentDiskFaults() }, () => {
  assert.deepEqual(unnoticed(runMutations()), []);
});
