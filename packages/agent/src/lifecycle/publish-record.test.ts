import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeCbor, toHex, type KeyId } from "@talos/core";
import type { InventoryEntry, OwnBatch } from "../vault/index.ts";
import { hasCode } from "@talos/testkit";
import { publishPlan, readRecord, replacementPlan } from "./publish-record.ts";

const bytes = (value: number, length: number): Uint8Array => new Uint8Array(length).fill(value);
const entry = (kind: InventoryEntry["kind"], value: number): InventoryEntry => ({
  keyId: toHex(bytes(value, 8)) as KeyId,
  kind,
  state: "live",
  algorithm: 2,
  publicKey: bytes(value, 32),
  createdAt: 1,
  backend: "software",
  protection: "software",
  statement: bytes(value, 40),
});
const batch: OwnBatch = {
  root: bytes(9, 32),
  wire: bytes(8, 50),
  head: { seq: 0, hash: bytes(7, 32) },
  options: 0,
  createdAt: 1,
  to: 2,
  ids: [],
};
const signed = entry("signed-prekey", 1);

test("a plan of new prekeys only: the signed one first, the others in their order", () => {
  const plan = publishPlan(batch, [entry("one-time-prekey", 3), signed, entry("one-time-prekey", 2)], 5);
  assert.deepEqual([plan.step, plan.createdAt, plan.nextAttemptAt, plan.attempts], ["events", 5, 5, 0]);
  assert.deepEqual(readRecord(plan.payload), {
    batch: batch.wire,
    root: batch.root,
    signedPrekey: signed.statement,
    carried: [],
    added: [bytes(3, 40), bytes(2, 40)],
  });
});

test("a plan that carries prekeys on names them by their ids", () => {
  const plan = replacementPlan({ batch, signed, added: [entry("one-time-prekey", 3)], carried: [entry("one-time-prekey", 4)] }, "batch", 5);
  assert.equal(plan.step, "batch");
  const { carried, added } = readRecord(plan.payload);
  assert.deepEqual([carried, added], [[bytes(4, 8)], [bytes(3, 40)]]);
});

test("a plan that an earlier release left carries nothing on", () => {
  const { carried, added } = readRecord(encodeCbor([batch.wire, batch.root, bytes(1, 40), [bytes(2, 40)]]));
  assert.deepEqual([carried, added], [[], [bytes(2, 40)]]);
  assert.throws(() => readRecord(encodeCbor([batch.wire, batch.root, bytes(1, 40)])), hasCode("MALFORMED"));
});
