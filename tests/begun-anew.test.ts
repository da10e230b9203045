// A peer that begins anew, from an older copy of itself: it greets, and what it may have lost comes again without anybody having to write
// first. And what neither that nor anything like it can be used for.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TalosClient } from "@talos/agent";
import { AgentWorld, take, TEST_PASSWORD, until } from "@talos/testkit";
import type { Environment } from "../packages/agent/src/environment.ts";
import { takeoverIn } from "../packages/agent/src/talos-client.ts";

type Told = Parameters<Parameters<typeof TalosClient.prototype.on<"peerSessionsReplaced">>[1]>[0];

function listen(client: TalosClient): Told[] {
  const told: Told[] = [];
  client.on("peerSessionsReplaced", (event) => told.push(event));
  return told;
}

/** Those that open here are closed before the world ends. */
class Takeovers implements AsyncDisposable {
  readonly #world: AgentWorld;
  readonly #taken: TalosClient[] = [];

  constructor(world: AgentWorld) {
    this.#world = world;
  }

  async of(name: string, environment: Environment = this.#world.environment): Promise<TalosClient> {
    const client = await takeoverIn(environment, { dataDir: this.#world.dataDir(name), password: TEST_PASSWORD });
    this.#taken.push(client);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#taken) await client.close();
  }
}

/** Both have written to each other, and everything is acknowledged. */
async function acquainted(world: AgentWorld): Promise<{ readonly alice: TalosClient; readonly bob: TalosClient }> {
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  const hello = await alice.send(bob.did, "hello");
  await take(bob, 1);
  const answer = await bob.send(alice.did, "hello to you");
  await take(alice, 1);
  await Promise.all([alice.flush(), bob.flush()]);
  await until(() => bob.outbox(answer.messageId)?.state === "delivered", "alice's acknowledgement");
  await until(() => alice.outbox(hello.messageId)?.state === "delivered", "bob's acknowledgement");
  return { alice, bob };
}

const texts = (messages: readonly { text(): string; resent: boolean }[]): [string, boolean][] =>
  messages.map((message) => [message.text(), message.resent]);
const replaced = (client: TalosClient): number => client.audit.list().filter(({ kind }) => kind === "session-replaced").length;

test("what a copy had been given before it was lost comes again to the older copy that takes over, in order, with nobody writing first", async () => {
  await using world = await AgentWorld.start();
  await using takeovers = new Takeovers(world);
  const { alice, bob } = await acquainted(world);
  await alice.close();
  world.copyDataDir("alice", "old");
  const doomed = await world.open("alice");
  const sent = [
    await bob.send(doomed.did, "acknowledged"),
    await bob.send(doomed.did, "one"),
    await bob.send(doomed.did, "two", { waitFor: "deposited" }),
  ];
  const [acknowledged] = await take(doomed, 1);
  assert.equal(acknowledged?.text(), "acknowledged");
  await doomed.flush();
  await until(() => bob.outbox(sent[0]?.messageId ?? "")?.state === "delivered", "heard");
  // The mailbox has been told, and the application has seen them; both are gone with the machine.
  await take(doomed, 2, false);
  await doomed.flush();
  await doomed.close();
  const told = listen(bob);

  const taken = await takeovers.of("old");
  const messages = await take(taken, 2);
  assert.deepEqual(texts(messages), [
    ["one", true],
    ["two", true],
  ]);
  assert.deepEqual(
    messages.map(({ id }) => id),
    sent.slice(1).map(({ messageId }) => messageId),
  );
  for (const { messageId } of sent) await until(() => bob.outbox(messageId)?.state === "delivered", "acknowledged");
  const { generation } = taken.status();
  assert.deepEqual(told, [{ peerDid: taken.did, seq: 0, generation, resent: 2 }]);
  assert.equal(replaced(bob), 1);
  await taken.flush();
  assert.equal(taken.status().inbox.offered, 0, "what its sender knew to be acknowledged does not come again");
  await taken.send(bob.did, "on we go");
  assert.deepEqual(texts(await take(bob, 1)), [["on we go", false]]);
});

test("what waited in the mailbox of the lost copy is answered, and gives up no session that was begun since", async () => {
  await using world = await AgentWorld.start();
  await using takeovers = new Takeovers(world);
  const { alice, bob } = await acquainted(world);
  await alice.close();
  world.copyDataDir("alice", "old");
  const doomed = await world.open("alice");
  // The old copy knows nothing of the session that these are in, or of where it has come to.
  await bob.send(doomed.did, "turned", { waitFor: "deposited" });
  await take(doomed, 1);
  await doomed.send(bob.did, "turned again", { waitFor: "deposited" });
  await take(bob, 1);
  await doomed.close();
  const sent = [await bob.send(alice.did, "one"), await bob.send(alice.did, "two"), await bob.send(alice.did, "three")];
  await bob.flush();
  const taken = await takeovers.of("old");
  const messages = await take(taken, 3);
  assert.deepEqual(
    messages.map((message) => [message.id, message.text(), message.resent]),
    sent.map(({ messageId }, at) => [messageId, ["one", "two", "three"][at], true]),
  );
  for (const { messageId } of sent) await until(() => bob.outbox(messageId)?.state === "delivered", "acknowledged");
  await Promise.all([taken.flush(), bob.flush()]);
  assert.ok(replaced(bob) <= 1, `${replaced(bob)} replacements`);
  await bob.send(taken.did, "four", { waitFor: "deposited" });
  assert.deepEqual(texts(await take(taken, 1)), [["four", false]]);
});

test("two agents that begin anew at once find together", async () => {
  await using world = await AgentWorld.start();
  await using takeovers = new Takeovers(world);
  const { alice, bob } = await acquainted(world);
  await Promise.all([alice.close(), bob.close()]);
  for (const name of ["alice", "bob"]) world.copyDataDir(name, `${name}-old`);
  for (let round = 0; round < 2; round++) {
    const [one, other] = [await world.open("alice"), await world.open("bob")];
    await one.send(other.did, "gone", { waitFor: "deposited" });
    await take(other, 1);
    await one.close();
    await other.close();
  }
  const [one, other] = await Promise.all([takeovers.of("alice-old"), takeovers.of("bob-old")]);
  await Promise.all([one.flush(), other.flush()]);
  await Promise.all([one.send(other.did, "to bob"), other.send(one.did, "to alice")]);
  assert.deepEqual(
    (await take(other, 1)).map((message) => message.text()),
    ["to bob"],
  );
  assert.deepEqual(
    (await take(one, 1)).map((message) => message.text()),
    ["to alice"],
  );
  await one.send(other.did, "again");
  assert.deepEqual(
    (await take(other, 1)).map((message) => message.text()),
    ["again"],
  );
});
