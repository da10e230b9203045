// `talos recover` where there is a choice, in real processes: nobody but a person decides after which event to cut.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { CommandWorld } from "./testing/command-world.test.ts";

interface Outlook {
  readonly cutAfter?: number;
  readonly events: readonly { readonly seq: number; readonly hash: string }[];
}

test("where several events stand a recovery without a terminal takes --cut-after, and exactly the event that was shown", async () => {
  await using world = new CommandWorld();
  await world.startDirectory();
  const own = ["--password-file", world.passwordFile("own", "river otter lamp quartz")];
  const kits = ["--recovery-kit-password-file", world.passwordFile("kits", "marble falcon ribbon dusk")];
  const kit = world.path("alice.kit");
  const alice = ["--data-dir", world.path("alice")];
  await world.json(["init", "alice", ...alice, ...own, "--directory", world.url, "--recovery-kit", kit, ...kits]);
  await world.json(["rotate", "identity", ...alice, ...own]);

  const life = world.path("life-2");
  const recover = ["recover", "--identity-only", kit, "--directory", world.url, "--data-dir", life, ...kits, ...own];
  const outlook = await world.json<Outlook>([...recover, "--list"]);
  assert.equal(outlook.cutAfter, undefined);
  const [, { hash } = { hash: "" }] = outlook.events;
  const list = await world.run([...recover, "--list"]);
  assert.ok(list.stdout.includes(`1:${hash.slice(0, 16)}`), list.stdout);

  for (const json of [[], ["--json"]]) {
    const ended = await world.run([...recover, ...json]);
    assert.equal(ended.exitCode, 2, ended.stderr);
    assert.match(ended.stderr, /INVALID_ARGUMENT/);
    assert.ok(ended.stderr.includes(`1:${hash.slice(0, 16)}`), "with the list");
  }
  assert.match((await world.run([...recover, "--cut-after", "1:00000000"])).stderr, /IDENTITY_MOVED/);
  assert.equal((await world.run([...recover, "--cut-after", "one"])).exitCode, 2);
  assert.equal(existsSync(life), false);
  const done = await world.json<{ cutAfter: number; publication: string }>([...recover, "--cut-after", `1:${hash.slice(0, 16)}`]);
  assert.deepEqual([done.cutAfter, done.publication], [1, "published"]);
});
