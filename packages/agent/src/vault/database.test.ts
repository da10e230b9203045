import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { test } from "node:test";
import { openForWriting } from "./database.ts";
import { temporaryFolder } from "./vault-fixture.test.ts";

test("failure 32: the database syncs its log at every commit, overwrites what it deletes, and keeps temporary tables off the disk", () => {
  using folder = temporaryFolder();
  mkdirSync(folder.dataDir, { mode: 0o700 });
  using database = openForWriting(folder.dataDir);
  const setting = (name: string): unknown => Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  // synchronous 2 is FULL; with NORMAL a commit is lost with the power. temp_store 2 is MEMORY.
  for (const [name, value] of [
    ["journal_mode", "wal"],
    ["synchronous", 2],
    ["secure_delete", 1],
    ["foreign_keys", 1],
    ["temp_store", 2],
    ["trusted_schema", 0],
  ] as const) {
    assert.equal(setting(name), value, name);
  }
});
