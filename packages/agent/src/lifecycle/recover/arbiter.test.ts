import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { talosError } from "@talos/core";
import { AgentWorld, hasCode, InterceptedDirectory, take, TEST_PASSWORD, until, type DirectoryHooks } from "@talos/testkit";
import { HttpDirectory } from "../../directory/http-directory.ts";
import type { Environment } from "../../environment.ts";
import { openIn, recoverIdentityIn, type TalosClient } from "../../talos-client.ts";
import { recoveryOutlook } from "../recovery-outlook.ts";
import { lostMachine, type LostMachine } from "./recover-fixture.test.ts";

/** A rotation stands that the backup does not have: a recovery takes the kit. */
async function rotatedSince(before?: (alice: TalosClient, world: AgentWorld) => Promise<TalosClient | void>): Promise<LostMachine> {
  return await lostMachine({
    ...(before === undefined ? {} : { before }),
    after: async (alice) => {
      await alice.rotateIdentity();
      await alice.flush();
    },
  });
}

/** Hooks for one directory alone. */
function hooked(environment: Environment, url: string, hooks: DirectoryHooks): Environment {
  const openDirectory: Environment["openDirectory"] = (options) =>
    new InterceptedDirectory(new HttpDirectory(options), options.url === url ? hooks : {});
  return { ...environment, openDirectory };
}

async function headAt({ url, environment }: AgentWorld, { did }: LostMachine): Promise<number> {
  return (await recoveryOutlook(environment, { did, directory: url })).head;
}

async function exchanged(client: TalosClient, bob: TalosClient): Promise<void> {
  const sent = client.send(bob.did, "the one that lives", { waitFor: "delivered" });
  await take(bob, 1);
  await sent;
}

test("failure 38: of two that recover at once, one of them at a new home, one lives; the other is held for good, and no peer follows it", async () => {
  await using fresh = await AgentWorld.start();
  let bob: TalosClient | undefined;
  await using lost = await rotatedSince(async (alice, world) => {
    bob = await world.create("bob");
    await alice.send(bob.did, "one", { waitFor: "deposited" });
    await take(bob, 1);
  });
  assert.ok(bob !== undefined);
  const peer = bob;
  const both = await Promise.all([
    lost.recover({ recoveryKit: lost.kit, directory: fresh.url, dataDir: lost.world.dataDir("one") }),
    lost.recover({ recoveryKit: lost.kit, dataDir: lost.world.dataDir("two") }),
  ]);
  await until(() => both.filter(({ held }) => !held).length === 1, "one is let go");
  const [winner, loser] = both.toSorted((a, b) => Number(a.held) - Number(b.held)) as [TalosClient, TalosClient];
  await until(() => loser.status().held?.reason === "IDENTITY_MOVED", "the other one says why it is not");
  await assert.rejects(loser.sign("test", "no"), hasCode("RECOVERY_UNCHECKED"));
  await until(() => peer.peers.show(winner.did).head.seq === 2, "the peer hears of the winner");
  await exchanged(winner, peer);
  assert.deepEqual([loser.held, winner.superseded], [true, false]);
});

test("failure 38: a recovery at a new home that ended before its own commit stands at the one before: the next one follows it, and no peer is split off", async () => {
  await using fresh = await AgentWorld.start();
  await using lost = await rotatedSince();
  const ends = hooked(lost.world.environment, fresh.url, {
    eventsPublished: () => {
      throw talosError("DIRECTORY_UNREACHABLE");
    },
  });
  const first = await lost.recover({ recoveryKit: lost.kit, directory: fresh.url }, ends);
  assert.equal(first.held, true);
  await first.close();
  assert.deepEqual([await headAt(lost.world, lost), await headAt(fresh, lost)], [2, 2]);
  const second = await lost.recover({ recoveryKit: lost.kit, dataDir: lost.world.dataDir("second") });
  assert.deepEqual([second.held, second.recovered?.event?.seq], [false, 3]);
  const late = await openIn(lost.world.environment, { dataDir: lost.dataDir, password: TEST_PASSWORD });
  await until(() => late.status().held?.reason === "IDENTITY_MOVED", "the first one gives way");
  await late.close();
});

test("failure 38: while the home before is away the event is given to nobody, and what goes on without it is a person's word", async () => {
  await using elsewhere = await AgentWorld.start();
  await using fresh = await AgentWorld.start();
  const bob = await elsewhere.create("bob");
  await using lost = await rotatedSince(async (alice) => {
    await alice.send(`${bob.did}@${new URL(elsewhere.url).host}`, "one", { waitFor: "deposited" });
    await take(bob, 1);
  });
  await until(() => bob.peers.show(lost.did).head.seq === 1, "Bob has heard of the rotation, and his directory");
  await lost.world.stopDirectory();
  const choices = { recoveryKit: lost.kit, directory: fresh.url };
  const held = await lost.recover(choices);
  assert.deepEqual([held.recovered?.way, held.held], ["rotated", true]);
  await until(() => held.status().held?.reason === "DIRECTORY_UNREACHABLE", "it says why");
  await assert.rejects(headAt(fresh, lost), hasCode("AGENT_UNKNOWN"), "its new home has got nothing");
  await held.close();

  await lost.world.startDirectory();
  await using back = await openIn(lost.world.environment, { dataDir: lost.dataDir, password: TEST_PASSWORD });
  await until(() => !back.held, "the home before has accepted it");
  assert.deepEqual([await headAt(lost.world, lost), await headAt(fresh, lost)], [2, 2]);
  await exchanged(back, bob);

  await lost.world.stopDirectory();
  const said = await lost.recover({ ...choices, formerDirectoryGone: true, dataDir: lost.world.dataDir("said") });
  assert.deepEqual([said.held, said.recovered?.event?.seq], [false, 3], "what stands elsewhere is followed all the same");
});

for (const takes of [true, false]) {
  test(`a home before that has forgotten the agent, and ${takes ? "takes" : "refuses"} its log, is no obstacle`, async () => {
    await using elsewhere = await AgentWorld.start();
    await using fresh = await AgentWorld.start();
    const bob = await elsewhere.create("bob");
    await using lost = await rotatedSince(async (alice) => {
      await alice.send(`${bob.did}@${new URL(elsewhere.url).host}`, "one", { waitFor: "deposited" });
      await take(bob, 1);
    });
    await until(() => bob.peers.show(lost.did).head.seq === 1, "Bob has heard of the rotation, and his directory");
    const { world } = lost;
    await world.stopDirectory();
    for (const suffix of ["", "-wal", "-shm"]) rmSync(join(world.folder, `directory.db${suffix}`), { force: true });
    await world.startDirectory();
    const refusing = hooked(world.environment, world.url, {
      publishEvents: () => {
        throw talosError("AGENT_UNKNOWN");
      },
    });
    const back = await lost.recover({ recoveryKit: lost.kit, directory: fresh.url }, takes ? world.environment : refusing);
    assert.equal(back.held, false);
    assert.equal(await headAt(fresh, lost), 2);
    if (takes) assert.equal(await headAt(world, lost), 2, "whoever recovers there meets the event");
    else await assert.rejects(headAt(world, lost), hasCode("AGENT_UNKNOWN"));
  });
}

for (const what of ["the backup and the kit", "the kit alone"] as const) {
  test(`failure 38: an agent of ${what} whose home is away is let go by no other directory that its owner names meanwhile`, async () => {
    await using fresh = await AgentWorld.start();
    await using lost = await rotatedSince();
    const { world, dataDir } = lost;
    const takesNothing = hooked(world.environment, world.url, {
      publishEvents: () => {
        throw talosError("DIRECTORY_UNREACHABLE");
      },
    });
    const alone = { recoveryKit: lost.kit, directory: world.url, dataDir, newPassword: TEST_PASSWORD, cutAfter: 1 };
    const first =
      what === "the kit alone" ? await recoverIdentityIn(takesNothing, alone) : await lost.recover({ recoveryKit: lost.kit }, takesNothing);
    assert.equal(first.held, true);
    await first.close();
    await world.stopDirectory();
    const options = { dataDir, password: TEST_PASSWORD, directory: fresh.url };
    const moved = await openIn(world.environment, options);
    await until(() => moved.status().held?.lastAttemptAt !== undefined, "it has tried");
    assert.equal(moved.held, true);
    await assert.rejects(headAt(fresh, lost), hasCode("AGENT_UNKNOWN"), "that one has got nothing");
    await moved.close();
    await world.startDirectory();
    await using back = await openIn(world.environment, options);
    await until(() => !back.held, "the home that it had has accepted the event");
    assert.deepEqual([await headAt(world, lost), await headAt(fresh, lost)], [2, 2]);
  });
}

/** Alice was at home at `lost.world` first, where Bob is, and at `later` when the backup was made; a rotation stands since. */
async function movedHome(later: AgentWorld): Promise<{ readonly lost: LostMachine; readonly bob: TalosClient }> {
  let bob: TalosClient | undefined;
  const lost = await rotatedSince(async (alice, world) => {
    bob = await world.create("bob");
    await alice.send(bob.did, "one", { waitFor: "deposited" });
    await take(bob, 1);
    await alice.close();
    const moved = await world.open("alice", { directory: later.url });
    await until(() => moved.status().publication === "published", "she has moved");
    return moved;
  });
  return { lost, bob: bob ?? assert.fail() };
}

test("failure 38: while her home takes nothing a home of earlier hears nothing: a recovery on another machine, without that home, loses no peer there", async () => {
  await using later = await AgentWorld.start();
  const { lost, bob } = await movedHome(later);
  await using closing = lost;
  const { world } = closing;
  const takesNothing = hooked(world.environment, later.url, {
    publishEvents: () => {
      throw talosError("DIRECTORY_REFUSED");
    },
  });
  const first = await lost.recover({ recoveryKit: lost.kit }, takesNothing);
  await until(() => first.status().held?.reason === "DIRECTORY_REFUSED", "it is held");
  assert.ok((await headAt(world, lost)) < 2, "its event is nowhere");
  await first.close();
  await using second = await lost.recover({ recoveryKit: lost.kit, dataDir: world.dataDir("second") });
  assert.equal(second.held, false);
  await exchanged(second, bob);
  const late = await openIn(world.environment, { dataDir: lost.dataDir, password: TEST_PASSWORD });
  await until(() => late.status().held?.reason === "IDENTITY_MOVED", "the first one is held for good");
  await late.close();
});

test("failure 38: with homes of earlier too, of two that recover at once, one of them at a new home, one lives", async () => {
  await using later = await AgentWorld.start();
  await using fresh = await AgentWorld.start();
  const { lost, bob } = await movedHome(later);
  await using closing = lost;
  const both = await Promise.all([
    closing.recover({ recoveryKit: lost.kit, dataDir: lost.world.dataDir("one") }),
    lost.recover({ recoveryKit: lost.kit, directory: fresh.url, dataDir: lost.world.dataDir("two") }),
  ]);
  await until(() => both.filter(({ held }) => !held).length === 1, "one is let go");
  const [winner, loser] = both.toSorted((a, b) => Number(a.held) - Number(b.held)) as [TalosClient, TalosClient];
  await until(() => loser.status().held?.reason === "IDENTITY_MOVED", "the other one says why it is not");
  await exchanged(winner, bob);
});

test("another event of the recovery key at a home of earlier does not hold up what follows the one that the home has taken", async () => {
  await using later = await AgentWorld.start();
  const { lost } = await movedHome(later);
  await using closing = lost;
  const { world } = closing;
  const alone = { recoveryKit: lost.kit, directory: world.url, newPassword: TEST_PASSWORD, cutAfter: 0 };
  await (await recoverIdentityIn(world.environment, { ...alone, dataDir: world.dataDir("alone") })).close();
  await world.stopDirectory();
  await (await lost.recover({ recoveryKit: lost.kit })).close();
  await world.startDirectory();
  const again = { recoveryKit: lost.kit, dataDir: world.dataDir("again") };
  const asked = (await lost.recover(again).catch((error: unknown) => error)) as { readonly details: Record<string, unknown> };
  assert.ok(hasCode("INVALID_ARGUMENT")(asked), "two branches contend");
  const ours = String(asked.details["directory"])
    .split(", ")
    .find((name) => name.startsWith("2:"));
  const [seq, hash = ""] = (ours ?? assert.fail()).split(":");
  const back = await lost.recover({ ...again, cutAfter: { seq: Number(seq), hash } });
  await until(() => !back.held, "it lives");
  assert.equal(await headAt(later, lost), 3);
});

test("homes before that have the log are given the event too, and one that is away holds nothing up", async () => {
  await using later = await AgentWorld.start();
  await using lost = await rotatedSince(async (alice, world) => {
    await alice.close();
    const moved = await world.open("alice", { directory: later.url });
    await until(() => moved.status().publication === "published", "she has moved");
    return moved;
  });
  assert.deepEqual([await headAt(later, lost), await headAt(lost.world, lost)], [1, 0]);
  const back = await lost.recover({ recoveryKit: lost.kit });
  assert.deepEqual([back.directory, back.held], [later.url, false]);
  assert.deepEqual([await headAt(later, lost), await headAt(lost.world, lost)], [2, 2]);
  await back.rotateIdentity();
  await lost.world.stopDirectory();
  const again = await lost.recover({ recoveryKit: lost.kit, dataDir: lost.world.dataDir("again") });
  assert.deepEqual([again.held, await headAt(later, lost)], [false, 4]);
});
