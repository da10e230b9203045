import assert from "node:assert/strict";
import { test } from "node:test";
import { isTalosError, talosError } from "@talos/core";
import { fromSqlite, isBusy, isUnusableShm } from "./sqlite-error.ts";

function sqliteError(errcode: unknown): Error {
  return Object.assign(new Error("from SQLite"), { code: "ERR_SQLITE_ERROR", errcode });
}

test("busy and locked are busy, in their extended forms too, and nothing else is", () => {
  for (const errcode of [5, 6, 5 + 256, 6 + 2 * 256]) assert.equal(isBusy(sqliteError(errcode)), true);
  for (const other of [sqliteError(11), sqliteError("5"), new Error("no code"), { errcode: 5 }, undefined])
    assert.equal(isBusy(other), false);
});

test("a half-made -shm shows as one of three errors", () => {
  for (const errcode of [15, 8, 8 + 256, 14]) assert.equal(isUnusableShm(sqliteError(errcode)), true);
  for (const other of [sqliteError(5), sqliteError(10), new Error("no code")]) assert.equal(isUnusableShm(other), false);
});

test("each failure of SQLite has the name that tells what to do", () => {
  for (const [errcode, code] of [
    [11, "VAULT_CORRUPT"],
    [11 + 3 * 256, "VAULT_CORRUPT"],
    [26, "VAULT_CORRUPT"],
    [19, "INTERNAL"],
    [13, "COMMIT_FAILED"],
    [8, "COMMIT_FAILED"],
    [10 + 2 * 256, "COMMIT_FAILED"],
  ] as const) {
    const cause = sqliteError(errcode);
    const error = fromSqlite(cause, "COMMIT_FAILED");
    assert.ok(isTalosError(error, code), `${errcode}`);
    assert.deepEqual(error.details, { sqlite: errcode & 0xff });
    assert.equal(error.cause, cause);
  }
  assert.ok(isTalosError(fromSqlite(sqliteError(13), "STORAGE_FAILED"), "STORAGE_FAILED"));
});

test("what is none of SQLite's is returned as it is", () => {
  for (const error of [
    new RangeError("other"),
    talosError("WRONG_PASSWORD"),
    Object.assign(talosError("WRONG_PASSWORD"), { errcode: 11 }),
    7,
  ]) {
    assert.equal(fromSqlite(error, "COMMIT_FAILED"), error);
  }
});
