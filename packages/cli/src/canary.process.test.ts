// A known password and a known message go through every command; then all that was said and all that was written is searched.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Agent, CommandWorld } from "./testing/command-world.test.ts";

const PASSWORD = "canary-Zk7:q9/Vw3?Lr=Tq8";
const MESSAGE = "a plaintext that only its reader may see: 7d0b61f2";

/** As it is, in hexadecimal, and in base64 and base64url at each of the three alignments. */
function spellings(text: string): string[] {
  const bytes = Buffer.from(text);
  const aligned = [0, 1, 2].map((start) => {
    const part = bytes.subarray(start);
    return part.subarray(0, part.length - (part.length % 3));
  });
  return [
    text,
    JSON.stringify(text).slice(1, -1),
    encodeURIComponent(text),
    bytes.toString("hex"),
    bytes.toString("hex").toUpperCase(),
    ...aligned.flatMap((part) => [part.toString("base64"), part.toString("base64url")]),
  ];
}

function find(haystack: Buffer, text: string): string[] {
  return spellings(text).filter((spelling) => haystack.includes(spelling));
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

test("failure 41: a password is in nothing that any command says or writes, and a message in nothing but its reader's output", async () => {
  await using world = new CommandWorld();
  const password = world.passwordFile("password", PASSWORD);
  const fromEnvironment = { TALOS_KEY_PASSWORD: PASSWORD };
  const as = ({ dataDir }: Pick<Agent, "dataDir">): string[] => ["--data-dir", dataDir, "--password-file", password];
  await world.startDirectory();
  const alice = await world.init("alice", password);
  const bob = await world.init("bob", password);
  const body = world.path("message");
  await world.json(["peers", "add", bob.did, "--name", "bob", ...as(alice)]);
  writeFileSync(body, MESSAGE);
  await world.json(["send", bob.did, "--file", body, "--wait-for", "deposited", ...as(alice)]);
  await world.json(["receive", "--output-dir", world.path("received"), "--data-dir", bob.dataDir], fromEnvironment);
  await world.json(
    ["send", alice.did, "--file", body, "--sign", "identity", "--wait-for", "deposited", "--data-dir", bob.dataDir],
    fromEnvironment,
  );
  await world.json(["receive", "--output-dir", world.path("received"), ...as(alice)]);
  for (const verb of [["status"], ["whoami"], ["peers", "list"], ["peers", "show", "bob"]]) {
    await world.run([...verb, ...as(alice)]);
    await world.json([...verb, "--data-dir", alice.dataDir], fromEnvironment);
  }
  await world.json(["directory", "stock", "--store", `sqlite:${world.path("directory.db")}`]);

  // Refusals have their own words.
  await world.run(["status", "--password", PASSWORD, "--data-dir", alice.dataDir]);
  await world.run(["status", `--password=${PASSWORD}`, "--data-dir", alice.dataDir]);
  await world.run(["status", "--json", PASSWORD, "--data-dir", alice.dataDir]);
  await world.run([PASSWORD]);
  await world.run(["init", "again", ...as(alice)]);
  await world.run(["send", PASSWORD, "x", ...as(alice)]);
  const wrong = await world.run(["status", "--json", "--data-dir", alice.dataDir], { TALOS_KEY_PASSWORD: `${PASSWORD}!` });
  assert.equal(wrong.exitCode, 3);

  await world.stopDirectory();
  await world.json(["send", bob.did, "--file", body, "--timeout", "1", ...as(alice)]);

  assert.ok(world.said.length > 30);
  for (const said of world.said) assert.deepEqual([...find(Buffer.from(said), PASSWORD), ...find(Buffer.from(said), MESSAGE)], [], said);

  const own = new Set([password, body, ...filesUnder(world.path("received"))]);
  const files = filesUnder(world.folder).filter((file) => !own.has(file));
  assert.ok(files.length > 200 && files.includes(world.path("directory.db")) && files.includes(join(bob.dataDir, "state.db")));
  for (const file of files) {
    const bytes = readFileSync(file);
    assert.deepEqual([...find(bytes, PASSWORD), ...find(bytes, MESSAGE)], [], file);
  }
  for (const canary of [PASSWORD, MESSAGE]) {
    assert.ok(
      own.values().some((file) => find(readFileSync(file), canary).length > 0),
      "the search finds what is there",
    );
    const encoded = Buffer.from(`x${canary}`).toString("base64");
    assert.ok(find(Buffer.from(encoded), canary).length > 0, "also inside other bytes");
  }
});
