import assert from "node:assert/strict";
import { chmodSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isTalosError } from "@talos/core";
import { otherwise } from "./disk-fixture.test.ts";
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

test("failure 31: files in the folders of ours are looked at, whatever else lies in a data directory is not entered", () => {
  using folder = temporaryFolder();
  for (const name of ["prekeys", "quarantine", "other"]) {
    mkdirSync(join(folder.dataDir, name), { recursive: true, mode: 0o700 });
    makeFile(join(folder.dataDir, name, "file"));
  }
  chmodSync(folder.dataDir, 0o700);
  checkPermissions(folder.dataDir);
  chmodSync(join(folder.dataDir, "other/file"), 0o644);
  checkPermissions(folder.dataDir);
  for (const name of ["prekeys", "quarantine"]) {
    const path = join(folder.dataDir, name, "file");
    chmodSync(path, 0o644);
    assert.throws(
      () => checkPermissions(folder.dataDir),
      (error) => isTalosError(error, "PERMISSIONS_TOO_OPEN") && error.details["path"] === path,
    );
    chmodSync(path, 0o600);
  }
});

test("a file in the place of the prekeys is somebody else's to complain of, and a link is named with what shows it", () => {
  using folder = temporaryFolder();
  mkdirSync(folder.dataDir, { mode: 0o700 });
  makeFile(join(folder.dataDir, "prekeys"));
  checkPermissions(folder.dataDir);
  const link = join(folder.dataDir, "link");
  symlinkSync("/nowhere", link);
  assert.throws(
    () => checkPermissions(folder.dataDir),
    (error) => isTalosError(error, "SYMLINK_REFUSED") && error.hint.endsWith(`: ls -l ${link}`),
  );
});

test("what a running agent removes meanwhile is not missed", () => {
  using folder = temporaryFolder();
  mkdirSync(join(folder.dataDir, "prekeys"), { recursive: true, mode: 0o700 });
  chmodSync(folder.dataDir, 0o700);
  otherwise({ readdirSync: () => ["gone", "prekeys"] }, () => checkPermissions(folder.dataDir));
});

test("a system without owners and modes has none to refuse", (t) => {
  using folder = temporaryFolder();
  mkdirSync(folder.dataDir, { mode: 0o755 });
  const getuid = Object.getOwnPropertyDescriptor(process, "getuid") ?? {};
  t.after(() => Object.defineProperty(process, "getuid", getuid));
  Object.defineProperty(process, "getuid", { ...getuid, value: undefined });
  checkPermissions(folder.dataDir);
});
