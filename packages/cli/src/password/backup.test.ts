import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { revealSecret, secureCompare } from "@talos/core";
import { hasCode } from "@talos/testkit";
import { givenBackupPasswords, requireBackupPassword } from "./backup.ts";

const folder = mkdtempSync(join(tmpdir(), "talos-backup-password-"));
after(() => rmSync(folder, { recursive: true }));

function fileWith(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

test("the passwords of a backup are those of its files, in their order, and are wiped together", () => {
  const given = givenBackupPasswords([fileWith("one", "river otter\n"), fileWith("two", "lamp quartz")]);
  assert.ok(given !== undefined);
  const [one, two] = given.passwords;
  assert.ok(one !== undefined && two !== undefined && given.passwords.length === 2);
  assert.ok(secureCompare(revealSecret(one), Buffer.from("river otter")));
  assert.ok(secureCompare(revealSecret(two), Buffer.from("lamp quartz")));
  given[Symbol.dispose]();
  for (const password of [one, two]) assert.ok(password.isDisposed);
});

test("no file is no password, more than four are refused, and one that cannot be read is named", () => {
  assert.equal(givenBackupPasswords(undefined), undefined);
  const file = fileWith("some", "river otter");
  assert.equal(givenBackupPasswords([file, file, file, file])?.passwords.length, 4);
  assert.throws(() => givenBackupPasswords([file, file, file, file, file]), hasCode("INVALID_ARGUMENT"));
  assert.throws(() => givenBackupPasswords([file, fileWith("empty", "\n")]), hasCode("PASSWORD_REQUIRED"));
  assert.throws(() => givenBackupPasswords([file, join(folder, "absent")]), hasCode("FILE_NOT_FOUND"));
});

test("the password that opens a backup comes out of its file, in whatever Unicode form", async () => {
  using composed = await requireBackupPassword({ backupPasswordFile: fileWith("nfc", "caf\u00e9") });
  using decomposed = await requireBackupPassword({ backupPasswordFile: fileWith("nfd", "cafe\u0301") });
  assert.ok(secureCompare(composed, decomposed));
});
