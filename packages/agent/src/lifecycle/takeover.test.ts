import assert from "node:assert/strict";
import { test } from "node:test";
import { openIn, takeoverIn } from "../talos-client.ts";
import { talosError } from "@talos/core";
import { AgentWorld, hasCode, intercepting, take, TEST_PASSWORD, until } from "@talos/testkit";

function texts(messages: readonly { text(): string }[]): string[] {
  return messages.map((message) => message.text());
}

test("failure 50: a takeover makes the copy that was superseded the living one, and the other stops", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await alice.send(bob.did, "one", { waitFor: "deposited" });
  await take(bob, 1);
  world.copyDataDir("alice", "copy");
  const copy = await world.open("copy");
  await until(() => alice.superseded, "the original is superseded");
  await alice.close();

  const taken = await takeoverIn(world.environment, { dataDir: alice.dataDir, password: TEST_PASSWORD });
  try {
    assert.equal(taken.superseded, false);
    assert.ok(taken.status().generation > copy.status().generation);
    await until(() => copy.superseded, "the copy is superseded in turn");
    await taken.send(bob.did, "two", { waitFor: "deposited" });
    await bob.send(taken.did, "to the living one", { waitFor: "deposited" });
    assert.deepEqual(texts(await take(bob, 1)), ["two"]);
    assert.deepEqual(texts(await take(taken, 1)), ["to the living one"]);
  } finally {
    await taken.close();
  }
  const again = await world.open("alice");
  assert.equal(again.superseded, false, "and it stays so over a restart");
});

test("failure 34: an old copy that is put back lives only by a takeover, with prekeys and sessions of its own", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await alice.send(bob.did, "one", { waitFor: "deposited" });
  await take(bob, 1);
  await alice.close();
  world.copyDataDir("alice", "old");
  for (const text of ["two", "three"]) {
    const run = await world.open("alice");
    await run.send(bob.did, text, { waitFor: "deposited" });
    await take(bob, 1);
    await run.close();
  }
  const old = await world.open("old");
  await until(() => old.superseded, "it hears of the later ones");
  const before = new Set(old.status().keys.flatMap(({ kind, keyId }) => (kind.endsWith("prekey") ? [keyId] : [])));
  const sessions = new Set(old.status().sessions.map(({ sessionId }) => sessionId));
  await old.close();
  const taken = await takeoverIn(world.environment, { dataDir: old.dataDir, password: TEST_PASSWORD });
  try {
    assert.equal(
      taken.status().sessions.some(({ sessionId }) => sessions.has(sessionId)),
      false,
      "no session of before",
    );
    assert.equal(
      taken.status().keys.some(({ keyId }) => before.has(keyId)),
      false,
      "no prekey of before",
    );
    await taken.send(bob.did, "four", { waitFor: "deposited" });
    assert.deepEqual(texts(await take(bob, 1)), ["four"]);
  } finally {
    await taken.close();
  }
});

for (const left of [1, 2, 2 ** 32 - 1]) {
  test(`failure 50: with ${left} generations above the other copy's none is taken, and the error says what outranks it`, async () => {
    await outranked(Number.MAX_SAFE_INTEGER - 1 - left);
  });
}

/** @param highest of the thief's vault before he opens it */
async function outranked(highest: number): Promise<void> {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await alice.close();
  world.copyDataDir("alice", "thief");
  const { Vault } = await import("../vault/index.ts");
  const { SecretBytes } = await import("@talos/core");
  {
    using vault = await Vault.open({
      dataDir: world.dataDir("thief"),
      unlock: { kind: "password", secret: SecretBytes.fromUtf8(TEST_PASSWORD) },
      crypto: world.environment.crypto,
      now: world.environment.clock.now(),
    });
    vault.transactionAt(highest, () => undefined);
  }
  const thief = await world.open("thief");
  await thief.send(bob.did, "from the thief", { waitFor: "deposited" });
  await thief.close();
  const locked = await world.open("alice");
  await until(() => locked.superseded, "the owner is locked out");
  await locked.close();
  const options = { dataDir: alice.dataDir, password: TEST_PASSWORD };
  await assert.rejects(takeoverIn(world.environment, options), hasCode("GENERATION_EXHAUSTED"));
  const owner = await openIn(world.environment, options);
  try {
    await owner.emergencyRotate();
    assert.equal(owner.superseded, false);
    await owner.send(bob.did, "back again", { waitFor: "deposited" });
    assert.deepEqual(texts(await take(bob, 2)), ["from the thief", "back again"]);
  } finally {
    await owner.close();
  }
}

test("a copy whose identity was moved on elsewhere cannot take over", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  await alice.close();
  world.copyDataDir("alice", "copy");
  const copy = await world.open("copy");
  await copy.rotateIdentity();
  await copy.close();
  await assert.rejects(takeoverIn(world.environment, { dataDir: alice.dataDir, password: TEST_PASSWORD }), hasCode("IDENTITY_MOVED"));
});

test("a superseded copy goes on with a rotation only where its event stands already", async () => {
  await using world = await AgentWorld.start();
  for (const isAccepted of [false, true]) {
    const name = isAccepted ? "accepted" : "not-accepted";
    let mayLeave = true;
    const environment = intercepting(world.environment, {
      publishEvents: () => {
        if (!mayLeave && !isAccepted) throw talosError("DIRECTORY_UNREACHABLE");
      },
      eventsPublished: () => {
        if (!mayLeave) throw talosError("DIRECTORY_UNREACHABLE");
      },
    });
    const alice = await world.create(name, {}, environment);
    await until(() => alice.status().publication === "published", "published");
    const { identityKey } = alice;
    world.copyDataDir(name, `${name}-copy`);
    mayLeave = false;
    await assert.rejects(alice.rotateIdentity(), hasCode("DIRECTORY_UNREACHABLE"));
    // The other copy knows nothing of that, and takes the agent's place.
    const copy = await world.open(`${name}-copy`);
    await until(() => alice.superseded, "it hears of the copy");
    await alice.close();
    await copy.close();
    mayLeave = true;
    const again = await world.open(name);
    assert.deepEqual([again.identityKey !== identityKey, again.superseded], [isAccepted, !isAccepted], name);
    await again.close();
  }
});
