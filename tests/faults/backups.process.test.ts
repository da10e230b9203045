// A sample of what `npm run test:faults` does in full, of backups that are made, tried and brought back.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { absentDiskFaults, runMatrix } from "@talos/testkit/disk-faults";
import { stopDirectories } from "./agents/directory-holder.ts";
import { loseRequests } from "./agents/network.ts";
import { agentSubject } from "./agents/subject.ts";

/** Of each kind of fault. */
const POINTS = 1;
const EVERY_REQUEST = 8;
/** The others differ from one of these in how it begins. */
const SAMPLED: readonly string[] = ["export", "verify-backup", "restore"];

test(
  "failure 32: a backup that is made, tried or brought back and is killed, fails or loses power at a sample of its calls is there whole or not at all, and is made again",
  { skip: absentDiskFaults() },
  async () => {
    const child = join(import.meta.dirname, "agents/child.ts");
    const results = await runMatrix({ subject: agentSubject, child, operations: SAMPLED, most: POINTS, draws: 0, atOnce: 2 });
    assert.deepEqual(
      results.flatMap(({ bad }) => bad).map(({ operation, where, faults }) => `${operation}, ${where}: ${faults.join("; ")}`),
      [],
    );
    assert.equal(results.length, SAMPLED.length);
    for (const { operation, killed, failed, cuts } of results) assert.ok(killed + failed + cuts > 0, operation);
  },
);

test("failure 32: an agent whose request was lost, or its answer, while it came back from a backup comes to the end, also when it dies at that moment", async () => {
  // The last one that needs them.
  await using _ = { [Symbol.asyncDispose]: stopDirectories };
  const results = await loseRequests({ operations: ["restore"], every: EVERY_REQUEST });
  assert.deepEqual(
    results.flatMap(({ operation, bad }) => bad.map((one) => `${operation}: ${one}`)),
    [],
  );
  assert.ok(results.some(({ lost }) => lost > 0));
});
