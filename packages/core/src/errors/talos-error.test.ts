import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";

import { ERROR_CODES } from "./codes.ts";
import { isTalosError, TalosError, talosError } from "./talos-error.ts";

test("message, hint and exit code come from the table", () => {
  const error = talosError("VAULT_LOCKED");
  assert.equal(error.message, ERROR_CODES.VAULT_LOCKED.message);
  assert.equal(error.hint, ERROR_CODES.VAULT_LOCKED.hint);
  assert.equal(error.exitCode, 6);
  assert.deepEqual(error.details, {});
  assert.equal(error.cause, undefined);
});

test("a place can be more exact than the table", () => {
  const error = talosError("PERMISSIONS_TOO_OPEN", "The file is readable by others.", {
    hint: "Run: chmod 600 FILE.",
    details: { mode: "0644" },
  });
  assert.equal(error.message, "The file is readable by others.");
  assert.equal(error.hint, "Run: chmod 600 FILE.");
  assert.deepEqual(error.details, { mode: "0644" });
});

test("isTalosError tells codes apart and other errors away", () => {
  const error: unknown = talosError("MALFORMED");
  assert.ok(error instanceof TalosError && error instanceof Error);
  assert.ok(isTalosError(error));
  assert.ok(isTalosError(error, "MALFORMED"));
  assert.ok(!isTalosError(error, "INTERNAL"));
  assert.ok(!isTalosError(new Error("x")));
  assert.ok(!isTalosError(undefined));
});

test("an error becomes JSON with code, message, hint, exit code and details, without cause or stack", () => {
  const error = talosError("MALFORMED", undefined, { details: { reason: "utf8" }, cause: new SyntaxError("hunter2") });
  assert.deepEqual(JSON.parse(JSON.stringify(error)), {
    code: "MALFORMED",
    message: ERROR_CODES.MALFORMED.message,
    hint: ERROR_CODES.MALFORMED.hint,
    exitCode: 1,
    details: { reason: "utf8" },
  });
});

test("no printing path shows what a foreign cause says, since parsers quote their input", () => {
  const cause = new SyntaxError('Unexpected token in "hunter2"');
  const error = talosError("MALFORMED", undefined, { cause });
  for (const printed of [inspect(error, { depth: 10, showHidden: false }), String(error), `${error}`, JSON.stringify(error)]) {
    assert.doesNotMatch(printed, /hunter2/);
  }
  assert.match(inspect(error), /cause: SyntaxError/);
  assert.equal(error.cause, cause);
});

test("an error inside another object prints its code, hint and details", () => {
  const printed = inspect({ failed: talosError("RATE_LIMITED", undefined, { details: { retryAfterSeconds: 3 } }) });
  assert.match(printed, /TalosError \[RATE_LIMITED\]/);
  assert.match(printed, /hint: Wait and try again\./);
  assert.match(printed, /retryAfterSeconds/);
});

test("a cause of ours is named with its code, one from the system with its name and code", () => {
  assert.match(inspect(talosError("INTERNAL", undefined, { cause: talosError("MALFORMED") })), /cause: TalosError \[MALFORMED\]/);
  const missing = Object.assign(new Error("/secret/path"), { code: "ENOENT" });
  assert.match(inspect(talosError("FILE_NOT_FOUND", undefined, { cause: missing })), /cause: Error ENOENT\n/);
});
