import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { isTalosError, revealSecret, SecretBytes } from "@talos/core";
import { givenPassword } from "./sources.ts";

const folder = mkdtempSync(join(tmpdir(), "talos-password-"));
after(() => rmSync(folder, { recursive: true }));

function fileWith(name: string, bytes: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes, { mode: 0o600 });
  return path;
}

function bytesOf(password: SecretBytes | undefined): string {
  assert.ok(password !== undefined);
  return Buffer.from(revealSecret(password)).toString("hex");
}

const hex = (text: string): string => Buffer.from(text, "utf8").toString("hex");

test("the file comes before the environment, the environment before the credential", () => {
  const passwordFile = fileWith("file", "from the file");
  const credentials = mkdtempSync(join(folder, "credentials-"));
  writeFileSync(join(credentials, "talos-key-password"), "from systemd\n");
  const env = { TALOS_KEY_PASSWORD: "from the environment", CREDENTIALS_DIRECTORY: credentials };
  assert.equal(bytesOf(givenPassword({ passwordFile }, env)), hex("from the file"));
  assert.equal(bytesOf(givenPassword({}, env)), hex("from the environment"));
  assert.equal(bytesOf(givenPassword({}, { CREDENTIALS_DIRECTORY: credentials })), hex("from systemd"));
  assert.equal(givenPassword({}, {}), undefined);
  assert.equal(givenPassword({}, { CREDENTIALS_DIRECTORY: folder }), undefined);
});

test("one password typed in two Unicode forms is one password", () => {
  const composed = givenPassword({ passwordFile: fileWith("nfc", "caf\u00e9") }, {});
  const decomposed = givenPassword({ passwordFile: fileWith("nfd", "cafe\u0301") }, {});
  assert.equal(bytesOf(composed), bytesOf(decomposed));
});

test("an empty, missing or undecodable password is named, and never taken for none", () => {
  assert.throws(
    () => givenPassword({ passwordFile: fileWith("empty", "") }, {}),
    (error) => isTalosError(error, "PASSWORD_REQUIRED"),
  );
  assert.throws(
    () => givenPassword({}, { TALOS_KEY_PASSWORD: "" }),
    (error) => isTalosError(error, "PASSWORD_REQUIRED"),
  );
  assert.throws(
    () => givenPassword({ passwordFile: join(folder, "absent") }, {}),
    (error) => isTalosError(error, "FILE_NOT_FOUND"),
  );
  assert.throws(
    () => givenPassword({ passwordFile: fileWith("bad", Uint8Array.of(0xff, 0xfe)) }, {}),
    (error) => isTalosError(error, "MALFORMED"),
  );
});
