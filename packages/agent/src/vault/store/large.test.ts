import assert from "node:assert/strict";
import { test } from "node:test";
import { dropLarge, inlinePart, putLarge, readLarge } from "./large.ts";
import { openStore } from "./store-fixture.test.ts";

test("a value lies in its row up to half a page, above that in the other table, never in both", () => {
  using open = openStore();
  const { store } = open;
  for (const [length, large] of [
    [0, 0],
    [2048, 0],
    [2049, 1],
  ] as const) {
    const value = Uint8Array.from({ length }, () => 7);
    putLarge(store, "inbox-body", length, value);
    assert.equal(inlinePart(value), large === 0 ? value : undefined);
    assert.equal(open.count("large_values"), large);
    assert.deepEqual(readLarge(store, "inbox-body", length, { body: large === 0 ? value : null }, "body"), value);
  }
  assert.equal(readLarge(store, "outbox-body", 2049, { body: null }, "body"), undefined, "another owner's");
  dropLarge(store, "inbox-body", 2049);
  assert.equal(open.count("large_values"), 0);
  putLarge(store, "inbox-body", 1, undefined);
  assert.deepEqual([open.count("large_values"), inlinePart(undefined)], [0, undefined]);
});
