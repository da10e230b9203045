import assert from "node:assert/strict";
import { test } from "node:test";
import { isTalosError } from "@talos/core";
import { checkCreateOptions, checkName, checkOpenOptions, checkSendOptions, dataDirOf } from "./options.ts";

function code(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return isTalosError(error) ? error.code : "another error";
  }
  return "no error";
}

test("an unknown option is an error that names it", () => {
  assert.throws(
    () => checkCreateOptions({ pasword: "x" }),
    (error) => isTalosError(error, "UNKNOWN_OPTION") && error.details["option"] === "pasword",
  );
  assert.equal(
    code(() => checkOpenOptions({ ifMissing: "create" })),
    "UNKNOWN_OPTION",
  );
  assert.equal(
    code(() => checkSendOptions({ waitfor: "deposited" })),
    "UNKNOWN_OPTION",
  );
  assert.equal(
    code(() => checkSendOptions(JSON.parse('{"__proto__":1}'))),
    "UNKNOWN_OPTION",
  );
});

test("a value of the wrong type or range is INVALID_ARGUMENT", () => {
  const wrong: readonly object[] = [
    { dataDir: 5 },
    { dataDir: "" },
    { password: 7 },
    { directory: "ftp://host" },
    { directory: "http://host/path" },
    { directory: "http://user@host" },
    { ifMissing: "maybe" },
    { keyBackend: "paper" },
    { maxHeadAgeDays: 0 },
    { maxHeadAgeDays: 1.5 },
    { signMessages: "both" },
    { enclaveCid: "3" },
  ];
  for (const options of wrong)
    assert.equal(
      code(() => checkCreateOptions(options)),
      "INVALID_ARGUMENT",
      JSON.stringify(options),
    );
  assert.equal(
    code(() => checkCreateOptions(undefined)),
    "INVALID_ARGUMENT",
  );
  assert.equal(
    code(() => checkSendOptions({ contentType: "x".repeat(128) })),
    "INVALID_ARGUMENT",
  );
  assert.equal(
    code(() => checkSendOptions({ signal: {} })),
    "INVALID_ARGUMENT",
  );
});

test("options that are right pass, and undefined means absent", () => {
  assert.equal(
    code(() => checkCreateOptions({ directory: "http://127.0.0.1:8420", password: "x", ifMissing: "fail", keyBackend: undefined })),
    "no error",
  );
  assert.equal(
    code(() => checkSendOptions({ sign: "none", waitFor: "delivered", contentType: "" })),
    "no error",
  );
});

test("a recovery kit needs its path and its password, and knows nothing else", () => {
  const kit = (recoveryKit: unknown): string => code(() => checkCreateOptions({ recoveryKit }));
  assert.equal(kit({ path: "/x", password: "y" }), "no error");
  assert.equal(kit({ path: "/x", password: "y", shares: 5 }), "UNKNOWN_OPTION");
  for (const bad of [{ path: "/x" }, { password: "y" }, {}, { path: "", password: "y" }, { path: 5, password: "y" }, "/x", null]) {
    assert.equal(kit(bad), "INVALID_ARGUMENT");
  }
});

test("a name cannot leave its folder", () => {
  for (const name of ["", "..", ".hidden", "a/b", "a b", "x".repeat(65), 5])
    assert.equal(
      code(() => checkName(name)),
      "INVALID_ARGUMENT",
    );
  assert.equal(checkName("agent-1.prod_eu"), "agent-1.prod_eu");
  assert.equal(dataDirOf({ name: "agent", dataDir: "/secure/path" }), "/secure/path");
  assert.match(dataDirOf({ name: "agent" }), /\/talos\/agent$/);
  assert.equal(
    code(() => dataDirOf({ name: "../agent" })),
    "INVALID_ARGUMENT",
  );
  assert.equal(
    code(() => dataDirOf({})),
    "INVALID_ARGUMENT",
  );
});
