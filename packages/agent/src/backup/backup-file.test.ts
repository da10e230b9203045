import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type ErrorCode, isTalosError, nodeCrypto, talosError } from "@talos/core";
import { hasCode } from "@talos/testkit";
import { agent } from "../vault/vault-fixture.test.ts";
import { type MediumCalls, readBackupFile, writeCopies, type WrittenCopies } from "./backup-file.ts";
import { MAX_BACKUP_BYTES } from "./backup-record.ts";

const SEALED = nodeCrypto.randomBytes(70_000);

function folder(): Disposable & { readonly path: string; file(name: string): string; names(): string[] } {
  const path = mkdtempSync(join(tmpdir(), "talos-copies-"));
  return {
    path,
    file: (name) => join(path, name),
    names: () => readdirSync(path),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

function write(paths: readonly string[], medium?: Partial<MediumCalls>, force: boolean = false): WrittenCopies {
  const calls = { link: refuse("link", "EPERM"), syncFolder: (): void => undefined, ...medium };
  return writeCopies(SEALED, { paths, force }, agent(), nodeCrypto, medium === undefined ? undefined : calls);
}

function refuse(operation: string, system: string): () => never {
  return () => {
    if (operation === "link") throw Object.assign(new Error(`${system}: ${operation}`), { code: system });
    throw talosError("STORAGE_FAILED", undefined, { details: { operation, system } });
  };
}

function codeOf({ failure }: WrittenCopies): ErrorCode | undefined {
  return failure?.code;
}

test("where a medium has no links a copy gets its name all the same, and never over a file", () => {
  for (const system of ["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]) {
    using at = folder();
    const link = refuse("link", system);
    assert.deepEqual(write([at.file("one")], { link }).written, [at.file("one")]);
    assert.deepEqual([readFileSync(at.file("one")), statSync(at.file("one")).mode & 0o777], [Buffer.from(SEALED), 0o600]);
    writeFileSync(at.file("two"), "mine");
    assert.equal(codeOf(write([at.file("two")], { link })), "BACKUP_EXISTS");
    assert.equal(readFileSync(at.file("two"), "utf8"), "mine");
    assert.deepEqual(at.names(), ["one", "two"]);
  }
});

test("a link that is refused for another reason is a failure, and nothing is left", () => {
  using at = folder();
  const result = write([at.file("one")], { link: refuse("link", "EIO") });
  assert.deepEqual([codeOf(result), result.failure?.details["system"], at.names()], ["STORAGE_FAILED", "EIO", []]);
});

test("a folder that cannot be synced for its kind is no failure; one that fails is", () => {
  using at = folder();
  for (const [index, system] of ["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].entries()) {
    const path = at.file(`one-${index}`);
    assert.deepEqual(write([path], { syncFolder: refuse("sync", system) }).written, [path]);
  }
  assert.equal(codeOf(write([at.file("two")], { syncFolder: refuse("sync", "EIO") })), "STORAGE_FAILED");
});

test("a copy that does not come back as it was written is a failure, before anything is replaced", () => {
  using at = folder();
  writeFileSync(at.file("one"), "the one before");
  const { failure, written } = write([at.file("one"), at.file("absent/two")], undefined, true);
  assert.deepEqual([failure?.code, failure?.details["path"], written], ["STORAGE_FAILED", at.file("absent/two"), []]);
  assert.equal(readFileSync(at.file("one"), "utf8"), "the one before");
  const damaging = (): void => writeFileSync(at.file("three"), "something else");
  const damaged = write([at.file("three")], { syncFolder: damaging });
  assert.ok(isTalosError(damaged.failure, "STORAGE_FAILED") && damaged.failure.details["operation"] === "read back");
});

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
