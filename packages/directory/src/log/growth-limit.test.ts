/** How fast a log may grow at a directory, and what that must not hinder. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAgentAnswer } from "@talos/core";
import { DirectoryUser, TestDirectory, type RawAnswer } from "@talos/testkit";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

function outcome({ status, code, headers }: RawAnswer): string {
  return status === 200 ? "taken" : `${code} ${headers["retry-after"] ?? ""}`.trim();
}

async function lengthOf(directory: TestDirectory, user: DirectoryUser): Promise<number> {
  return parseAgentAnswer((await directory.send({ method: "GET", target: `/v1/agents/${user.did}` })).json()).log.length;
}

test("a log grows by so many events a day, across a restart, and the refusal says when there is room", async () => {
  await using directory = await TestDirectory.start({ limits: { eventsPerDay: 4 } });
  const user = new DirectoryUser(directory);
  assert.equal(outcome(await user.publish()), "taken");
  directory.now += HOUR_MS;
  for (let i = 0; i < 3; i++) assert.equal(outcome(await user.rotate()), "taken");
  await directory.restart();
  const more = [user.identity.rotate({ time: directory.now }), user.identity.rotate({ time: directory.now })];
  assert.equal(outcome(await user.publish(more.slice(0, 1))), `RATE_LIMITED ${23 * 3600}`);
  assert.equal(outcome(await user.publish(more)), `RATE_LIMITED ${24 * 3600}`);
  assert.equal(await lengthOf(directory, user), 4);
  assert.equal(outcome(await user.publish(user.log.events.slice(0, 4))), "taken", "what is here already");
  directory.now += 23 * HOUR_MS;
  assert.equal(outcome(await user.publish(more.slice(0, 1))), "taken");
  directory.now += HOUR_MS;
  assert.equal(outcome(await user.publish(more)), "taken");
  assert.equal(await lengthOf(directory, user), 6);
});

test("what is too much is refused before its signatures are looked at, and what is no successor for what it is", async () => {
  await using directory = await TestDirectory.start({ limits: { eventsPerDay: 2 } });
  const user = await DirectoryUser.register(directory);
  const thief = user.thief();
  await user.rotate();
  const forged = user.identity.rotate({ time: directory.now }).slice();
  forged[forged.length - 1] = (forged.at(-1) as number) ^ 1;
  assert.equal(outcome(await user.publish([forged])), `RATE_LIMITED ${24 * 3600}`);
  assert.equal(outcome(await thief.rotate()), "IDENTITY_MOVED", "the alarm is not silenced");
  const whole = new DirectoryUser(directory);
  for (let i = 0; i < 2; i++) whole.identity.rotate({ time: directory.now });
  assert.equal(outcome(await whole.publish()), `RATE_LIMITED ${24 * 3600}`);
  assert.equal(outcome(await whole.publish(whole.log.events.slice(0, 2))), "taken");
});

test("failure 23: who has the online keys cannot use up what the owner's recovery needs", async () => {
  await using directory = await TestDirectory.start({ limits: { eventsPerDay: 3 } });
  const owner = await DirectoryUser.register(directory);
  const thief = owner.thief();
  for (let i = 0; i < 2; i++) assert.equal(outcome(await thief.rotate()), "taken");
  assert.equal(outcome(await thief.rotate()), `RATE_LIMITED ${24 * 3600}`);
  assert.equal(outcome(await owner.rotate({ authority: "recovery", reason: "compromise", after: 0 })), "taken");
  assert.equal(outcome(await owner.rotate()), "taken", "what was cut off does not count");
  // Nor is the kit a way around the limit.
  for (let i = 0; i < 2; i++) assert.equal(outcome(await owner.rotate({ authority: "recovery" })), "taken");
  assert.equal(outcome(await owner.rotate({ authority: "recovery" })), `RATE_LIMITED ${24 * 3600}`);
  directory.now += DAY_MS;
  assert.equal(outcome(await owner.publish()), "taken");
});

test("a branch that takes the place of another is limited as well", async () => {
  await using directory = await TestDirectory.start({ limits: { eventsPerDay: 3 } });
  const owner = await DirectoryUser.register(directory);
  await owner.rotate();
  await owner.rotate();
  const head = owner.log.head.seq;
  const events = [owner.identity.rotate({ time: directory.now, authority: "recovery", after: head - 1 })];
  events.push(owner.identity.rotate({ time: directory.now }), owner.identity.rotate({ time: directory.now }));
  assert.equal(outcome(await owner.publish(events)), `RATE_LIMITED ${24 * 3600}`);
  assert.equal(outcome(await owner.publish(events.slice(0, 2))), "taken");
});

test("a clock of the server that was set back locks nobody out", async () => {
  await using directory = await TestDirectory.start({ limits: { eventsPerDay: 2 } });
  directory.now += 400 * DAY_MS;
  const user = await DirectoryUser.register(directory);
  await user.rotate();
  directory.now -= 400 * DAY_MS;
  assert.equal(outcome(await user.rotate()), "taken");
});
