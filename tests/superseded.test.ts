import assert from "node:assert/strict";
import { test } from "node:test";
import { DirectoryRefusal, inspectIn, openIn, TalosClient } from "@talos/agent";
import { isTalosError, type Crypto, type SecretBytes, type SigningKey } from "@talos/core";
import { AgentWorld, intercepting, take, TEST_PASSWORD, until } from "@talos/testkit";

test("failure 50: a copy of a data directory supersedes the original, which stops, keeps everything, and never comes back by itself", async () => {
  await using world = await AgentWorld.start();
  let deposits = 0;
  const counting = intercepting(world.environment, {
    deposited: () => {
      deposits += 1;
    },
  });
  const original = await world.create("alice", {}, counting);
  const bob = await world.create("bob");
  await original.send(bob.did, "one", { waitFor: "deposited" });
  world.copyDataDir("alice", "copy");

  const copy = await world.open("copy");
  await until(() => original.superseded, "the original hears of the copy");
  const before = deposits;
  await assert.rejects(original.send(bob.did, "two"), (error) => isTalosError(error, "INSTANCE_SUPERSEDED") && error.exitCode === 5);
  await assert.rejects(original.receive().next(), (error) => isTalosError(error, "INSTANCE_SUPERSEDED"));
  assert.equal(original.status().superseded, true);
  assert.equal(original.status().sessions.length, 1, "everything is kept");

  await copy.send(bob.did, "from the copy", { waitFor: "deposited" });
  await original.close();

  const restarted = await world.open("alice", {}, counting);
  await assert.rejects(restarted.send(bob.did, "three"), (error) => isTalosError(error, "INSTANCE_SUPERSEDED"));
  assert.equal(restarted.superseded, true, "a restart is no takeover");
  await restarted.close();
  assert.equal(deposits, before, "nothing left the original any more");
  await copy.send(bob.did, "still here", { waitFor: "deposited" });
  assert.deepEqual(
    (await take(bob, 3)).map((message) => message.text()),
    ["one", "from the copy", "still here"],
  );
  assert.equal(copy.superseded, false);
});

test("failure 34: a data directory put back from an earlier copy stops, keeps everything and makes no new key by itself", async () => {
  await using world = await AgentWorld.start();
  const bob = await world.create("bob");
  const earlier = await world.create("alice");
  await earlier.send(bob.did, "one", { waitFor: "deposited" });
  await earlier.close();
  world.copyDataDir("alice", "copy");
  for (const text of ["two", "three"]) {
    const alice = await world.open("alice");
    await alice.send(bob.did, text, { waitFor: "deposited" });
    await alice.close();
  }

  const putBack = await world.open("copy");
  const keys = (client: TalosClient): unknown => client.status().keys;
  const before = keys(putBack);
  await until(() => putBack.superseded, "the copy hears of the generations that came after it");
  await assert.rejects(putBack.send(bob.did, "from the past"), (error) => isTalosError(error, "INSTANCE_SUPERSEDED"));
  assert.deepEqual([keys(putBack), putBack.status().sessions.length], [before, 1]);
  await putBack.close();
  const restarted = await world.open("copy");
  assert.equal(restarted.superseded, true, "however often it is started");
  await restarted.close();

  const current = await world.open("alice");
  await current.send(bob.did, "four", { waitFor: "deposited" });
  assert.deepEqual(
    (await take(bob, 4)).map((message) => message.text()),
    ["one", "two", "three", "four"],
  );
});

test("failure 50: of two copies with one number the one that registered later is superseded", async () => {
  await using world = await AgentWorld.start();
  const original = await world.create("alice");
  await original.close();
  world.copyDataDir("alice", "copy");
  const first = await world.open("alice");
  const second = await world.open("copy");
  await until(() => second.superseded || first.superseded, "one of them stops");
  assert.deepEqual([first.superseded, second.superseded], [false, true]);
});

test("failure 59: looking at an agent supersedes nobody and changes nothing", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await alice.send(bob.did, "one", { waitFor: "deposited" });
  const { generation } = alice.status();
  for (let round = 0; round < 3; round++) {
    using inspection = await TalosClient.inspect({ dataDir: alice.dataDir });
    const status = inspection.status();
    assert.equal(status.generation, generation);
    assert.equal(status.outbox.deposited, 1);
    assert.equal(status.holder?.pid, process.pid);
    assert.equal(inspection.did, alice.did);
    assert.equal(inspection.peers()[0]?.did, bob.did);
  }
  await assert.rejects(TalosClient.inspect({ dataDir: alice.dataDir, password: "wrong" }), (error) =>
    isTalosError(error, "WRONG_PASSWORD"),
  );
  await alice.send(bob.did, "two", { waitFor: "deposited" });
  assert.equal(alice.superseded, false);
  assert.equal(alice.status().generation, generation);
});

test("failure 55: an agent is made only where nothing else is asked for, and another one is refused", async () => {
  await using world = await AgentWorld.start();
  const missing = { dataDir: world.dataDir("nobody"), password: TEST_PASSWORD };
  const { environment } = world;
  await assert.rejects(world.create("nobody", { ifMissing: "fail" }), (error) => isTalosError(error, "VAULT_NOT_FOUND"));
  await assert.rejects(openIn(environment, missing), (error) => isTalosError(error, "VAULT_NOT_FOUND"));
  const alice = await world.create("alice");
  await assert.rejects(world.create("nobody", { expectAgentId: alice.did }), (error) => isTalosError(error, "VAULT_NOT_FOUND"));
  assert.equal(TalosClient.exists({ dataDir: missing.dataDir }), false);

  const bob = await world.create("bob");
  await alice.close();
  await assert.rejects(world.open("alice", { expectAgentId: bob.did }), (error) => isTalosError(error, "VAULT_FOREIGN"));
  await assert.rejects(world.open("alice", { name: "bob" }), (error) => isTalosError(error, "VAULT_FOREIGN"));
  await assert.rejects(inspectIn(environment, { dataDir: alice.dataDir, expectAgentId: bob.did }), (error) =>
    isTalosError(error, "VAULT_FOREIGN"),
  );
  const again = await world.create("alice", { expectAgentId: alice.did });
  assert.equal(again.did, alice.did, "create opens what is there");
});

test("failure 56: the identity key works once per opening, however much is sent", async () => {
  await using world = await AgentWorld.start();
  await (await world.create("alice")).close();
  const bob = await world.create("bob");
  let operations = 0;
  const { crypto } = world.environment;
  const counting = {
    ...world.environment,
    crypto: countingCrypto(crypto, () => {
      operations += 1;
    }),
  };
  const alice = await world.open("alice", {}, counting);
  assert.equal(operations, 1);
  for (let number = 0; number < 20; number++) await alice.send(bob.did, `${number}`, { waitFor: "deposited" });
  await take(bob, 20);
  assert.equal(operations, 1);
});

test("a directory that only claims a newer instance is believed nothing", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create(
    "alice",
    {},
    intercepting(world.environment, {
      fetch: () => {
        throw new DirectoryRefusal("INSTANCE_SUPERSEDED", world.url, undefined);
      },
    }),
  );
  const bob = await world.create("bob");
  await alice.send(bob.did, "I am still here", { waitFor: "deposited" });
  assert.equal(alice.superseded, false);
});

/** Counts signatures by keys that come from a file, as the identity key does; the instance key is new at each opening. */
function countingCrypto(crypto: Crypto, signed: () => void): Crypto {
  return Object.create(crypto, {
    signingKeyFromSeed: {
      value: (seed: SecretBytes): SigningKey => {
        const key = crypto.signingKeyFromSeed(seed);
        const sign = (message: Uint8Array): Uint8Array => {
          signed();
          return key.sign(message);
        };
        return { publicKey: key.publicKey, sign, exportSeed: () => key.exportSeed(), [Symbol.dispose]: () => key[Symbol.dispose]() };
      },
    },
  }) as Crypto;
}
