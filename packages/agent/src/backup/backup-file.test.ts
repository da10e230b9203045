import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { nodeCrypto } from "@talos/core";
import { hasCode } from "@talos/testkit";
import { readBackupFile } from "./backup-file.ts";
import { MAX_BACKUP_BYTES } from "./backup-record.ts";

const SEALED = nodeCrypto.randomBytes(70_000);

function folder(): Disposable & { readonly path: string; file(name: string): string } {
  const path = mkdtempSync(join(tmpdir(), "talos-copies-"));
  return {
    path,
    file: (name) => join(path, name),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

test("what is no file, is too large or cannot be read is told before it is opened", () => {
  using at = folder();
  assert.throws(() => readBackupFile(at.file("absent")), hasCode("FILE_NOT_FOUND"));
  assert.throws(() => readBackupFile(at.path), hasCode("BACKUP_DAMAGED"));
  assert.throws(() => readBackupFile("/dev/zero"), hasCode("BACKUP_DAMAGED"));
  writeFileSync(at.file("large"), new Uint8Array(MAX_BACKUP_BYTES + 1));
  assert.throws(() => readBackupFile(at.file("large")), hasCode("BACKUP_DAMAGED"));
  writeFileSync(at.file("one"), SEALED);
  chmodSync(at.file("one"), 0o400);
  assert.deepEqual(Buffer.from(readBackupFile(at.file("one"))), Buffer.from(SEALED));
});
