import assert from "node:assert/strict";
import { test } from "node:test";
import { killRun } from "./kill/kill-run.ts";

test("failure 13: agents that are killed at random lose nothing, repeat nothing, and use no message key twice (a sample)", async () => {
  const result = await killRun({ messages: 150, kills: 8, longestLifeMilliseconds: 1_500, limitMilliseconds: 60_000 });
  assert.deepEqual(result.faults, []);
  assert.equal(result.kills, 8);
  assert.ok(result.envelopes >= 300);
});
