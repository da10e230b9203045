// Who acts for an agent, seen from the command: looking supersedes nobody, nothing but `init` makes an agent, and a copy of a data
// directory that is opened ends the original.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { type Agent, CommandWorld, eventually } from "./testing/command-world.test.ts";

interface Status {
  readonly generation: number;
  readonly superseded: boolean;
}

function as({ dataDir }: Pick<Agent, "dataDir">, password: string): string[] {
  return ["--data-dir", dataDir, "--password-file", password];
}

test("failure 59: status and whoami beside a running receive --follow raise no generation and supersede nobody", async () => {
  await using world = new CommandWorld();
  const password = world.passwordFile("password", "river otter lamp quartz");
  await world.startDirectory();
  const alice = await world.init("alice", password);
  const bob = await world.init("bob", password);
  const following = world.start(["receive", "--follow", "--json", ...as(bob, password)]);
  await world.json(["send", bob.did, "one", "--wait-for", "deposited", ...as(alice, password)]);
  await following.line('"sha256"');

  const earlier = await world.json<Status>(["status", "--data-dir", bob.dataDir]);
  for (const credentials of [["--data-dir", bob.dataDir], as(bob, password)]) {
    const { did } = await world.json<{ did: string }>(["whoami", ...credentials]);
    assert.equal(did, bob.did);
    const status = await world.json<Status>(["status", ...credentials]);
    assert.deepEqual([status.generation, status.superseded], [earlier.generation, false]);
  }
  // A copy that is only looked at supersedes nobody either.
  const copy = world.copy(bob.dataDir, "copy");
  await world.json(["status", "--data-dir", copy]);
  await world.json(["whoami", "--data-dir", copy]);

  const { messageId } = await world.json<{ messageId: string }>([
    "send",
    bob.did,
    "two",
    "--wait-for",
    "deposited",
    ...as(alice, password),
  ]);
  await following.line(messageId);
  assert.equal((await following.stop()).exitCode, 0);
});

test("failure 55: no command but init makes an agent, in an empty data directory, an absent one, or by default", async () => {
  await using world = new CommandWorld();
  const password = world.passwordFile("password", "river otter lamp quartz");
  const empty = world.path("empty");
  mkdirSync(empty, { mode: 0o700 });
  const peer = "did:talos:zQmRMAWHEeRDjxn3SEVd9wJxaY4tyQeLvjJpFsnGxz191X4";
  for (const verb of [["send", peer, "x"], ["status"], ["whoami"], ["receive"], ["peers", "list"], ["peers", "add", peer]]) {
    for (const place of [["--data-dir", empty], ["--data-dir", world.path("absent")], []]) {
      const { exitCode, stderr } = await world.run([...verb, ...place, "--password-file", password]);
      assert.match(stderr, /\[VAULT_NOT_FOUND\][^\n]*\nhint: /, verb.join(" "));
      assert.equal(exitCode, 4);
    }
  }
  assert.deepEqual(readdirSync(empty), []);
  assert.ok(!existsSync(world.path("absent")));
  assert.ok(!existsSync(world.path("data-home")));
});

test("failure 50: a copy that is opened ends the original, with its error and exit code 5, and the original sends nothing more", async () => {
  await using world = new CommandWorld();
  const password = world.passwordFile("password", "river otter lamp quartz");
  await world.startDirectory();
  const alice = await world.init("alice", password);
  const bob = await world.init("bob", password);
  const original = world.start(["receive", "--follow", "--json", ...as(alice, password)]);
  // Delivered: the original has turned its ratchet for the acknowledgement. A copy from before that would go on from an older turn,
  // and what it sends there opens for nobody until sessions are replaced.
  await world.json(["send", alice.did, "to the original", "--wait-for", "delivered", "--timeout", "30", ...as(bob, password)]);
  const copy = { dataDir: world.copy(alice.dataDir, "copy") };

  await world.json(["send", bob.did, "from the copy", "--wait-for", "deposited", ...as(copy, password)]);
  const { exitCode, stderr } = await original.ended;
  assert.match(stderr, /\[INSTANCE_SUPERSEDED\][^\n]*\nhint: /);
  assert.equal(exitCode, 5);
  assert.equal((await world.json<Status>(["status", "--data-dir", alice.dataDir])).superseded, true);
  assert.equal((await world.json<Status>(["status", "--data-dir", copy.dataDir])).superseded, false);

  const refused = await world.run(["send", bob.did, "from the original", ...as(alice, password)]);
  assert.match(refused.stderr, /\[INSTANCE_SUPERSEDED\][^\n]*\nhint: /);
  assert.equal(refused.exitCode, 5);

  await world.json(["send", bob.did, "still here", "--wait-for", "deposited", ...as(copy, password)]);
  const bodies: string[] = [];
  await eventually(async () => {
    const { messages } = await world.json<{ messages: Array<{ body: string }> }>(["receive", "--wait", "1", ...as(bob, password)]);
    bodies.push(...messages.map(({ body }) => Buffer.from(body, "base64url").toString("utf8")));
    return bodies.includes("still here") ? true : undefined;
  });
  assert.deepEqual(bodies, ["from the copy", "still here"]);
});
