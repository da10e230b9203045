import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeCrypto } from "@talos/core";
import { NOW } from "../vault-fixture.test.ts";
import { id16, openStore } from "./store-fixture.test.ts";

test("of a message that was opened its id is known at its place, of a control frame none", () => {
  using store = openStore();
  const { opened } = store.tx;
  const place = { sessionId: id16(), chain: nodeCrypto.randomBytes(32), counter: 7 };
  const messageId = id16();
  assert.equal(opened.messageAt(place), undefined);
  opened.add(place, id16(), NOW, messageId);
  opened.add({ ...place, counter: 8 }, id16(), NOW);
  assert.deepEqual(opened.messageAt(place), messageId);
  assert.equal(opened.messageAt({ ...place, counter: 8 }), undefined);
  assert.equal(opened.envelopeAt({ ...place, counter: 9 }), undefined);
});
