import assert from "node:assert/strict";
import { test } from "node:test";
import { hasCode } from "@talos/testkit";
import { Standing } from "./standing.ts";

test("one that is held may do nothing but be compared, and what comes after that counts", () => {
  const standing = new Standing();
  const { signal } = standing;
  standing.hold();
  assert.deepEqual([standing.isActive, standing.isHeld, standing.isSuperseded, signal.aborted], [false, true, false, true]);
  assert.throws(() => standing.requireActive(), hasCode("RECOVERY_UNCHECKED"));
  assert.throws(() => standing.requireActiveOrSuperseded(), hasCode("RECOVERY_UNCHECKED"));
  standing.requireAbleToTakeOver();
  standing.revive();
  assert.deepEqual([standing.isActive, standing.isHeld, standing.signal.aborted], [true, false, false]);
});

test("whoever is held hears of being closed, fenced or superseded; whoever has ended is not held", () => {
  for (const [end, code] of [
    [(standing: Standing) => standing.close(), "CLIENT_CLOSED"],
    [(standing: Standing) => standing.fence(), "GENERATION_FENCED"],
    [(standing: Standing) => standing.supersede(1, 2), "INSTANCE_SUPERSEDED"],
  ] as const) {
    const standing = new Standing();
    standing.hold();
    end(standing);
    assert.equal(standing.isHeld, false);
    assert.throws(() => standing.requireActive(), hasCode(code));
    standing.hold();
    assert.equal(standing.isHeld, false);
  }
  const revoked = new Standing();
  revoked.revoke();
  revoked.hold();
  revoked.revive();
  assert.throws(() => revoked.requireAbleToTakeOver(), hasCode("AGENT_REVOKED"));
});
