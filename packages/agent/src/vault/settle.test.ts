import assert from "node:assert/strict";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { isTalosError, nodeCrypto, talosError } from "@talos/core";
import { KeyFolder } from "./keys/key-folder.ts";
import { openParts } from "./open.ts";
import type { VaultParts } from "./parts.ts";
import { trySettle } from "./settle.ts";
import { changeFile, FLOOR_KDF, makeClosedVault, makeFile, NOW, password, temporaryFolder } from "./vault-fixture.test.ts";
import { Vault } from "./vault.ts";

function openForTest(dataDir: string): VaultParts {
  return openParts({ dataDir, unlock: password(), crypto: nodeCrypto, now: NOW, kdf: FLOOR_KDF });
}

function failing(t: TestContext, name: "apply" | "asideOf" | "putAside", error: Error): { restore(): void } {
  return t.mock.method(KeyFolder.prototype, name, () => {
    throw error;
  }).mock;
}

/** Whatever happened, nothing is written outside a transaction afterwards. */
function assertNotWritable({ store }: VaultParts): void {
  assert.throws(
    () => store.run("DELETE FROM settings"),
    (error) => isTalosError(error, "INTERNAL"),
  );
}

test("a disk that refuses is told and tried again, a program's mistake is not hidden", async (t) => {
  using folder = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  const parts = openForTest(folder.dataDir);
  using vault = new Vault(parts);
  assert.deepEqual(trySettle(parts), { findings: [], unsettled: false });
  let mock = failing(t, "apply", talosError("STORAGE_FAILED"));
  const refused = trySettle(parts);
  assert.deepEqual(
    refused.findings.map(({ code, file }) => [code, file]),
    [["STORAGE_FAILED", "."]],
  );
  assert.equal(refused.unsettled, true);
  mock.restore();
  const mistake = new RangeError("a mistake in the program");
  mock = failing(t, "apply", mistake);
  assert.throws(
    () => trySettle(parts),
    (error) => error === mistake,
  );
  mock.restore();
  assert.equal(vault.findings.length, 0);
});

test("a stranger is put aside on record, and where that fails it stays, is named, and nothing else is written", async (t) => {
  for (const [refuse, code] of [
    [undefined, "QUARANTINED"],
    ["putAside", "QUARANTINED"],
  ] as const) {
    using folder = temporaryFolder();
    await makeClosedVault(folder.dataDir);
    makeFile(join(folder.dataDir, "prekeys/otpk_0123456789abcdef.enc"), "stranger");
    const mock = refuse && failing(t, refuse, talosError("STORAGE_FAILED"));
    const parts = openForTest(folder.dataDir);
    mock?.restore();
    using vault = new Vault(parts);
    assert.deepEqual(
      vault.findings.map((finding) => finding.code),
      [code],
    );
    assert.equal(vault.findings[0]?.file.startsWith("quarantine/"), refuse === undefined);
    assertNotWritable(parts);
  }
});

test("a mistake while a stranger is put aside is not hidden either", async (t) => {
  using folder = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  makeFile(join(folder.dataDir, "prekeys/otpk_0123456789abcdef.enc"), "stranger");
  const mistake = new RangeError("a mistake in the program");
  const mock = failing(t, "asideOf", mistake);
  assert.throws(
    () => openForTest(folder.dataDir),
    (error) => error === mistake,
  );
  mock.restore();
  using vault = new Vault(openForTest(folder.dataDir));
  assert.equal(vault.findings.length, 1);
});

test("who looks is told of an edited metadata.json by its code, and of the ways in, the one that opened among them", async () => {
  using folder = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  changeFile(join(folder.dataDir, "metadata.json"), (content) => content.subarray(1));
  using inspection = await Vault.inspect({ dataDir: folder.dataDir, unlock: password(), crypto: nodeCrypto });
  assert.deepEqual(
    inspection.findings.map(({ code, file }) => [code, file]),
    [["METADATA_REWRITTEN", "metadata.json"]],
  );
  assert.deepEqual(
    inspection.slots().map(({ number, opened }) => [number, opened]),
    [[1, true]],
  );
});
