// `talos demo` as a newcomer runs it: what it ends with, what it leaves, and how a data directory looks.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { listModes } from "@talos/testkit";
import { CommandWorld } from "./testing/command-world.test.ts";

interface DemoEnd {
  readonly sentSha256: string;
  readonly receivedSha256: string;
  readonly folder: string | null;
  readonly bob: { readonly oneTimePrekeys: { readonly live: number } };
}

/** A folder for temporary files that only this run uses. */
function temporary(world: CommandWorld): { readonly path: string; readonly env: NodeJS.ProcessEnv } {
  const path = world.path("tmp");
  mkdirSync(path);
  return { path, env: { TMPDIR: path } };
}

test("the demo delivers its file, uses one prekey, and leaves nothing", async () => {
  await using world = new CommandWorld();
  const { path, env } = temporary(world);
  const end = await world.json<DemoEnd>(["demo"], env);
  assert.match(end.sentSha256, /^[0-9a-f]{64}$/);
  assert.equal(end.receivedSha256, end.sentSha256);
  assert.equal(end.bob.oneTimePrekeys.live, 99);
  assert.equal(end.folder, null);
  assert.deepEqual(readdirSync(path), []);
});

test("a file of 5,000,000 bytes arrives identical, and the file itself stays", async () => {
  await using world = new CommandWorld();
  const { path, env } = temporary(world);
  const bytes = randomBytes(5_000_000);
  const file = world.path("five megabytes.bin");
  writeFileSync(file, bytes);
  const end = await world.json<DemoEnd>(["demo", "--file", file], env);
  assert.equal(end.sentSha256, createHash("sha256").update(bytes).digest("hex"));
  assert.equal(end.receivedSha256, end.sentSha256);
  assert.deepEqual(readdirSync(path), []);
});

test("a file that is not there is named, and nothing is left", async () => {
  await using world = new CommandWorld();
  const { path, env } = temporary(world);
  const { exitCode, stderr } = await world.run(["demo", "--file", world.path("absent")], env);
  assert.equal(exitCode, 4);
  assert.match(stderr, /\[FILE_NOT_FOUND\][^\n]*\nhint: /);
  assert.deepEqual(readdirSync(path), []);
});

test("--keep leaves the folder: 0700 and 0600, the names of the layout and no other", async () => {
  await using world = new CommandWorld();
  const { path, env } = temporary(world);
  const { folder } = await world.json<DemoEnd>(["demo", "--keep"], env);
  assert.ok(folder !== null && folder.startsWith(path));
  for (const [agent, oneTimePrekeys] of [
    ["alice", 100],
    ["bob", 99],
  ] as const) {
    const modes = listModes(join(folder, agent));
    const isOneTime = (line: string): boolean => /^0600 prekeys\/otpk_[0-9a-f]{16}\.enc$/.test(line);
    assert.equal(modes.filter(isOneTime).length, oneTimePrekeys, agent);
    assert.deepEqual(
      modes.filter((line) => !isOneTime(line)),
      [
        "0700 ./",
        "0600 encryption.key.enc",
        "0600 identity.key.enc",
        "0600 identity.next.key.enc",
        "0600 lock",
        "0600 metadata.json",
        "0700 prekeys/",
        "0600 prekeys/signed_prekey.enc",
        "0600 state.db",
      ],
      agent,
    );
  }
});
