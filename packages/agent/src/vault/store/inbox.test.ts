import assert from "node:assert/strict";
import { test } from "node:test";
import { concatBytes, isTalosError, toHex, utf8 } from "@talos/core";
import { agent, NOW } from "../vault-fixture.test.ts";
import type { NewInboxRow } from "./inbox.ts";
import { id16, isWiped, openStore } from "./store-fixture.test.ts";

function row(body = "hello"): NewInboxRow {
  return { sender: agent("bob"), messageId: id16(), contentType: "x", time: NOW, receivedAt: NOW, resent: false, body: utf8(body) };
}

test("what is joined for sealing, and what was opened, is wiped", () => {
  using store = openStore();
  const { inbox } = store.tx;
  inbox.insert(row());
  inbox.next(0)?.body.dispose();
  assert.equal(store.plaintexts.length, 2);
  assert.ok(store.plaintexts.every(isWiped));
});

test("a message whose body is gone is damage, and named", () => {
  using store = openStore();
  const lost = row();
  store.tx.inbox.insert(lost);
  store.database.exec("UPDATE inbox SET body = NULL");
  assert.throws(
    () => store.tx.inbox.next(0),
    (error) => {
      assert.ok(isTalosError(error, "VAULT_CORRUPT"));
      assert.deepEqual(error.details, { table: "inbox", column: "body", row: toHex(concatBytes(lost.sender, lost.messageId)) });
      return true;
    },
  );
});
