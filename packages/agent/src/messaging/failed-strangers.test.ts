import assert from "node:assert/strict";
import { test } from "node:test";
import { hasCode } from "@talos/testkit";
import { agent, NOW } from "../vault/vault-fixture.test.ts";
import { ATTEMPTS_AN_HOUR, FailedStrangers } from "./failed-strangers.ts";

const HOUR = 3_600_000;
const [ALICE, CAROL, DAVE] = [agent("alice"), agent("carol"), agent("dave")];

test("who could not be read some times within an hour has to wait for its end, whoever is named and whoever left it", () => {
  const strangers = new FailedStrangers();
  const refuses = (initiator: typeof ALICE, depositor: typeof ALICE | undefined, now: number): boolean => {
    try {
      strangers.requireAttempt(initiator, depositor, now);
      return false;
    } catch (error) {
      assert.ok(hasCode("HANDSHAKE_REFUSED")(error));
      return true;
    }
  };
  for (let n = 0; n < ATTEMPTS_AN_HOUR; n++) {
    assert.equal(refuses(ALICE, CAROL, NOW + n), false);
    strangers.failed(ALICE, CAROL, NOW + n);
  }
  assert.equal(refuses(ALICE, CAROL, NOW + HOUR - 1), true);
  assert.equal(refuses(DAVE, CAROL, NOW + 5), true, "another name");
  assert.equal(refuses(ALICE, DAVE, NOW + 5), true, "by another hand");
  assert.equal(refuses(ALICE, undefined, NOW + 5), true);
  assert.equal(refuses(ALICE, ALICE, NOW + 5), false, "what she leaves herself");
  assert.equal(refuses(DAVE, DAVE, NOW + 5), false);
  assert.equal(refuses(ALICE, CAROL, NOW + HOUR), false);
  assert.equal(refuses(ALICE, CAROL, NOW - HOUR), false, "by a clock that was set back");
});

test("so many are remembered and no more, the newest", () => {
  const strangers = new FailedStrangers();
  for (let n = 0; n < ATTEMPTS_AN_HOUR; n++) strangers.failed(ALICE, ALICE, NOW);
  for (let n = 0; n < 4_000; n++) strangers.failed(agent(`mallory ${n}`), agent(`mallory ${n}`), NOW);
  assert.throws(() => strangers.requireAttempt(ALICE, ALICE, NOW), hasCode("HANDSHAKE_REFUSED"));
  for (let n = 4_000; n < 5_000; n++) strangers.failed(agent(`mallory ${n}`), agent(`mallory ${n}`), NOW);
  strangers.requireAttempt(ALICE, ALICE, NOW);
});
