import assert from "node:assert/strict";
import { test } from "node:test";
import { isTalosError, nodeCrypto } from "@talos/core";
import { keyInForce, kitCommitment } from "./key-in-force.ts";
import { logWith } from "./kit-fixture.test.ts";

const crypto = nodeCrypto;

function refusedFor(reason: string): (error: unknown) => boolean {
  return (error) => isTalosError(error, "RECOVERY_KIT_NOT_IN_FORCE") && error.details["reason"] === reason;
}

test("the first key of a kit is the one that a new log waits for", () => {
  using seed = crypto.randomSecret(32);
  using found = keyInForce(seed, logWith(kitCommitment(seed, 0, crypto)), crypto);
  assert.equal(found.index, 0);
});

test("a log without a kit, and one with another kit, are told apart", () => {
  using seed = crypto.randomSecret(32);
  using other = crypto.randomSecret(32);
  assert.throws(() => keyInForce(seed, logWith(undefined), crypto), refusedFor("none"));
  assert.throws(() => keyInForce(seed, logWith(kitCommitment(other, 0, crypto)), crypto), refusedFor("other"));
});

test("a key that no recovery event can have reached is not looked for", () => {
  using seed = crypto.randomSecret(32);
  assert.throws(() => keyInForce(seed, logWith(kitCommitment(seed, 1, crypto)), crypto), refusedFor("other"));
});
