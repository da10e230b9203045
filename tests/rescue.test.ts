// An agent whose database was destroyed is rescued, and talks on with a peer that knows nothing of it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { doctorIn, rescueIn, type TalosClient } from "@talos/agent";
import { isTalosError, nodeCrypto } from "@talos/core";
import { AgentWorld, take, TEST_PASSWORD } from "@talos/testkit";

// Written beside and renamed: nothing but SQLite opens these files by name.
function replaceDatabase(dataDir: string, content: Uint8Array): void {
  writeFileSync(`${dataDir}.other`, content, { mode: 0o600 });
  renameSync(`${dataDir}.other`, join(dataDir, "state.db"));
}

function databaseBytes(dataDir: string): Buffer {
  execFileSync("cp", [join(dataDir, "state.db"), `${dataDir}.bytes`]);
  return readFileSync(`${dataDir}.bytes`);
}

type Destroy = (dataDir: string, world: AgentWorld) => void;

const WAYS: readonly (readonly [string, Destroy])[] = [
  ["deleted", (dataDir) => unlinkSync(join(dataDir, "state.db"))],
  ["truncated to half", (dataDir) => replaceDatabase(dataDir, databaseBytes(dataDir).subarray(0, databaseBytes(dataDir).length / 2))],
  ["zeroed", (dataDir) => replaceDatabase(dataDir, new Uint8Array(databaseBytes(dataDir).length))],
  ["overwritten with noise", (dataDir) => replaceDatabase(dataDir, nodeCrypto.randomBytes(60_000))],
  ["overwritten with another agent's", (dataDir, world) => replaceDatabase(dataDir, databaseBytes(world.dataDir("carol")))],
];

const texts = async (client: TalosClient, count: number): Promise<string[]> => (await take(client, count)).map((message) => message.text());

for (const [how, destroy] of WAYS) {
  test(`state.db ${how}: after a rescue the agent writes to its peer, the peer answers, and the answer is read`, async () => {
    await using world = await AgentWorld.start();
    const before = await world.create("alice");
    const bob = await world.create("bob");
    await (await world.create("carol")).close();
    await before.send(bob.did, "before", { waitFor: "deposited" });
    assert.deepEqual(await texts(bob, 1), ["before"]);
    await bob.send(before.did, "answered before", { waitFor: "deposited" });
    assert.deepEqual(await texts(before, 1), ["answered before"]);
    await before.close();
    const dataDir = world.dataDir("alice");

    destroy(dataDir, world);
    await assert.rejects(world.open("alice"), (error) => isTalosError(error) && ["VAULT_CORRUPT", "VAULT_FOREIGN"].includes(error.code));
    assert.equal((await doctorIn(world.environment, { dataDir })).worst, "cannot-be-opened");
    const report = await rescueIn(world.environment, { dataDir, password: TEST_PASSWORD });
    assert.deepEqual([report.did, report.directory], [before.did, world.url]);
    for (const file of report.putAside) assert.ok(existsSync(join(dataDir, file)));
    const { worst, findings } = await doctorIn(world.environment, { dataDir, password: TEST_PASSWORD });
    assert.equal(worst, "sound", JSON.stringify(findings));

    const alice = await world.open("alice");
    assert.equal(alice.identityKey, before.identityKey);
    assert.equal(alice.status().publication, "published");
    await alice.send(bob.did, "after", { waitFor: "deposited" });
    assert.deepEqual(await texts(bob, 1), ["after"]);
    await bob.send(alice.did, "answered after", { waitFor: "deposited" });
    assert.deepEqual(await texts(alice, 1), ["answered after"]);
    await alice.send(bob.did, "and on", { waitFor: "deposited" });
    assert.deepEqual(await texts(bob, 1), ["and on"]);
    assert.deepEqual([alice.superseded, bob.peers.show(alice.did).conflicts], [false, []]);
  });
}

test("somebody new finds a rescued agent, and a first message to its old prekeys is refused by name, once, and comes in a new session", async () => {
  await using world = await AgentWorld.start();
  const before = await world.create("alice");
  await before.close();
  const bob = await world.create("bob");
  // While nobody reads: it will find a prekey that has ended.
  await bob.send(before.did, "to the old prekeys", { waitFor: "deposited" });
  unlinkSync(join(world.dataDir("alice"), "state.db"));
  await rescueIn(world.environment, { dataDir: world.dataDir("alice"), password: TEST_PASSWORD });
  const alice = await world.open("alice");
  const carol = await world.create("carol");
  await carol.send(alice.did, "to the new ones", { waitFor: "deposited" });
  const messages = await take(alice, 2);
  assert.deepEqual(
    new Map(messages.map((message) => [message.text(), message.resent])),
    new Map([
      ["to the new ones", false],
      ["to the old prekeys", true],
    ]),
  );
  assert.deepEqual(
    alice.status().kept.map(({ kind, code }) => [kind, code]),
    [["message", "HANDSHAKE_REFUSED"]],
  );
});

test("a peer that had written in a session nobody answered, answers a rescued agent in the new one", async () => {
  // Which of two sessions goes on is otherwise decided by their hashes: several peers, so that each way comes up.
  await using world = await AgentWorld.start();
  const before = await world.create("alice");
  const peers = [await world.create("bob"), await world.create("carol"), await world.create("dave"), await world.create("erin")];
  for (const peer of peers) await peer.send(before.did, `from ${peer.name}`, { waitFor: "deposited" });
  assert.equal((await take(before, peers.length, false)).length, peers.length);
  await before.close();
  unlinkSync(join(world.dataDir("alice"), "state.db"));
  await rescueIn(world.environment, { dataDir: world.dataDir("alice"), password: TEST_PASSWORD });

  const alice = await world.open("alice");
  for (const peer of peers) {
    await alice.send(peer.did, "I am back", { waitFor: "deposited" });
    assert.deepEqual(await texts(peer, 1), ["I am back"]);
    const { messageId } = await peer.send(alice.did, `welcome from ${peer.name}`);
    // What stands unacknowledged in a dead session comes once more: the rescued agent has forgotten it.
    for (let isWelcomed = false; !isWelcomed;) {
      const [message] = await take(alice, 1);
      isWelcomed = message?.id === messageId;
      if (!isWelcomed) assert.ok(message?.resent === true && message.text().startsWith("from "));
    }
  }
});

test("a rescue that is run again and again ends in the same place: one agent, one set of keys, every old database kept", async () => {
  await using world = await AgentWorld.start();
  const before = await world.create("alice");
  await before.close();
  const dataDir = world.dataDir("alice");
  for (let round = 1; round <= 3; round++) {
    replaceDatabase(dataDir, nodeCrypto.randomBytes(10_000));
    const report = await rescueIn(world.environment, { dataDir, password: TEST_PASSWORD });
    assert.equal(report.generation, 1 + round * 2 ** 20);
    assert.equal(readdirSync(join(dataDir, "quarantine")).length, round);
    assert.equal(readdirSync(join(dataDir, "prekeys")).length, 101);
  }
  const alice = await world.open("alice");
  assert.equal(alice.status().publication, "published");
  const { worst } = await doctorIn(world.environment, { dataDir, password: TEST_PASSWORD });
  assert.equal(worst, "sound");
});
