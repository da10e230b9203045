import assert from "node:assert/strict";
import { test } from "node:test";
import { SecretBytes, talosError } from "@talos/core";
import { AgentWorld, intercepting, take, TEST_PASSWORD, until } from "@talos/testkit";
import type { Environment } from "../../environment.ts";
import { Vault } from "../../vault/index.ts";
import type { TalosClient } from "../../talos-client.ts";
import { lostMachine, type LostMachine } from "./recover-fixture.test.ts";

const HIGHEST = Number.MAX_SAFE_INTEGER - 2 ** 32;

function later(environment: Environment, milliseconds: number): Environment {
  const { clock } = environment;
  const ahead: Environment["clock"] = {
    now: () => clock.now() + milliseconds,
    sleep: async (pause, signal) => await clock.sleep(pause, signal),
  };
  return { ...environment, clock: ahead };
}

test("failure 34: of two recoveries of one backup the later one stands above the earlier one, of which no directory that is there has heard", async () => {
  await using elsewhere = await AgentWorld.start();
  const bob = await elsewhere.create("bob");
  const address = `${bob.did}@${new URL(elsewhere.url).host}`;
  await using lost = await lostMachine({
    before: async (alice) => {
      await alice.send(address, "one", { waitFor: "deposited" });
      await take(bob, 1);
      await alice.flush();
    },
  });
  const { environment } = lost.world;
  // Its home takes no certificate, and its peer's directory does.
  const forgetful = intercepting(environment, {
    registerCertificate: () => {
      throw talosError("DIRECTORY_UNREACHABLE");
    },
  });
  const openDirectory: Environment["openDirectory"] = (options) =>
    (options.url === lost.world.url ? forgetful : environment).openDirectory(options);
  const first = await lost.recover({ dataDir: lost.world.dataDir("one") }, { ...environment, openDirectory });
  const { generation } = first.status();
  await until(() => bob.peers.show(lost.did).generation === generation, "its peer has heard of it");
  await first.close();

  await elsewhere.stopDirectory();
  const second = await lost.recover({ dataDir: lost.world.dataDir("two") }, later(environment, 60_000));
  assert.ok(second.status().generation > generation + 1_000, "whatever openings the first one had");
  await elsewhere.startDirectory();
  await second.send(address, "from the second", { waitFor: "deposited" });
  assert.equal((await take(bob, 1))[0]?.text(), "from the second");
  assert.equal(second.superseded, false);
  assert.deepEqual(bob.peers.show(lost.did).conflicts, []);
});

test("a recovery that knows of no earlier one stands above one that knew of another: the place follows from the time alone", async () => {
  await using lost = await lostMachine();
  const { environment } = lost.world;
  const generations: number[] = [];
  const recovered = async (name: string, changed: Environment): Promise<void> => {
    const client = await lost.recover({ dataDir: lost.world.dataDir(name) }, changed);
    await until(() => client.status().publication === "published", "its home knows");
    generations.push(client.status().generation);
    await client.close();
  };
  await recovered("one", environment);
  await recovered("two", later(environment, 60_000));
  // Its home has no certificate any more.
  await recovered("three", intercepting(later(environment, 120_000), { resolve: (answer) => ({ ...answer, certificate: undefined }) }));
  assert.deepEqual(
    generations,
    generations.toSorted((a, b) => a - b),
  );
  assert.equal(new Set(generations).size, 3);
});

/** Another copy, which has opened as often as that says, and is known at home. */
async function withCopyAt(generation: number): Promise<LostMachine> {
  return await lostMachine({
    after: async (alice, world) => {
      await alice.close();
      world.copyDataDir("alice", "copy");
      {
        using vault = await Vault.open({
          dataDir: world.dataDir("copy"),
          unlock: { kind: "password", secret: SecretBytes.fromUtf8(TEST_PASSWORD) },
          crypto: world.environment.crypto,
          now: world.environment.clock.now(),
        });
        vault.transactionAt(generation, () => undefined);
      }
      const copy: TalosClient = await world.open("copy");
      await copy.send((await world.create("carol")).did, "so that its home hears of it", { waitFor: "deposited" });
      await copy.close();
    },
  });
}

test("where too little is left above the highest generation for a leap, it goes no further than the openings after it need", async () => {
  await using lost = await withCopyAt(HIGHEST - 1_000);
  const back = await lost.recover();
  assert.deepEqual([back.held, back.superseded, back.status().generation], [false, false, HIGHEST]);
  await back.sign("test", "yes");
});

test("a clock that is centuries ahead leaps no further than one in two hundred years would", async () => {
  await using lost = await lostMachine();
  const back = await lost.recover({}, later(lost.world.environment, 2 ** 48));
  assert.ok(back.status().generation < 2 ** 42);
});
