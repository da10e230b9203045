import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import { AgentWorld, listModes, recordingCrypto, take, TEST_PASSWORD } from "@talos/testkit";

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

test("failure 41: no secret that was ever made stands in a file, in the directory's database, in a status or in an error", async () => {
  const crypto = recordingCrypto();
  const plaintext = "the plaintext of a message: 5f1c9a";
  crypto.remember("password", new TextEncoder().encode(TEST_PASSWORD));
  crypto.remember("plaintext", new TextEncoder().encode(plaintext));
  await using world = await AgentWorld.start({ environment: { crypto } });
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await alice.send(bob.did, plaintext);
  const [message] = await take(bob, 1, false);
  await bob.send(alice.did, plaintext, { waitFor: "deposited" });
  await take(alice, 1);
  await alice.send(bob.did, plaintext, { sign: "identity", waitFor: "deposited" });
  await world.stopDirectory();
  await alice.send(bob.did, plaintext);

  const outputs = [
    inspect(alice, { depth: 9, showHidden: true }),
    inspect(alice.status(), { depth: 9 }),
    JSON.stringify(bob.status()),
    JSON.stringify(bob.peers.list()),
  ];
  const failure: unknown = await world.open("alice", { password: "wrong" }).catch((error: unknown) => error);
  outputs.push(inspect(failure), String(failure), JSON.stringify(failure));
  assert.equal(message?.text(), plaintext, "what the application has in its hands is its own");
  assert.ok(crypto.secrets.length > 500);
  for (const output of outputs) assert.deepEqual(crypto.findSecretsIn(new TextEncoder().encode(output)), []);
  // While they run: a copy, since reading a database of this process would free its lock.
  for (const name of ["alice", "bob"]) world.copyDataDir(name, `${name}-copy`);
  for (const client of [alice, bob]) await client.close();
  const files = filesUnder(world.folder);
  assert.ok(files.length > 400);
  for (const file of files) assert.deepEqual(crypto.findSecretsIn(readFileSync(file)), [], file);
});

test("failure 31: a data directory has the design's files and nobody else may read them", async () => {
  await using world = await AgentWorld.start();
  const bob = await world.create("bob");
  await bob.close();
  const modes = listModes(world.dataDir("bob"));
  assert.equal(modes.filter((line) => /^0600 prekeys\/otpk_[0-9a-f]{16}\.enc$/.test(line)).length, 100);
  assert.deepEqual(
    modes.filter((line) => !line.includes("otpk_")),
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
  );
});
