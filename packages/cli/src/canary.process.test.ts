// A known password and a known message go through every command; then all that was said and all that was written is searched.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Agent, CommandWorld } from "./testing/command-world.test.ts";

const PASSWORD = "canary-Zk7:q9/Vw3?Lr=Tq8";
const NEXT_PASSWORD = "canary-Hb2!m4^Xn8_Dw=Kc5";
const BACKUP_PASSWORD = "canary-Rv6%t1&Jy3=Ls0#Pe9";
const WEAK_PASSWORD = "canary-1984";
// In the form in which a key file may be text.
const KEY_MATERIAL: string = Buffer.from("canary-of-a-key-file:0123456789abcdefghijklmnopq").toString("base64");
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

  // Everything that sets a password or a key, done and refused.
  const next = world.passwordFile("next", NEXT_PASSWORD);
  const weak = world.passwordFile("weak", WEAK_PASSWORD);
  const key = world.path("key");
  writeFileSync(key, KEY_MATERIAL, { mode: 0o600 });
  const passwd = ["passwd", "--data-dir", alice.dataDir];
  const slots = ["slots", "add", ...as(alice)];
  assert.equal((await world.run([...passwd, "--password-file", password, "--new-password-file", weak])).exitCode, 5);
  await world.run([...passwd, "--password-file", password, "--new-password-file", password]);
  await world.run([...passwd, "--password-file", next, "--new-password-file", password]);
  await world.run([...passwd, "--password-file", password, "--new-password", NEXT_PASSWORD]);
  await world.run([...passwd, "--password-file", password, NEXT_PASSWORD]);
  await world.json([...passwd, "--password-file", password, "--new-password-file", next]);
  await world.json([...passwd, "--rekey"], { TALOS_KEY_PASSWORD: NEXT_PASSWORD, TALOS_NEW_KEY_PASSWORD: PASSWORD });
  await world.run([...slots, "--new-password-file", weak]);
  await world.json([...slots, "--new-password-file", next]);
  await world.json([...slots, "--new-key-file", key]);
  await world.run([...slots, "--new-credential", PASSWORD]);
  await world.run(["slots", "list", "--data-dir", alice.dataDir, "--key-file", key]);
  await world.run(["slots", "remove", PASSWORD, ...as(alice)]);
  await world.json(["slots", "remove", "2", "--data-dir", alice.dataDir, "--key-file", key]);
  await world.run(["init", "carol", "--data-dir", world.path("carol"), "--password-file", weak]);

  // A backup has a password of its own.
  const forBackup = world.passwordFile("for-backup", BACKUP_PASSWORD);
  const withBackup = ["--backup-password-file", forBackup];
  const backup = world.path("alice.backup");
  const create = ["backup", "create", "--to", backup, ...as(alice)];
  const recover = ["recover", "--backup", backup, "--data-dir", world.path("again")];
  await world.run([...create, "--backup-password-file", weak]);
  await world.run([...create, "--backup-password-file", password]);
  await world.run([...create, ...withBackup, ...withBackup]);
  await world.run([...create, "--backup-password", BACKUP_PASSWORD]);
  await world.json([...create, ...withBackup]);
  await world.json(["backup", "verify", backup, "--data-dir", alice.dataDir, ...withBackup]);
  await world.run(["backup", "verify", backup, "--data-dir", alice.dataDir, "--backup-password-file", password]);
  await world.run([...recover, "--new-password-file", forBackup, ...withBackup]);
  await world.json([...recover, "--new-password-file", next, ...withBackup]);
  await world.run(["backup", "plan", "--data-dir", world.path("again")]);

  await world.stopDirectory();
  await world.json(["send", bob.did, "--file", body, "--timeout", "1", ...as(alice)]);

  assert.ok(world.said.length > 30);
  const canaries = [PASSWORD, NEXT_PASSWORD, BACKUP_PASSWORD, WEAK_PASSWORD, KEY_MATERIAL, MESSAGE];
  const found = (bytes: Buffer): string[] => canaries.flatMap((canary) => find(bytes, canary));
  for (const said of world.said) assert.deepEqual(found(Buffer.from(said)), [], said);

  const own = new Set([password, next, forBackup, weak, key, body, ...filesUnder(world.path("received"))]);
  const files = filesUnder(world.folder).filter((file) => !own.has(file));
  assert.ok(files.length > 200 && files.includes(world.path("directory.db")) && files.includes(join(bob.dataDir, "state.db")));
  for (const file of files) {
    assert.deepEqual(found(readFileSync(file)), [], file);
  }
  for (const canary of canaries) {
    assert.ok(
      own.values().some((file) => find(readFileSync(file), canary).length > 0),
      "the search finds what is there",
    );
    const encoded = Buffer.from(`x${canary}`).toString("base64");
    assert.ok(find(Buffer.from(encoded), canary).length > 0, "also inside other bytes");
  }
});
