import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { isTalosError, revealSecret } from "@talos/core";
import { givenUnlocking, type UnlockChoices } from "./unlocking.ts";

const folder = mkdtempSync(join(tmpdir(), "talos-unlocking-"));
after(() => rmSync(folder, { recursive: true }));

/** What the client would be given; of a password its text. */
function given(choices: UnlockChoices, env: NodeJS.ProcessEnv): Record<string, string> | undefined {
  using unlocking = givenUnlocking(choices, env);
  if (unlocking === undefined) return undefined;
  const { options } = unlocking;
  return "password" in options ? { password: Buffer.from(revealSecret(options.password)).toString() } : options;
}

test("an option comes before every source of a password, a password before the credential that is there for it", () => {
  const passwordFile = join(folder, "password");
  writeFileSync(passwordFile, "from the file\n", { mode: 0o600 });
  const credentials = mkdtempSync(join(folder, "credentials-"));
  const env = { TALOS_KEY_PASSWORD: "from the environment", CREDENTIALS_DIRECTORY: credentials };
  assert.deepEqual(given({ keyFile: "some/key" }, env), { keyFile: "some/key" });
  assert.deepEqual(given({ credential: "mine" }, env), { credential: "mine" });
  assert.deepEqual(given({ passwordFile }, env), { password: "from the file" });
  assert.deepEqual(given({}, env), { password: "from the environment" });
  assert.equal(given({}, { CREDENTIALS_DIRECTORY: credentials }), undefined);
  writeFileSync(join(credentials, "talos-unlock-key"), new Uint8Array(32));
  assert.deepEqual(given({}, { CREDENTIALS_DIRECTORY: credentials }), { credential: "talos-unlock-key" });
  assert.deepEqual(given({}, env), { password: "from the environment" });
  writeFileSync(join(credentials, "talos-key-password"), "from systemd\n");
  assert.deepEqual(given({}, { CREDENTIALS_DIRECTORY: credentials }), { password: "from systemd" });
});

test("two of the options at once are refused, whatever they hold", () => {
  for (const choices of [
    { passwordFile: "a", keyFile: "b" },
    { keyFile: "b", credential: "c" },
    { passwordFile: "", credential: "c" },
  ]) {
    assert.throws(
      () => givenUnlocking(choices, {}),
      (error) => isTalosError(error, "INVALID_ARGUMENT"),
    );
  }
});

test("what wipes the password is the unlocking's end", () => {
  const unlocking = givenUnlocking({}, { TALOS_KEY_PASSWORD: "from the environment" });
  assert.ok(unlocking !== undefined && "password" in unlocking.options);
  unlocking[Symbol.dispose]();
  assert.ok(unlocking.options.password.isDisposed);
});
