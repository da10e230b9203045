import assert from "node:assert/strict";
import { test } from "node:test";
import { HOME_DIRECTORY } from "./settings.ts";
import { openStore } from "./store-fixture.test.ts";

test("a setting is replaced, and removed by setting nothing", () => {
  using store = openStore();
  const { settings } = store.tx;
  settings.set("name", "first");
  settings.set("name", "second");
  settings.set("other", "value");
  assert.equal(settings.get("name"), "second");
  settings.set("name", undefined);
  assert.deepEqual([settings.get("name"), settings.get("other")], [undefined, "value"]);
});

test("the home directory stands in the public projection, which follows it", () => {
  using store = openStore();
  store.tx.settings.set("other", "value");
  assert.equal(store.store.endWriting(), false);
  store.store.beginWriting();
  store.tx.settings.set(HOME_DIRECTORY, "http://127.0.0.1:1");
  assert.equal(store.tx.settings.get("home-directory"), "http://127.0.0.1:1", "a name in the format");
  assert.equal(store.store.endWriting(), true);
});
