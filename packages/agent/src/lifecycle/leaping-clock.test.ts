import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { talosError } from "@talos/core";
import { AgentWorld, hasCode, intercepting, ManualClock, until, type DirectoryHooks } from "@talos/testkit";
import type { TalosClient } from "../talos-client.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

async function published(...clients: readonly TalosClient[]): Promise<void> {
  for (const client of clients) await until(() => client.status().publication === "published", "published");
}

async function pass(clock: ManualClock, client: TalosClient, milliseconds: number, step: number): Promise<void> {
  for (let left = milliseconds; left > 0; left -= step) {
    await clock.advance(step);
    await client.maintain();
  }
}

test("failure 25: a clock that leaps a hundred days for a moment gives no message up", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await published(alice, bob);
  const { did } = bob;
  await bob.close();
  const { messageId } = await alice.send(did, "precious", { waitFor: "deposited" });
  const before = clock.now();
  clock.set(before + 100 * DAY);
  await alice.maintain();
  clock.set(before + 1000);
  assert.notEqual(alice.outbox(messageId)?.state, "expired");
});

test("failure 25: a clock that leaps while a round of maintenance waits for the directory ends no key", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  const hooks: DirectoryHooks = {};
  const alice = await world.create("alice", {}, intercepting(world.environment, hooks));
  await published(alice);
  await pass(clock, alice, 30 * HOUR, HOUR);
  await alice.rotateSignedPrekey();
  const files = (): string[] => readdirSync(join(alice.dataDir, "prekeys")).filter((name) => name.startsWith("signed"));
  const before = files();
  const now = clock.now();
  hooks.prekeyStock = (stock) => {
    clock.set(now + 120 * DAY);
    return stock;
  };
  const { done } = await alice.maintain();
  delete hooks.prekeyStock;
  clock.set(now + 1000);
  assert.deepEqual(
    done.filter(({ kind }) => kind === "end-retired"),
    [],
  );
  for (const file of before)
    assert.ok(
      files().some((name) => name.includes(file.split(".")[1] ?? "")),
      file,
    );
});

test("what was deposited is given up only after the mailbox was read: its acknowledgement may lie there", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await published(alice, bob);
  const { did } = bob;
  await bob.close();
  const { messageId } = await alice.send(did, "will you read this?", { waitFor: "deposited" });
  await world.stopDirectory();
  await pass(clock, alice, 100 * DAY, DAY);
  assert.notEqual(alice.outbox(messageId)?.state, "expired");
  await world.startDirectory();
  for (let round = 0; round < 100 && alice.outbox(messageId)?.state !== "expired"; round++) {
    await pass(clock, alice, 60_000, 60_000);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.equal(alice.outbox(messageId)?.state, "expired");
});

test("failure 25: an operation whose next attempt was written down by a clock of years ahead goes on when the clock is right again", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  const hooks: DirectoryHooks = {};
  const alice = await world.create("alice", {}, intercepting(world.environment, hooks));
  await published(alice);
  const before = alice.identityKey;
  const now = clock.now();
  clock.set(now + 3650 * DAY);
  hooks.publishEvents = () => {
    throw talosError("DIRECTORY_UNREACHABLE");
  };
  await assert.rejects(alice.rotateIdentity(), hasCode("DIRECTORY_UNREACHABLE"));
  clock.set(now + 1000);
  delete hooks.publishEvents;
  for (let round = 0; round < 100 && alice.identityKey === before; round++) {
    await clock.advance(HOUR);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.notEqual(alice.identityKey, before);
});
