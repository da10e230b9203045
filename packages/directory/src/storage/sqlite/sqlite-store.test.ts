import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { isTalosError } from "@talos/core";
import { testDirectoryStore } from "@talos/testkit";
import { openSqliteStore } from "./sqlite-store.ts";

async function newFolder(): Promise<{ readonly path: string; [Symbol.asyncDispose](): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "talos-sqlite-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

testDirectoryStore("sqlite", async () => {
  const folder = await newFolder();
  return {
    open: async () => openSqliteStore(join(folder.path, "directory.db")),
    remove: () => folder[Symbol.asyncDispose](),
  };
});

const isStorageFailed = (error: unknown): boolean => isTalosError(error, "STORAGE_FAILED");

test("the database is its owner's alone to read", async () => {
  await using folder = await newFolder();
  const path = join(folder.path, "directory.db");
  const store = openSqliteStore(path);
  for (const file of [path, `${path}-wal`]) assert.equal((await stat(file)).mode & 0o777, 0o600, file);
  await store.close();
});

test("a file of another program, of a later release or of no database is refused and left as it is", async () => {
  await using folder = await newFolder();
  const path = join(folder.path, "directory.db");
  for (const make of [
    () => writeFile(path, "not a database, and longer than the header of one would be: ".repeat(40)),
    async () => new DatabaseSync(path).exec("CREATE TABLE theirs (a)"),
    async () => {
      await openSqliteStore(path).close();
      new DatabaseSync(path).exec("PRAGMA user_version = 999");
    },
  ]) {
    await rm(path, { force: true });
    await make();
    const before = await readFile(path);
    assert.throws(() => openSqliteStore(path), isStorageFailed);
    if (before.includes("not a database")) assert.deepEqual(await readFile(path), before);
  }
});

test("a folder that is not there is a named error", async () => {
  await using folder = await newFolder();
  assert.throws(() => openSqliteStore(join(folder.path, "none", "directory.db")), isStorageFailed);
});
