import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type ErrorCode, isTalosError, revealSecret, SecretBytes, type TalosError } from "@talos/core";
import { readCredential, readKeyFile } from "./key-material.ts";
import { isUnlockGiven, readPassword, readUnlock } from "./unlock-means.ts";

const folder = mkdtempSync(join(tmpdir(), "talos-unlock-"));
after(() => rmSync(folder, { recursive: true }));

const MATERIAL = Uint8Array.from({ length: 32 }, (_, index) => (index * 37) % 256);

function file(name: string, bytes: Uint8Array = MATERIAL, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, bytes, { mode });
  return path;
}

function failure(run: () => unknown): TalosError | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return isTalosError(error) ? error : assert.fail(String(error));
  }
}

const hex = (secret: SecretBytes): string => Buffer.from(revealSecret(secret)).toString("hex");

test("a password comes as text, as bytes or from a function, and none is PASSWORD_REQUIRED", async () => {
  const secret = SecretBytes.fromUtf8("open sesame");
  for (const source of ["open sesame", secret, () => "open sesame", async () => secret]) {
    using read = await readPassword(source);
    assert.equal(Buffer.from(revealSecret(read)).toString(), "open sesame");
  }
  assert.equal(secret.isDisposed, false, "the caller's secret stays the caller's");
  for (const source of [undefined, "", () => ""]) {
    await assert.rejects(readPassword(source), (error) => isTalosError(error, "PASSWORD_REQUIRED"));
  }
});

test("a password is the same in every Unicode form, as text, as bytes or from a function", async () => {
  const decomposed = "Zu\u0308richsee otter quartz lamp";
  const composed = Buffer.from(decomposed.normalize("NFC")).toString("hex");
  const bytes = SecretBytes.copyOf(new TextEncoder().encode(decomposed));
  for (const source of [decomposed, bytes, () => decomposed, async () => bytes]) {
    using read = await readPassword(source);
    assert.equal(hex(read), composed);
  }
  assert.equal(bytes.isDisposed, false);
});

test("bytes that are no text are no password, and are named without a word of them", async () => {
  const bytes = SecretBytes.copyOf(Uint8Array.of(0xff, 0xfe, 0x61, 0x62));
  await assert.rejects(
    readPassword(bytes),
    (error) => isTalosError(error, "MALFORMED") && error.details["option"] === "password" && error.cause === undefined,
  );
  assert.equal(bytes.isDisposed, false);
});

test("one of password, key file and credential opens; none is PASSWORD_REQUIRED, two are refused", async () => {
  const keyFile = file("one");
  using fromFile = await readUnlock({ keyFile });
  assert.deepEqual([fromFile.kind, hex(fromFile.secret)], ["key-file", Buffer.from(MATERIAL).toString("hex")]);
  using password = await readUnlock({ password: "open sesame" });
  assert.equal(password.kind, "password");
  await assert.rejects(readUnlock({}), (error) => isTalosError(error, "PASSWORD_REQUIRED"));
  const two = [
    { password: "x", keyFile },
    { keyFile, credential: "c" },
    { password: "", credential: "c" },
  ];
  for (const options of two) await assert.rejects(readUnlock(options), (error) => isTalosError(error, "INVALID_ARGUMENT"));
  assert.deepEqual(
    [{}, { keyFile: undefined }, { credential: "c" }, { password: "" }].map((given) => isUnlockGiven(given as object)),
    [false, false, true, true],
  );
});

test("a key file is read as it is: any bytes, 32 to 1024 of them, also through a link", () => {
  for (const length of [32, 33, 1024]) {
    const bytes = new Uint8Array(length).map((_, index) => (index * 151 + 10) % 256);
    assert.equal(hex(readKeyFile(file(`length-${length}`, bytes))), Buffer.from(bytes).toString("hex"));
  }
  const link = join(folder, "link");
  symlinkSync(file("target", MATERIAL, 0o400), link);
  assert.equal(readKeyFile(link).length, 32);
});

test("a key file of another length, or what is no file, is named with what would be right", () => {
  mkdirSync(join(folder, "a-folder"));
  const wrong = [
    file("empty", new Uint8Array()),
    file("short", new Uint8Array(31)),
    file("long", new Uint8Array(1025)),
    join(folder, "a-folder"),
  ];
  for (const path of [...wrong, "/dev/zero"]) {
    const error = failure(() => readKeyFile(path));
    assert.equal(error?.code, "INVALID_ARGUMENT", path);
    assert.match(error?.message ?? "", /32 to 1024 bytes/);
  }
});

test("a key file that others can use is refused with the command that mends it", () => {
  for (const mode of [0o640, 0o604, 0o660, 0o644, 0o601, 0o602]) {
    const path = file("o'pen key", MATERIAL);
    chmodSync(path, mode);
    const error = failure(() => readKeyFile(path));
    assert.equal(error?.code, "PERMISSIONS_TOO_OPEN");
    assert.equal(error?.hint, `Run: chmod 600 '${folder}/o'\\''pen key'`);
  }
});

test("a key file that is not there is named with the command that makes one", () => {
  const error = failure(() => readKeyFile(join(folder, "absent")));
  assert.equal(error?.code, "FILE_NOT_FOUND");
  assert.match(error?.hint ?? "", /umask 077; head -c 32 \/dev\/urandom > /);
});

test("a credential is a file of the service manager's folder, found by its name alone", () => {
  file("talos-unlock", MATERIAL, 0o440);
  const env = { CREDENTIALS_DIRECTORY: folder };
  assert.equal(readCredential("talos-unlock", env).length, 32);
  file("short-credential", new Uint8Array(8));
  const cases: readonly [string, NodeJS.ProcessEnv, ErrorCode, RegExp][] = [
    ["talos-unlock", {}, "CREDENTIAL_NOT_FOUND", /CREDENTIALS_DIRECTORY is not set/],
    ["talos-unlock", { CREDENTIALS_DIRECTORY: "" }, "CREDENTIAL_NOT_FOUND", /CREDENTIALS_DIRECTORY is not set/],
    ["absent", env, "CREDENTIAL_NOT_FOUND", /does not exist/],
    ["short-credential", env, "INVALID_ARGUMENT", /32 to 1024 bytes/],
    ["../secret", env, "INVALID_ARGUMENT", /without slashes/],
    ["/etc/hostname", env, "INVALID_ARGUMENT", /without slashes/],
    ["..", env, "INVALID_ARGUMENT", /without slashes/],
    ["a\nb", env, "INVALID_ARGUMENT", /without slashes/],
    ["", env, "INVALID_ARGUMENT", /without slashes/],
  ];
  for (const [name, environment, code, words] of cases) {
    const error = failure(() => readCredential(name, environment));
    assert.equal(error?.code, code, JSON.stringify(name));
    assert.match(error?.message ?? "", words);
  }
});
