import assert from "node:assert/strict";
import { test } from "node:test";
import { certificateDueAt, due, signedPrekeyDueAt } from "./due.ts";

const DAY = 86_400_000;

test("nothing is due of an agent with fresh keys, or with none", () => {
  assert.deepEqual(due({ certificate: { from: 0, to: DAY }, signedPrekey: { from: 0 }, oneTimePrekeys: 100 }, 1), []);
  assert.deepEqual(due({ oneTimePrekeys: 10 }, Number.MAX_SAFE_INTEGER), []);
});

test("a certificate is renewed at two thirds of its life", () => {
  const certificate = { from: 0, to: DAY };
  assert.equal(certificateDueAt(certificate), 16 * 3_600_000);
  assert.deepEqual(due({ certificate, oneTimePrekeys: 100 }, 16 * 3_600_000 - 1), []);
  assert.deepEqual(due({ certificate, oneTimePrekeys: 100 }, 16 * 3_600_000), [{ kind: "renew-certificate", dueAt: 16 * 3_600_000 }]);
});

test("a signed prekey is replaced after 30 days", () => {
  assert.equal(signedPrekeyDueAt({ from: 5 }), 5 + 30 * DAY);
  assert.deepEqual(
    due({ signedPrekey: { from: 5 }, oneTimePrekeys: 100 }, 5 + 30 * DAY).map(({ kind }) => kind),
    ["rotate-signed-prekey"],
  );
});

test("one-time prekeys are filled up to 100 below 10", () => {
  assert.deepEqual(due({ oneTimePrekeys: 9 }, 7), [{ kind: "refill-one-time-prekeys", dueAt: 7, count: 91 }]);
  assert.deepEqual(due({ oneTimePrekeys: 0 }, 7), [{ kind: "refill-one-time-prekeys", dueAt: 7, count: 100 }]);
});

test("the longest overdue comes first", () => {
  const tasks = due({ certificate: { from: 0, to: DAY }, signedPrekey: { from: -40 * DAY }, oneTimePrekeys: 0 }, 2 * DAY);
  assert.deepEqual(
    tasks.map(({ kind }) => kind),
    ["rotate-signed-prekey", "renew-certificate", "refill-one-time-prekeys"],
  );
});
