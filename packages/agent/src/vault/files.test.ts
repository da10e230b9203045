import assert from "node:assert/strict";
import fs, { existsSync, fstatSync, lstatSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { isTalosError, utf8 } from "@talos/core";
import {
  createEmptyFile,
  listFolder,
  makeFolder,
  readFile,
  readStart,
  renameFile,
  statPath,
  syncFolder,
  unlinkFile,
  writeNewFile,
} from "./files.ts";
import { otherwise, record, refuses } from "./disk-fixture.test.ts";
import { makeFile, temporaryFolder } from "./vault-fixture.test.ts";

const TEXT = utf8("what is written");

function failed(operation: string, system: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isTalosError(error, "STORAGE_FAILED"));
    assert.deepEqual(error.details, { operation, system });
    assert.ok(error.cause instanceof Error);
    return true;
  };
}

test("failure 31: a file is created with 0600 and a folder with 0700, whatever the umask", () => {
  using folder = temporaryFolder();
  const umask = process.umask(0);
  try {
    makeFolder(folder.dataDir);
    writeNewFile(join(folder.dataDir, "written"), TEXT);
    createEmptyFile(join(folder.dataDir, "empty"));
  } finally {
    process.umask(umask);
  }
  assert.equal(lstatSync(folder.dataDir).mode & 0o777, 0o700);
  for (const name of ["written", "empty"]) assert.equal(lstatSync(join(folder.dataDir, name)).mode & 0o777, 0o600);
});

test("failure 32: a file is written whole, synced, and only then closed", () => {
  using folder = temporaryFolder();
  const path = join(folder.parent, "file");
  assert.deepEqual(
    record(() => writeNewFile(path, TEXT)),
    [`open ${path} wx`, `write ${path}`, `sync ${path}`, `close ${path}`],
  );
  assert.deepEqual(new Uint8Array(readFileSync(path)), TEXT);
});

test("failure 32: a system that takes one byte at a time gets them all", () => {
  using folder = temporaryFolder();
  const path = join(folder.parent, "file");
  const { writeSync } = fs;
  otherwise({ writeSync: (file: number, bytes: Uint8Array, at: number) => writeSync(file, bytes, at, 1) }, () => writeNewFile(path, TEXT));
  assert.deepEqual(new Uint8Array(readFileSync(path)), TEXT);
});

test("failure 32: a file that could not be written or synced is gone again, and closed", () => {
  using folder = temporaryFolder();
  const path = join(folder.parent, "file");
  for (const call of ["writeSync", "fsyncSync"]) {
    let opened: number | undefined;
    const { openSync } = fs;
    const watched = (...args: Parameters<typeof openSync>): number => (opened = openSync(...args));
    assert.throws(
      () => otherwise({ openSync: watched, [call]: refuses("ENOSPC") }, () => writeNewFile(path, TEXT)),
      failed("write", "ENOSPC"),
    );
    assert.equal(existsSync(path), false);
    assert.throws(() => fstatSync(opened ?? assert.fail()), { code: "EBADF" });
  }
  assert.throws(
    () => otherwise({ writeSync: refuses("EIO"), unlinkSync: refuses("EROFS") }, () => writeNewFile(path, TEXT)),
    failed("write", "EIO"),
    "the first error is the one that counts",
  );
});

test("an existing file is never written over", () => {
  using folder = temporaryFolder();
  const path = join(folder.parent, "file");
  makeFile(path, "before");
  assert.throws(() => writeNewFile(path, TEXT), failed("write", "EEXIST"));
  assert.equal(createEmptyFile(path), false);
  assert.equal(readFileSync(path, "utf8"), "before");
});

test("an empty file is created once, and closed", () => {
  using folder = temporaryFolder();
  const path = join(folder.parent, "file");
  assert.deepEqual(
    record(() => assert.equal(createEmptyFile(path), true)),
    [`open ${path} wx`, `close ${path}`],
  );
  assert.equal(createEmptyFile(path), false);
  assert.throws(() => createEmptyFile(join(folder.parent, "absent/file")), failed("create", "ENOENT"));
});

test("failure 32: every new entry on the way to a folder is made durable", () => {
  using folder = temporaryFolder();
  const path = join(folder.parent, "a/b/c");
  const synced = record(() => makeFolder(path)).filter((call) => call.startsWith("sync "));
  assert.deepEqual(new Set(synced), new Set([dirname(path), join(folder.parent, "a"), folder.parent].map((made) => `sync ${made}`)));
  assert.ok(lstatSync(path).isDirectory());
  assert.deepEqual(
    record(() => makeFolder(path)),
    [],
    "what is there is left alone",
  );
  const exists = existsSync;
  const meanwhile = (asked: string): boolean => asked !== path && exists(asked);
  otherwise({ existsSync: meanwhile }, () => makeFolder(path)); // another process has made it
  makeFile(join(folder.parent, "file"));
  assert.throws(() => makeFolder(join(folder.parent, "file/below")), failed("create", "ENOTDIR"));
  // It answers ENOENT below a folder that is there.
  assert.throws(() => makeFolder("/proc/talos-absent"), failed("create", "ENOENT"));
});

test("syncing a folder: opened, synced, closed, also when it fails", () => {
  using folder = temporaryFolder();
  const { parent } = folder;
  assert.deepEqual(
    record(() => syncFolder(parent)),
    [`open ${parent} r`, `sync ${parent}`, `close ${parent}`],
  );
  assert.throws(() => syncFolder(folder.dataDir), failed("sync", "ENOENT"));
  let closed = 0;
  const { closeSync } = fs;
  const watched = (file: number): void => {
    closed++;
    closeSync(file);
  };
  assert.throws(() => otherwise({ fsyncSync: refuses("EIO"), closeSync: watched }, () => syncFolder(parent)), failed("sync", "EIO"));
  assert.equal(closed, 1);
});

test("renaming and removing: gone already is as good, anything else has a name", () => {
  using folder = temporaryFolder();
  const [from, to] = [join(folder.parent, "from"), join(folder.parent, "to")];
  makeFile(from, "content");
  renameFile(from, to);
  assert.equal(readFileSync(to, "utf8"), "content");
  assert.throws(() => renameFile(from, to), failed("rename", "ENOENT"));
  unlinkFile(to);
  unlinkFile(to);
  assert.equal(existsSync(to), false);
  assert.throws(() => otherwise({ unlinkSync: refuses("EROFS") }, () => unlinkFile(to)), failed("remove", "EROFS"));
});

test("reading: absent is not an error, unreadable is", () => {
  using folder = temporaryFolder();
  const path = join(folder.parent, "file");
  assert.equal(readFile(path), undefined);
  assert.throws(() => readFile(folder.parent), failed("read", "EISDIR"));
  makeFile(path, "content");
  assert.deepEqual(readFile(path), utf8("content"));

  assert.deepEqual(readStart(path, 3), utf8("con"));
  assert.deepEqual(readStart(path, 100), utf8("content"));
  assert.deepEqual(
    record(() => readStart(path, 3)),
    [`open ${path} r`, `close ${path}`],
  );
  assert.throws(() => readStart(join(folder.parent, "absent"), 3), failed("read", "ENOENT"));
});

test("a folder is listed in order, an absent one is empty", () => {
  using folder = temporaryFolder();
  assert.deepEqual(listFolder(folder.dataDir), []);
  mkdirSync(folder.dataDir);
  assert.deepEqual(
    otherwise({ readdirSync: () => ["b", "a", "c"] }, () => listFolder(folder.dataDir)),
    ["a", "b", "c"],
  );
  makeFile(join(folder.parent, "file"));
  assert.throws(() => listFolder(join(folder.parent, "file")), failed("read", "ENOTDIR"));
});

test("a link is looked at, not through", () => {
  using folder = temporaryFolder();
  const link = join(folder.parent, "link");
  symlinkSync(join(folder.parent, "nowhere"), link);
  assert.equal(statPath(link)?.isSymbolicLink(), true);
  assert.equal(statPath(join(folder.parent, "nowhere")), undefined);
  assert.throws(() => otherwise({ lstatSync: refuses("EACCES") }, () => statPath(link)), failed("read", "EACCES"));
});

test("an error that is none of the system's is passed on as it is", () => {
  for (const own of [new RangeError("a mistake in the program"), Object.assign(new Error("numbered"), { code: 5 })]) {
    const throwing = (): never => {
      throw own;
    };
    assert.throws(
      () => otherwise({ renameSync: throwing }, () => renameFile("a", "b")),
      (error) => error === own,
    );
  }
});
