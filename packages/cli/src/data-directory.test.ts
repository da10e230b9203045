import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { isTalosError } from "@talos/core";
import { dataDirectoryOf, existingDataDirectory } from "./data-directory.ts";

const home = mkdtempSync(join(tmpdir(), "talos-home-"));
after(() => rmSync(home, { recursive: true }));
const env = { XDG_DATA_HOME: home };

test("a new agent lives under its name, or where it is told", () => {
  assert.equal(dataDirectoryOf("alice", {}, env), join(home, "talos", "alice"));
  assert.equal(dataDirectoryOf("alice", { dataDir: "/srv/a" }, env), "/srv/a");
  assert.equal(dataDirectoryOf("alice", {}, { ...env, TALOS_DATA_DIR: "/srv/b" }), "/srv/b");
});

test("without a word the only agent is meant; none and several are named", () => {
  assert.throws(
    () => existingDataDirectory({}, env),
    (error) => isTalosError(error, "VAULT_NOT_FOUND"),
  );
  mkdirSync(join(home, "talos", "alice"), { recursive: true });
  assert.equal(existingDataDirectory({}, env), join(home, "talos", "alice"));
  mkdirSync(join(home, "talos", "bob"));
  assert.throws(
    () => existingDataDirectory({}, env),
    (error) => isTalosError(error, "INVALID_ARGUMENT") && error.hint.includes("bob"),
  );
  assert.equal(existingDataDirectory({ dataDir: "/srv/c" }, env), "/srv/c");
});
