import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { AgentEventMap, KeyStatus, TalosClient } from "@talos/agent";
import { DEFAULT_ROTATION_POLICY, fromHex, talosError, type BatchReplacement } from "@talos/core";
import { inspectStore } from "@talos/directory";
import { AgentWorld, hasCode, intercepting, ManualClock, take, until, type DirectoryHooks } from "@talos/testkit";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const TARGET = DEFAULT_ROTATION_POLICY.oneTimePrekeyTarget;

const signedPrekey = (client: TalosClient, state: KeyStatus["state"] = "live"): KeyStatus | undefined =>
  client.status().keys.find((key) => key.kind === "signed-prekey" && key.state === state);
const identityDueAt = (client: TalosClient): number | undefined => client.status().keys.find(({ role }) => role === "current")?.dueAt;
const signedIds = (client: TalosClient): readonly string[] =>
  client
    .status()
    .keys.filter(({ kind }) => kind === "signed-prekey")
    .map(({ keyId }) => keyId);
const idsOf = (client: TalosClient, state: KeyStatus["state"]): readonly string[] =>
  client
    .status()
    .keys.filter((key) => key.kind === "one-time-prekey" && key.state === state)
    .map(({ keyId }) => keyId);
const stockAt = (world: AgentWorld, { did }: TalosClient): number | undefined =>
  inspectStore(`sqlite:${join(world.folder, "directory.db")}`).find((agent) => agent.did === did)?.oneTimePrekeys;

/** A month off in one leap: what is destroyed by it needs a day more. */
async function later(clock: ManualClock, milliseconds: number, client: TalosClient): Promise<void> {
  await clock.advance(milliseconds);
  await client.maintain();
  await clock.advance(DAY);
  await client.maintain();
}

/** Time goes on until a message is there: whoever reads the mailbox may wait after a failure. */
async function hears(client: TalosClient, ...clocks: readonly ManualClock[]): Promise<string> {
  for (let round = 0; round < 200 && client.status().inbox.offered === 0; round++) {
    for (const clock of clocks) await clock.advance(1_000);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return (await take(client, 1))[0]?.text() ?? "";
}

/** Somebody new who writes to it, so that a one-time prekey is used. */
async function stranger(world: AgentWorld, name: string, to: TalosClient, text = "hello"): Promise<TalosClient> {
  const sender = await world.create(name);
  await sender.send(to.did, text, { waitFor: "deposited" });
  return sender;
}

test("rotateSignedPrekey replaces it, carries the one-time prekeys on, and what was sent to the one before opens", async () => {
  await using world = await AgentWorld.start();
  const bob = await world.create("bob");
  const before = signedPrekey(bob);
  const oneTime = idsOf(bob, "live");
  const alice = await world.create("alice");
  await alice.send(bob.did, "to the one before", { waitFor: "deposited" });
  const done: AgentEventMap["rotationDone"][] = [];
  bob.on("rotationDone", (event) => done.push(event));

  const rotated = await bob.rotateSignedPrekey();
  assert.equal(rotated.published, true);
  const after = signedPrekey(bob);
  assert.deepEqual([rotated.keyId, rotated.dueAt, rotated.expiresAt], [after?.keyId, after?.dueAt, after?.expiresAt]);
  assert.notEqual(after?.keyId, before?.keyId);
  assert.deepEqual([signedPrekey(bob, "retired")?.keyId, signedPrekey(bob, "retired")?.expiresAt], [before?.keyId, before?.expiresAt]);
  assert.equal(stockAt(world, bob), TARGET);
  // The one that was claimed is replaced by a fresh one.
  assert.equal(idsOf(bob, "live").filter((keyId) => oneTime.includes(keyId)).length, TARGET - 1);
  assert.deepEqual(
    done.map(({ kind, keyId }) => [kind, keyId]),
    [["rotate-signed-prekey", after?.keyId]],
  );

  await stranger(world, "carol", bob, "to the new one");
  assert.deepEqual(
    (await take(bob, 2)).map((message) => message.text()),
    ["to the one before", "to the new one"],
  );
  assert.deepEqual([idsOf(bob, "retired").length, idsOf(bob, "live").length], [0, TARGET - 1]);
});

test("replenishOneTimePrekeys fills up to a number, once however often it is called", async () => {
  await using world = await AgentWorld.start();
  const bob = await world.create("bob");
  const before = idsOf(bob, "live");
  assert.deepEqual(await bob.replenishOneTimePrekeys({ count: 130 }), { made: 30, stock: 130, published: true });
  assert.equal(stockAt(world, bob), 130);
  assert.deepEqual(await bob.replenishOneTimePrekeys({ count: 130 }), { made: 0, stock: 130, published: true });
  assert.deepEqual(await bob.replenishOneTimePrekeys(), { made: 0, stock: 130, published: true });
  assert.ok(before.every((keyId) => idsOf(bob, "live").includes(keyId)));
  await stranger(world, "alice", bob);
  assert.deepEqual(await bob.replenishOneTimePrekeys({ count: 130 }), { made: 1, stock: 130, published: true });
  assert.equal((await take(bob, 1))[0]?.text(), "hello");
  assert.deepEqual(bob.status().oneTimePrekeys.live, 130);
});

test("what is no number of prekeys is refused, and nothing is made", async () => {
  await using world = await AgentWorld.start();
  const bob = await world.create("bob", { directory: undefined as unknown as string });
  for (const count of [0, 1001, 2.5, "7", null, Number.NaN]) {
    await assert.rejects(bob.replenishOneTimePrekeys({ count: count as number }), hasCode("INVALID_ARGUMENT"), String(count));
  }
  await assert.rejects(bob.replenishOneTimePrekeys({ number: 5 } as object), hasCode("UNKNOWN_OPTION"));
  await assert.rejects(bob.replenishOneTimePrekeys(7 as unknown as object), hasCode("INVALID_ARGUMENT"));
  assert.equal(bob.status().oneTimePrekeys.live, TARGET);
});

test("without a directory both work here, and the publication waits for one", async () => {
  await using world = await AgentWorld.start();
  const bob = await world.create("bob", { directory: undefined as unknown as string });
  const rotated = await bob.rotateSignedPrekey();
  assert.equal(rotated.published, false);
  assert.equal(signedPrekey(bob)?.keyId, rotated.keyId);
  assert.deepEqual(await bob.replenishOneTimePrekeys({ count: 105 }), { made: 5, stock: 105, published: false });
  await bob.close();
  const opened = await world.open("bob", { directory: world.url });
  assert.equal(opened.status().publication, "published");
  assert.equal(stockAt(world, opened), 105);
  await stranger(world, "alice", opened);
  assert.equal((await take(opened, 1))[0]?.text(), "hello");
});

test("while the directory is away a rotation is durable, and is published once it answers; several become one", async () => {
  await using world = await AgentWorld.start();
  const bob = await world.create("bob");
  await world.stopDirectory();
  assert.equal((await bob.rotateSignedPrekey()).published, false);
  const { made, published } = await bob.replenishOneTimePrekeys({ count: 120 });
  assert.deepEqual([made, published], [20, false]);
  const last = await bob.rotateSignedPrekey();
  await bob.close();
  await world.startDirectory();
  const opened = await world.open("bob");
  assert.equal(opened.status().publication, "published");
  assert.equal(signedPrekey(opened)?.keyId, last.keyId);
  assert.equal(stockAt(world, opened), 120);
  await stranger(world, "alice", opened);
  assert.equal((await take(opened, 1))[0]?.text(), "hello");
});

test("failure 17: an upload whose answer was lost is sent again as the same bytes, and no id comes twice", async () => {
  await using world = await AgentWorld.start();
  const sent: BatchReplacement[] = [];
  let isLost = false;
  const hooks: DirectoryHooks = {
    replaceBatch: (replacement) => {
      sent.push(replacement);
      return replacement;
    },
    batchReplaced: () => {
      if (isLost) throw talosError("DIRECTORY_UNREACHABLE");
    },
  };
  const bob = await world.create("bob", {}, intercepting(world.environment, hooks));
  isLost = true;
  assert.equal((await bob.rotateSignedPrekey()).published, false);
  isLost = false;
  await until(() => bob.status().publication === "published", "sent again");
  const [, first, again] = sent;
  assert.deepEqual(again, first);
  assert.equal(stockAt(world, bob), TARGET);
});

test("failure 17: a lost answer and then another batch: the directory is told what it has, whatever it has", async () => {
  await using world = await AgentWorld.start();
  for (const arrived of [true, false]) {
    const name = arrived ? "bob" : "ben";
    let isCut = false;
    const fail = (): never => {
      throw talosError("DIRECTORY_UNREACHABLE");
    };
    const hooks: DirectoryHooks = {
      replaceBatch: (replacement) => (isCut && !arrived ? fail() : replacement),
      batchReplaced: () => (isCut && arrived ? fail() : undefined),
      // Nor does it hear what the directory has before the next batch is signed.
      prekeyStock: (stock) => (isCut ? fail() : stock),
    };
    const bob = await world.create(name, {}, intercepting(world.environment, hooks));
    isCut = true;
    assert.equal((await bob.replenishOneTimePrekeys({ count: 150 })).published, false);
    await bob.rotateSignedPrekey();
    isCut = false;
    await until(() => bob.status().publication === "published", `published (${name})`);
    assert.equal(stockAt(world, bob), 150, name);
    assert.equal(signedIds(bob).length, 2, "none was made but those that were asked for");
    await stranger(world, `a-${name}`, bob);
    assert.equal((await take(bob, 1))[0]?.text(), "hello");
  }
});

test("a directory that has lost everything gets everything again", async () => {
  await using world = await AgentWorld.start();
  const bob = await world.create("bob");
  await world.stopDirectory();
  for (const file of readdirSync(world.folder)) if (file.startsWith("directory.db")) rmSync(join(world.folder, file));
  await world.startDirectory();
  assert.equal((await bob.rotateSignedPrekey()).published, true);
  assert.equal(stockAt(world, bob), TARGET);
  await stranger(world, "alice", bob);
  assert.equal((await take(bob, 1))[0]?.text(), "hello");
});

test("a directory that disagrees gets a batch of new keys, a bounded number of times", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  let isWrong = false;
  let uploads = 0;
  const foreign = new Uint8Array(8).fill(7);
  const hooks: DirectoryHooks = {
    // One id too many is one that the directory has never seen.
    replaceBatch: (replacement) => {
      uploads += 1;
      return isWrong ? { ...replacement, carried: [...replacement.carried, foreign] } : replacement;
    },
  };
  const bob = await world.create("bob", {}, intercepting(world.environment, hooks));
  isWrong = true;
  uploads = 0;
  assert.equal((await bob.rotateSignedPrekey()).published, false);
  for (let round = 0; round < 50; round++) await clock.advance(MINUTE / 3).then(() => new Promise((resolve) => setTimeout(resolve, 5)));
  assert.ok(signedIds(bob).length <= 2 + 4, `${signedIds(bob).length} signed prekeys`);
  assert.ok(uploads < 40);
  isWrong = false;
  for (let round = 0; round < 50 && bob.status().publication !== "published"; round++) {
    await clock.advance(MINUTE);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.equal(bob.status().publication, "published");
  await stranger(world, "alice", bob);
  assert.equal((await take(bob, 1))[0]?.text(), "hello");
});

test("failure 20: no bundle is published for longer than 45 days, and none outlives its signed prekey", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  const seen: BatchReplacement[] = [];
  const hooks: DirectoryHooks = { replaceBatch: (replacement) => (seen.push(replacement), replacement) };
  const policy = { signedPrekeyDays: 31, signedPrekeyGraceDays: 14 };
  const bob = await world.create("bob", { rotation: policy }, intercepting(world.environment, hooks));
  for (let month = 0; month < 4; month++) await later(clock, 20 * DAY, bob);
  assert.ok(seen.length >= 3);
  await assert.rejects(world.create("ben", { rotation: { signedPrekeyDays: 32 } }), hasCode("INVALID_ARGUMENT"));
  for (const key of bob.status().keys.filter(({ kind }) => kind === "signed-prekey")) {
    assert.ok((key.expiresAt ?? 0) - key.createdAt <= 45 * DAY);
  }
});

test("failure 25: what is due is on disk: each rotation comes in its window, whoever was restarted or away in between", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  let bob = await world.create("bob");
  const start = clock.now();
  const born: number[] = [];
  const ids = new Set<string>();
  for (let day = 1; day <= 100; day++) {
    await clock.advance(DAY);
    if (day % 9 === 0) {
      await bob.close();
      bob = await world.open("bob");
    }
    await bob.maintain();
    const { keyId = "", createdAt = 0 } = signedPrekey(bob) ?? {};
    if (!ids.has(keyId)) born.push(createdAt - start);
    ids.add(keyId);
  }
  assert.equal(born.length, 4, "at the beginning and three times in 100 days");
  for (const [index, at] of born.entries()) {
    const age = at - (born[index - 1] ?? at);
    if (index > 0) assert.ok(age >= 28.5 * DAY && age <= 31 * DAY, `${age / DAY} days`);
  }
});

test("an open agent does it by itself, without being asked", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  const bob = await world.create("bob");
  const before = signedPrekey(bob)?.keyId;
  for (let hour = 0; hour < 31 * 24; hour += 12) {
    await clock.advance(12 * HOUR);
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
  const isDone = (): boolean => signedPrekey(bob)?.keyId !== before && bob.status().publication === "published";
  for (let round = 0; round < 300 && !isDone(); round++) {
    await clock.advance(MINUTE);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.ok(isDone());
  assert.equal(stockAt(world, bob), TARGET);
});

test("failure 25: after a year off everything is done once, in order, and the agent is reachable again", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  const bob = await world.create("bob");
  const [before, oneTime] = [signedPrekey(bob)?.keyId, idsOf(bob, "live")];
  await bob.close();
  await clock.advance(365 * DAY);
  const opened = await world.open("bob");
  const report = await opened.maintain();
  await until(() => opened.status().publication === "published", "published");
  assert.deepEqual(report.due, [{ kind: "rotate-identity", dueAt: identityDueAt(opened) }]);
  assert.equal(signedIds(opened).length, 2, "one rotation, not twelve");
  assert.notEqual(signedPrekey(opened)?.keyId, before);
  assert.ok(idsOf(opened, "live").every((keyId) => !oneTime.includes(keyId)));
  assert.equal(stockAt(world, opened), TARGET);
  await stranger(world, "alice", opened);
  assert.equal((await take(opened, 1))[0]?.text(), "hello");
  // And once the clock has stood for a day, what ran out meanwhile is gone.
  assert.equal(idsOf(opened, "retired").length, TARGET);
  await clock.advance(DAY);
  await opened.maintain();
  assert.deepEqual([idsOf(opened, "retired").length, signedIds(opened).length], [0, 1]);
  assert.equal((await opened.maintain()).done.length, 0, "nothing is left to do");
});

test("failure 19: a retired signed prekey is on disk until its expiry and 37 days, and gone after it", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  const bob = await world.create("bob");
  const alice = await world.create("alice");
  const { keyId = "", expiresAt = 0 } = signedPrekey(bob) ?? {};
  const isOnDisk = (): boolean => readdirSync(join(world.dataDir("bob"), "prekeys")).some((name) => name.includes(keyId));
  // Claimed in the last moment before the rotation, and carried as long as a mailbox may.
  await clock.advance(28 * DAY);
  await bob.maintain();
  await bob.close();
  await alice.send(bob.did, "in the last moment", { waitFor: "deposited" });
  await clock.advance(29 * DAY);
  const opened = await world.open("bob");
  await opened.maintain();
  assert.equal((await take(opened, 1))[0]?.text(), "in the last moment");
  assert.equal(signedPrekey(opened, "retired")?.keyId, keyId);
  const end = expiresAt + 37 * DAY;
  await clock.advance(DAY);
  await opened.maintain();
  await clock.advance(end - 1 - DAY - clock.now());
  await opened.maintain();
  await clock.advance(DAY);
  await opened.maintain();
  assert.deepEqual([clock.now(), isOnDisk()], [end - 1, true], "never earlier");
  assert.equal(signedPrekey(opened, "retired")?.keyId, keyId);
  await clock.advance(1);
  await opened.maintain();
  assert.equal(isOnDisk(), false, "and not later");
  assert.ok(!signedIds(opened).includes(keyId));
});

test("failure 14: when the stock falls out of the ordinary the application hears it, and it is filled up, a bounded number of times", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  const says = { left: TARGET, isLying: false };
  const wired: { bob?: TalosClient } = {};
  // It says that everything was claimed, at each look.
  const hooks: DirectoryHooks = {
    prekeyStock: (stock) => {
      if (!says.isLying || wired.bob === undefined) return stock;
      return { ...stock, oneTimePrekeys: says.left, claimed: idsOf(wired.bob, "live").map(fromHex) };
    },
  };
  const bob = await world.create("bob", { rotation: { refillsPerDay: 2 } }, intercepting(world.environment, hooks));
  wired.bob = bob;
  const low: AgentEventMap["prekeysLow"][] = [];
  bob.on("prekeysLow", (event) => low.push(event));
  await bob.maintain();
  assert.deepEqual(low, []);
  Object.assign(says, { left: 3, isLying: true });
  await clock.advance(HOUR);
  await bob.maintain();
  assert.deepEqual(low, [{ reason: "low", left: 3, target: TARGET, taken: 97, withinMilliseconds: HOUR }]);
  const made = (): number => idsOf(bob, "live").length + idsOf(bob, "retired").length;
  assert.ok(made() > TARGET, "filled up");
  for (let hour = 0; hour < 4 * 24; hour += 4) {
    await clock.advance(4 * HOUR);
    await bob.maintain();
  }
  assert.ok(made() >= TARGET * 7 && made() <= TARGET * (1 + 2 * 5), `${made()} prekeys`);
});

test("prekeys that are really used up are filled up again, by the loop of an open agent", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  const rotation = { oneTimePrekeyTarget: 4, refillBelow: 2 };
  const bob = await world.create("bob", { rotation });
  for (const name of ["a", "b", "c"]) await stranger(world, name, bob);
  assert.equal(stockAt(world, bob), 1);
  assert.equal((await take(bob, 3)).length, 3);
  // A day and more passes; then only a machine that is busy is waited for.
  for (let round = 0; round < 500 && stockAt(world, bob) !== 4; round++) {
    if (round < 60) await clock.advance(HOUR / 2);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal(stockAt(world, bob), 4);
  assert.equal(bob.status().oneTimePrekeys.atDirectory?.count, 4);
  const session = await stranger(world, "d", bob, "after the refill");
  assert.equal((await take(bob, 1))[0]?.text(), "after the refill");
  assert.ok(session.did.length > 0);
});

test("a clock that goes back makes nothing due, says so, and harms nothing; one that stays there is believed", async () => {
  const others = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock: others } });
  const clock = new ManualClock();
  const pass = async (milliseconds: number): Promise<void> => {
    await others.advance(milliseconds);
    await clock.advance(milliseconds);
  };
  const bob = await world.create("bob", {}, { ...world.environment, clock });
  await bob.maintain();
  await world.stopDirectory();
  const right = clock.now();
  clock.set(right + 400 * DAY);
  await bob.maintain();
  const ahead = signedPrekey(bob)?.keyId;
  const kept = idsOf(bob, "live");
  clock.set(right);
  await pass(HOUR);
  const codes = (): readonly string[] => bob.status().findings.map(({ code }) => code);
  await bob.maintain();
  assert.deepEqual(codes(), ["CLOCK_BEHIND"]);
  assert.deepEqual([signedPrekey(bob)?.keyId, idsOf(bob, "live")], [ahead, kept], "nothing is due, late or not");
  await pass(23 * HOUR);
  await bob.maintain();
  assert.deepEqual([signedPrekey(bob)?.keyId, codes()], [ahead, ["CLOCK_BEHIND"]]);
  await pass(HOUR);
  await bob.maintain();
  assert.deepEqual(codes(), []);
  assert.notEqual(signedPrekey(bob)?.keyId, ahead, "made by a clock of the future, so due now");
  assert.ok((signedPrekey(bob)?.createdAt ?? Infinity) <= clock.now());
  await world.startDirectory();
  await bob.maintain();
  assert.equal(bob.status().publication, "published");
  await stranger(world, "alice", bob);
  assert.equal(await hears(bob, others, clock), "hello");
  // What was made in the time to come ends too, and not a year later.
  await pass((45 + 37 - 3) * DAY);
  await bob.maintain();
  assert.ok(signedIds(bob).includes(ahead ?? ""));
  for (let day = 0; day < 4; day++) {
    await pass(DAY);
    await bob.maintain();
  }
  assert.ok(!signedIds(bob).includes(ahead ?? ""));
});

test("a directory that says that a batch is of no time of its own heals it before the day is over", async () => {
  const others = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock: others } });
  const clock = new ManualClock();
  const bob = await world.create("bob", {}, { ...world.environment, clock });
  await bob.maintain();
  const right = clock.now();
  clock.set(right + 400 * DAY);
  await bob.maintain();
  assert.equal(bob.status().publication, "unpublished");
  clock.set(right + MINUTE);
  await bob.maintain();
  assert.equal(bob.status().publication, "published");
  assert.ok((signedPrekey(bob)?.createdAt ?? Infinity) <= clock.now());
  await stranger(world, "alice", bob);
  assert.equal(await hears(bob, others, clock), "hello");
});

test("the identity is announced before it is due; by itself it is rotated only where that was chosen, and then once", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  const bob = await world.create("bob", { rotation: { identityDays: 60, identityWarningDays: 10 } });
  const before = bob.identityKey;
  const announced: AgentEventMap["rotationDue"][] = [];
  bob.on("rotationDue", (event) => announced.push(event));
  const dueAt = identityDueAt(bob) ?? 0;
  await later(clock, 51 * DAY, bob);
  assert.deepEqual(announced, [{ kind: "rotate-identity", dueAt }]);
  await later(clock, 10 * DAY, bob);
  assert.deepEqual(announced, [
    { kind: "rotate-identity", dueAt },
    { kind: "rotate-identity", dueAt },
  ]);
  assert.deepEqual((await bob.maintain()).due, [{ kind: "rotate-identity", dueAt }]);
  assert.equal(bob.identityKey, before);
  await bob.close();

  const opened = await world.open("bob", { rotation: { identityDays: 60, identityWarningDays: 10, identityAutomatic: true } });
  await clock.advance(HOUR);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(opened.identityKey, before, "an agent that is merely open leaves it to its owner");
  const stop = opened.startMaintenance();
  await until(() => opened.identityKey !== before, "rotated");
  stop();
  stop();
  const after = opened.identityKey;
  assert.deepEqual((await opened.maintain()).due, []);
  assert.equal(opened.identityKey, after);
  await until(() => opened.status().publication === "published", "published");
  await stranger(world, "alice", opened);
  assert.equal(await hears(opened, clock), "hello");
});

test("maintain by itself rotates the identity where that was chosen", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  const rotation = { identityDays: 60, identityWarningDays: 10, identityAutomatic: true };
  const bob = await world.create("bob", { rotation });
  const before = bob.identityKey;
  await clock.advance(60 * DAY);
  const { done } = await bob.maintain();
  assert.ok(done.some(({ kind }) => kind === "rotate-identity"));
  assert.notEqual(bob.identityKey, before);
});

test("unclaimed one-time prekeys are replaced before they expire, and their private parts end 37 days after it", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  const bob = await world.create("bob");
  const first = idsOf(bob, "live");
  const expiresAt = bob.status().keys.find(({ kind }) => kind === "one-time-prekey")?.expiresAt ?? 0;
  const start = clock.now();
  await clock.advance(73 * DAY);
  await bob.maintain();
  while (idsOf(bob, "live").some((keyId) => first.includes(keyId))) {
    await clock.advance(12 * HOUR);
    await bob.maintain();
    assert.equal(stockAt(world, bob), TARGET);
  }
  assert.ok(clock.now() >= start + 74 * DAY && clock.now() <= start + 77 * DAY, `${(clock.now() - start) / DAY}`);
  await clock.advance(expiresAt + 37 * DAY - 2 * DAY - clock.now());
  await bob.maintain();
  await clock.advance(DAY);
  await bob.maintain();
  assert.ok(first.every((keyId) => idsOf(bob, "retired").includes(keyId)));
  await clock.advance(DAY);
  await bob.maintain();
  assert.equal(idsOf(bob, "retired").filter((keyId) => first.includes(keyId)).length, 0);
  const names = readdirSync(join(world.dataDir("bob"), "prekeys"));
  assert.equal(names.filter((name) => first.some((keyId) => name.includes(keyId))).length, 0);
});

test("what falls due while a round waits for the directory is done right after it, not an hour later", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  const look = { isAwaited: false };
  const hooks: DirectoryHooks = {
    // The certificate was in order when the round began.
    prekeyStock: async (stock) => {
      if (!look.isAwaited) return stock;
      look.isAwaited = false;
      await clock.advance(16 * HOUR);
      return stock;
    },
  };
  const bob = await world.create("bob", {}, intercepting(world.environment, hooks));
  await bob.maintain();
  const before = bob.status().certificate?.from;
  look.isAwaited = true;
  for (let round = 0; look.isAwaited && round < 12; round++) {
    await clock.advance(HOUR);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.equal(look.isAwaited, false, "a round has asked for the stock");
  for (let round = 0; round < 20 && bob.status().certificate?.from === before; round++) {
    await clock.advance(MINUTE);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.notEqual(bob.status().certificate?.from, before);
});

test("a policy out of its bounds is refused by name when the agent is made or opened", async () => {
  await using world = await AgentWorld.start();
  await assert.rejects(world.create("bob", { rotation: { refillBelow: 0 } }), hasCode("INVALID_ARGUMENT"));
  await assert.rejects(world.create("bob", { rotation: { refilBelow: 5 } as object }), hasCode("UNKNOWN_OPTION"));
  await world.create("bob");
});
