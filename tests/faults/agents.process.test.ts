// A sample of what `npm run test:faults` does in full, of operations on an agent's keys against a real directory.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { absentDiskFaults, runMatrix } from "@talos/testkit/disk-faults";
import { stopDirectories } from "./agents/directory-holder.ts";
import { loseRequests } from "./agents/network.ts";
import { keyOperations } from "./agents/key-operations.ts";
import { agentSubject } from "./agents/subject.ts";

/** Of each kind of fault. */
const POINTS = 1;
const EVERY_REQUEST = 6;
const operations: readonly string[] = keyOperations.map(({ name }) => name);

test(
  "failure 24: rotations, recovery, revocation, takeover and new prekeys that are killed, fail or lose power at a sample of their calls complete or are made again",
  { skip: absentDiskFaults() },
  async () => {
    const child = join(import.meta.dirname, "agents/child.ts");
    const results = await runMatrix({ subject: agentSubject, child, operations, most: POINTS, draws: 0, atOnce: 2 });
    assert.deepEqual(
      results.flatMap(({ bad }) => bad).map(({ operation, where, faults }) => `${operation}, ${where}: ${faults.join("; ")}`),
      [],
    );
    assert.equal(results.length, operations.length);
    for (const { operation, killed, failed, cuts } of results) assert.ok(killed + failed + cuts > 0, operation);
  },
);

test("failure 24: an agent whose request was lost, or its answer, goes on with the same event, also when it dies at that moment", async () => {
  // The last one that needs them.
  await using _ = { [Symbol.asyncDispose]: stopDirectories };
  const results = await loseRequests({ operations, every: EVERY_REQUEST });
  assert.deepEqual(
    results.flatMap(({ operation, bad }) => bad.map((one) => `${operation}: ${one}`)),
    [],
  );
  assert.equal(results.length, operations.length);
  for (const { operation, lost } of results) assert.ok(lost > 0, operation);
});
