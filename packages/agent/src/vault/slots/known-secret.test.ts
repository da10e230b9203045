import assert from "node:assert/strict";
import { test } from "node:test";
import { keyMaterial, makeVault, NOW, password, temporaryFolder } from "../vault-fixture.test.ts";

test("a vault knows what opens it, of each kind, and asks for nothing else", async () => {
  using folder = temporaryFolder();
  using vault = (await makeVault(folder.dataDir)).vault;
  assert.ok(vault.opensWith(password()));
  assert.ok(!vault.opensWith(password("another")));
  vault.addSlot(password("another"), "", NOW);
  vault.addSlot(keyMaterial("key-file"), "", NOW);
  assert.ok(vault.opensWith(password("another")));
  assert.ok(vault.opensWith(keyMaterial("key-file")));
  assert.ok(!vault.opensWith(keyMaterial("credential")));
  assert.ok(!vault.opensWith(keyMaterial("key-file", 2)));
  assert.equal(vault.slots().length, 3);
});
