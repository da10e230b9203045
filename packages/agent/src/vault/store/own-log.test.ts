import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeCrypto, utf8 } from "@talos/core";
import { openStore } from "./store-fixture.test.ts";

test("the public projection follows the log, which a rescue needs, and not the certificate", () => {
  using store = openStore();
  const { log } = store.tx;
  log.setCertificate(utf8("certificate"));
  assert.equal(store.store.endWriting(), false);
  store.store.beginWriting();
  log.append({ seq: 0, hash: nodeCrypto.randomBytes(32), wire: utf8("inception") });
  assert.equal(store.store.endWriting(), true);
});
