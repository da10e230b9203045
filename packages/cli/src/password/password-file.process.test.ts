import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { revealSecret } from "@talos/core";
import { hasCode } from "@talos/testkit";
import { passwordFromFile } from "./password-file.ts";

const folder = mkdtempSync(join(tmpdir(), "talos-password-"));
after(() => rmSync(folder, { recursive: true }));

function fileWith(bytes: string | Uint8Array): string {
  const path = join(folder, "password");
  writeFileSync(path, bytes, { mode: 0o600 });
  return path;
}

function read(path: string): string {
  using password = passwordFromFile(path);
  return Buffer.from(revealSecret(password)).toString("utf8");
}

test("of a password file one line end is dropped, in either form, so that the same password typed is the same", () => {
  for (const end of ["", "\n", "\r\n"]) assert.equal(read(fileWith(`horse battery${end}`)), "horse battery", JSON.stringify(end));
});

test("what an editor has added and nobody can type is refused by name, and never becomes part of a password", () => {
  const refused = hasCode("INVALID_ARGUMENT");
  for (const text of [
    "\u{feff}horse battery\n",
    "horse battery\n\n",
    "horse battery\r\r\n",
    "horse\tbattery",
    "horse\0battery",
    "horse\nbattery",
  ])
    assert.throws(() => passwordFromFile(fileWith(text)), refused, JSON.stringify(text));
});

test("an empty password file is named with its path", () => {
  for (const text of ["", "\n", "\r\n"]) {
    const path = fileWith(text);
    assert.throws(() => passwordFromFile(path), { code: "PASSWORD_REQUIRED", message: `The password file ${path} is empty.` });
  }
});

test("what is no file to read is named; one without end is left in time", () => {
  assert.throws(() => passwordFromFile(join(folder, "absent")), hasCode("FILE_NOT_FOUND"));
  assert.throws(() => passwordFromFile(folder), hasCode("FILE_NOT_FOUND"));
  assert.throws(() => passwordFromFile(fileWith(Uint8Array.of(0xff, 0xfe))), hasCode("MALFORMED"));
  assert.throws(() => passwordFromFile("/dev/zero"), hasCode("INVALID_ARGUMENT"));
  assert.throws(() => passwordFromFile(fileWith("x".repeat(70_000))), hasCode("INVALID_ARGUMENT"));
});

test("a pipe gives its password also where that comes late", async () => {
  const pipe = join(folder, "pipe");
  execFileSync("sh", ["-c", 'mkfifo -m 600 "$1"', "sh", pipe]);
  const writer = spawn("sh", [
    "-c",
    'sleep 0.3; exec 3>"$1"; sleep 0.2; printf "from a " >&3; sleep 0.2; printf "pipe\\n" >&3',
    "sh",
    pipe,
  ]);
  assert.equal(read(pipe), "from a pipe");
  await new Promise((resolve) => writer.once("close", resolve));
});
