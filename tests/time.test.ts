import assert from "node:assert/strict";
import { test } from "node:test";
import type { TalosClient } from "@talos/agent";
import { AgentWorld, intercepting, ManualClock, take, tamper, until, type DirectoryHooks } from "@talos/testkit";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Time passes as for agents that run: in steps, each time with what it made due. */
async function pass(clock: ManualClock, milliseconds: number, step: number = 6 * HOUR): Promise<void> {
  for (let left = milliseconds; left > 0; left -= step) {
    await clock.advance(Math.min(step, left));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Time goes on until it holds: whoever was about to ask when the clock moved asks again after a pause. */
async function passUntil(clock: ManualClock, holds: () => boolean, what: string, step: number = 1_000): Promise<void> {
  for (let round = 0; !holds(); round++) {
    if (round === 200) throw new Error(`it never came to this: ${what}`);
    await pass(clock, step, step);
  }
}

/** Goes through what a message needs when nobody moves the clock: the two seconds that an acknowledgement waits. */
async function acknowledged(clock: ManualClock, sender: TalosClient, messageId: string): Promise<void> {
  for (let round = 0; round < 200 && sender.outbox(messageId)?.state !== "delivered"; round++) {
    await clock.advance(500);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.equal(sender.outbox(messageId)?.state, "delivered");
}

test("the certificate is renewed at two thirds of its life, for the same instance, and known to the directory", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  const before = alice.status().certificate;
  await pass(clock, 17 * HOUR);
  await passUntil(clock, () => alice.status().certificate?.from !== before?.from, "renewed");
  const after = alice.status().certificate;
  assert.equal(after?.generation, before?.generation);
  assert.ok((after?.from ?? 0) - (before?.from ?? 0) >= 16 * HOUR);
  const { messageId } = await alice.send(bob.did, "a day later", { waitFor: "deposited" });
  await passUntil(clock, () => bob.status().inbox.offered === 1, "arrived");
  assert.equal((await take(bob, 1))[0]?.text(), "a day later");
  await acknowledged(clock, alice, messageId);
});

test("an agent that slept longer than its certificate lives renews it before it sends", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await alice.send(bob.did, "one", { waitFor: "deposited" });
  await clock.advance(3 * DAY);
  await alice.send(bob.did, "two", { waitFor: "deposited" });
  assert.deepEqual(
    (await take(bob, 2)).map((message) => message.text()),
    ["one", "two"],
  );
});

test("a message says when it was written, however long its way out takes, as far as the certificate goes", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await alice.send(bob.did, "session", { waitFor: "deposited" });
  await world.stopDirectory();
  const sentAt = clock.now();
  await alice.send(bob.did, "in front");
  await alice.send(bob.did, "written at noon");
  await pass(clock, 2 * HOUR, 600_000);
  await world.startDirectory();
  for (let round = 0; round < 100 && alice.status().outbox.deposited < 3; round++) await pass(clock, 60_000, 60_000);
  const times = (await take(bob, 3)).map(({ time }) => time);
  assert.deepEqual(times.slice(1), [sentAt, sentAt]);

  await world.stopDirectory();
  await alice.send(bob.did, "in front");
  await alice.send(bob.did, "under a certificate of long ago");
  await pass(clock, 3 * DAY, 6 * HOUR);
  const before = clock.now();
  await world.startDirectory();
  for (let round = 0; round < 100 && alice.status().outbox.deposited < 5; round++) await pass(clock, 60_000, 60_000);
  const [, late] = await take(bob, 2);
  assert.ok((late?.time ?? 0) >= before, "sealed under a newer one, whose time it carries");
});

test("failure 48: nothing is sent under a head that is older than three weeks; it goes out once the peer was seen again", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  const { did } = bob;
  await alice.send(did, "one", { waitFor: "deposited" });
  await take(bob, 1);
  await bob.send(alice.did, "answer");
  await take(alice, 1);
  await bob.close();
  await pass(clock, 22 * DAY, DAY);
  const { messageId, state, reason } = await alice.send(did, "three weeks later");
  assert.deepEqual([state, reason], ["waiting", "peer-head-stale"]);
  await until(() => alice.outbox(messageId)?.lastError === "PEER_HEAD_STALE", "the directory has nothing newer");
  assert.equal(alice.outbox(messageId)?.state, "waiting");
  const again = await world.open("bob");
  await pass(clock, 2 * 60_000, 20_000);
  assert.equal((await take(again, 1))[0]?.text(), "three weeks later");
});

test("what nobody acknowledges goes out once more after 31 days, as the same bytes, and is given up after 90", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  const waiting = alice.send(bob.did, "hello?", { waitFor: "delivered" }).then(
    () => "delivered",
    (error: unknown) => String(error),
  );
  await until(() => alice.status().outbox.deposited === 1, "deposited");
  const [row] = alice.status().outbox.rows;
  await bob.close();
  await pass(clock, 32 * DAY, DAY);
  const isAgain = (): boolean => (alice.outbox(row?.messageId ?? "")?.depositedAt ?? 0) > (row?.depositedAt ?? 0);
  await passUntil(clock, isAgain, "deposited again", HOUR);
  await pass(clock, 59 * DAY, DAY);
  await passUntil(clock, () => alice.outbox(row?.messageId ?? "")?.state === "expired", "given up", HOUR);
  assert.match(await waiting, /DELIVERY_NOT_REACHED/);
});

test("a receiver that has sent nothing for a day turns the ratchet", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await alice.send(bob.did, "one", { waitFor: "deposited" });
  await take(bob, 1, false);
  assert.equal(alice.status().sessions[0]?.answered, false);
  await pass(clock, 26 * HOUR, HOUR);
  await passUntil(clock, () => alice.status().sessions[0]?.answered === true, "alice has heard bob");
  assert.equal(bob.status().inbox.offered, 1);
});

test("two agents that have nothing to say leave each other nothing", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  let deposits = 0;
  const hooks: DirectoryHooks = {
    deposited: () => {
      deposits += 1;
    },
  };
  const environment = intercepting(world.environment, hooks);
  const alice = await world.create("alice", {}, environment);
  const bob = await world.create("bob", {}, environment);
  await alice.send(bob.did, "hello", { waitFor: "deposited" });
  await take(bob, 1);
  const { messageId } = await bob.send(alice.did, "hello to you", { waitFor: "deposited" });
  await take(alice, 1);
  await acknowledged(clock, bob, messageId);
  // Not acknowledged by its application: bob turns once, and alice has nothing to answer.
  await alice.send(bob.did, "and?", { waitFor: "deposited" });
  await take(bob, 1, false);
  await pass(clock, 2 * DAY);
  deposits = 0;
  await pass(clock, 7 * DAY);
  assert.equal(deposits, 0);
});

test("what its recipient lost after the mailbox was told comes again a month later, past a directory that remembers it", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await alice.send(bob.did, "hello", { waitFor: "deposited" });
  await take(bob, 1);
  await bob.close();
  const { messageId } = await alice.send(bob.did, "lost", { waitFor: "deposited" });
  // It comes when it has lain there for three weeks.
  await pass(clock, 20 * DAY, DAY);
  const late = await world.open("bob");
  await take(late, 1, false);
  await pass(clock, 5_000, 500);
  await late.close();
  tamper(world.dataDir("bob"), "DELETE FROM sessions; DELETE FROM inbox; DELETE FROM opened; DELETE FROM seen");
  const again = await world.open("bob");
  await pass(clock, 12 * DAY, DAY);
  await passUntil(clock, () => again.status().inbox.offered > 0, "it comes again");
  const [message] = await take(again, 1);
  assert.deepEqual([message?.id, message?.text(), message?.resent], [messageId, "lost", true]);
});

test("a clock that was ahead for a while and is set right stops nothing", async () => {
  await using world = await AgentWorld.start({ environment: { clock: new ManualClock() } });
  const clock = new ManualClock();
  const alice = await world.create("alice", {}, { ...world.environment, clock });
  const bob = await world.create("bob");
  const right = clock.now();
  await alice.send(bob.did, "before", { waitFor: "deposited" });

  clock.set(right + 3 * DAY);
  await alice.send(bob.did, "from the future");
  await pass(clock, 10_000, 500);
  assert.ok((alice.status().certificate?.from ?? 0) > right + 2 * DAY, "renewed under the wrong time");
  clock.set(right + 20_000);
  const { messageId } = await alice.send(bob.did, "after");
  for (let round = 0; round < 100 && alice.outbox(messageId)?.state !== "deposited"; round++) await pass(clock, 500, 500);
  assert.equal(alice.outbox(messageId)?.state, "deposited");
  assert.ok((alice.status().certificate?.from ?? Infinity) <= clock.now(), "renewed under the right time");
  assert.equal((await take(bob, 1))[0]?.text(), "before");
  const next = (await take(bob, 1))[0]?.text();
  assert.ok(next === "after" || (next === "from the future" && (await take(bob, 1))[0]?.text() === "after"));
});
