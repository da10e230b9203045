import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isTalosError } from "@talos/core";
import { checkPermissions } from "./permissions.ts";
import { makeFile, temporaryFolder } from "./vault-fixture.test.ts";

test("failure 31: what belongs to another user is refused, with the command that mends it", (t) => {
  using folder = temporaryFolder();
  mkdirSync(folder.dataDir, { mode: 0o700 });
  makeFile(join(folder.dataDir, "metadata.json"));
  checkPermissions(folder.dataDir);
  const me = process.getuid?.() ?? 0;
  t.mock.method(process as { getuid: () => number }, "getuid", () => me + 1);
  assert.throws(
    () => checkPermissions(folder.dataDir),
    (error) => isTalosError(error, "OWNER_FOREIGN") && error.hint === `Run: chown -R ${me + 1} ${folder.dataDir}`,
  );
});

test("a path that a shell would take apart is quoted in the hint", () => {
  using folder = temporaryFolder();
  const dataDir = join(folder.parent, "it's $HOME");
  mkdirSync(dataDir, { mode: 0o755 });
  assert.throws(
    () => checkPermissions(dataDir),
    (error) => isTalosError(error, "PERMISSIONS_TOO_OPEN") && error.hint === `Run: chmod 700 '${folder.parent}/it'\\''s $HOME'`,
  );
});

test("a file in the place of the folder, and no folder, are no vault", () => {
  using folder = temporaryFolder();
  assert.throws(
    () => checkPermissions(folder.dataDir),
    (error) => isTalosError(error, "VAULT_NOT_FOUND"),
  );
  makeFile(folder.dataDir);
  assert.throws(
    () => checkPermissions(folder.dataDir),
    (error) => isTalosError(error, "VAULT_NOT_FOUND"),
  );
});
