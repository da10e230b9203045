// What opens a data directory, as an operator sets, changes and takes it away, in real processes.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { ERROR_CODES, type ErrorCode } from "@talos/core";
import { CommandWorld, type Ended } from "./testing/command-world.test.ts";

function assertRefused({ exitCode, stdout, stderr }: Ended, code: ErrorCode): void {
  assert.match(stderr, new RegExp(`^talos: [^\\n]+ \\[${code}\\][^\\n]*\\nhint: [^\\n]+\\n$`));
  assert.equal(exitCode, ERROR_CODES[code].exitCode);
  assert.equal(stdout, "");
}

test("init refuses a weak password with a reason, a well-known one also with the flag, and nothing is made", async () => {
  await using world = new CommandWorld();
  const weak = world.passwordFile("weak", "umbrella17");
  const known = world.passwordFile("known", "ChangeMe2026!");
  const dataDir = world.path("agent");
  const init = ["init", "agent", "--data-dir", dataDir, "--password-file"];
  const refused = await world.run([...init, weak]);
  assertRefused(refused, "WEAK_PASSWORD");
  assert.match(refused.stderr, /The password is too weak: [a-z ]+\./);
  assertRefused(await world.run([...init, known]), "WEAK_PASSWORD");
  assertRefused(await world.run([...init, known, "--allow-weak-password"]), "WEAK_PASSWORD");
  assert.ok(!existsSync(dataDir));
  for (const said of world.said) assert.doesNotMatch(said, /umbrella|ChangeMe/i);

  await world.json([...init, weak, "--allow-weak-password"]);
  await world.json(["receive", "--data-dir", dataDir, "--password-file", weak]);
});
