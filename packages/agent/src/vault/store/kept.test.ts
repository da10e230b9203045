import assert from "node:assert/strict";
import { test } from "node:test";
import { utf8 } from "@talos/core";
import { agent, NOW } from "../vault-fixture.test.ts";
import { id16, openStore } from "./store-fixture.test.ts";

test("what is kept comes back with who deposited it, where that is known", () => {
  using store = openStore();
  const { kept } = store.tx;
  for (const depositor of [undefined, agent("bob")]) {
    const item = { envelopeId: id16(), kind: "notice", depositor, bytes: utf8("bytes"), code: "MALFORMED", receivedAt: NOW } as const;
    kept.add(item);
    assert.deepEqual(kept.get(item.envelopeId), { ...item, byteLength: 5 });
  }
  assert.equal(kept.get(id16()), undefined);
});
