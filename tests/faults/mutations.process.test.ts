import assert from "node:assert/strict";
import { test } from "node:test";
import { absentDiskFaults } from "@talos/testkit/disk-faults";
import { runMutations, SAMPLED_AGENT_SWAPS, unnoticed, VAULT_SWAPS } from "./mutations.ts";

// All of them are tried by npm run test:faults.
test("the fault matrix fails as soon as two neighbours of stage, commit, place and clear are swapped", { skip: absentDiskFaults() }, () => {
  assert.deepEqual(unnoticed(VAULT_SWAPS, runMutations(VAULT_SWAPS)), []);
});

test(
  "failure 24: the fault matrix fails as soon as two neighbours of stage, event and commit of a rotation are swapped",
  { skip: absentDiskFaults() },
  () => {
    assert.deepEqual(unnoticed(SAMPLED_AGENT_SWAPS, runMutations(SAMPLED_AGENT_SWAPS)), []);
  },
);
