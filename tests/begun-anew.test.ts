// A peer that begins anew, from an older copy of itself: it greets, and what it may have lost comes again without anybody having to write
// first. And what neither that nor anything like it can be used for.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { OpenOptions, TalosClient } from "@talos/agent";
import {
  assembleNotice,
  decodeEnvelope,
  didToAgentId,
  envelopeId,
  nodeCrypto,
  prepareNotice,
  ROLE,
  type AgentId,
  type EnvelopeId,
  type MailboxItem,
  type UnverifiedBundle,
} from "@talos/core";
import { AgentWorld, intercepting, ManualClock, take, TEST_PASSWORD, until, type DirectoryHooks } from "@talos/testkit";
import type { AgentContext } from "../packages/agent/src/context.ts";
import type { Environment } from "../packages/agent/src/environment.ts";
import { enter } from "../packages/agent/src/lifecycle/enter-agent.ts";
import { takeNotice } from "../packages/agent/src/messaging/arriving-notice.ts";
import { controlDue } from "../packages/agent/src/messaging/control-frames.ts";
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

  async of(name: string, environment: Environment = this.#world.environment, options: OpenOptions = {}): Promise<TalosClient> {
    const client = await takeoverIn(environment, { dataDir: this.#world.dataDir(name), password: TEST_PASSWORD, ...options });
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

/** What comes by the next look into a mailbox shows that it was told of what the one before brought. */
async function tellMailbox(client: TalosClient, peer: TalosClient): Promise<void> {
  const { messageId } = await peer.send(client.did, "later", { waitFor: "deposited" });
  for await (const message of client.receive({ signal: AbortSignal.timeout(10_000) })) {
    if (message.id !== messageId) continue;
    await message.ack();
    break;
  }
  await client.flush();
  await until(() => peer.outbox(messageId)?.state === "delivered", "heard");
}

interface Lost {
  readonly bob: TalosClient;
  readonly aliceDid: string;
  /** Of bob, to alice. */
  readonly messageId: string;
  readonly told: Told[];
}

/** Alice is closed; her copy `old` is from before bob's message, which her mailbox was told of and her application was not. */
async function loseOne(world: AgentWorld, text: string | Uint8Array = "lost"): Promise<Lost> {
  const { alice, bob } = await acquainted(world);
  await alice.close();
  world.copyDataDir("alice", "old");
  const doomed = await world.open("alice");
  const { messageId } = await bob.send(doomed.did, text, { waitFor: "deposited" });
  await take(doomed, 1, false);
  await tellMailbox(doomed, bob);
  await doomed.close();
  return { bob, aliceDid: doomed.did, messageId, told: listen(bob) };
}

/** First messages that leave by this environment. */
function firstMessages(hooks: DirectoryHooks): () => number {
  let count = 0;
  hooks.deposited = (item) => {
    // 1,275 bytes of a handshake and more; a notice and a message of a session that goes on are smaller.
    if (item.length > 1_275) count += 1;
  };
  return () => count;
}

const texts = (messages: readonly { text(): string; resent: boolean }[]): [string, boolean][] =>
  messages.map((message) => [message.text(), message.resent]);
const only = (client: TalosClient): string[] =>
  client
    .status()
    .sessions.filter(({ sending }) => sending)
    .map(({ sessionId }) => sessionId);
const HOUR = 3_600_000;
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
  await tellMailbox(doomed, bob);
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
  // Each has heard the other in the session that both keep.
  await one.send(other.did, "again");
  await take(other, 1);
  await other.send(one.did, "and again");
  await take(one, 1);
  assert.deepEqual(only(one), only(other));
});

test("what was written in a session that the lost copy never answered comes again as well, by the one that it begins", async () => {
  await using world = await AgentWorld.start();
  await using takeovers = new Takeovers(world);
  const alice = await world.create("alice");
  // Of two sessions that were begun at once the smaller hash stays: of so many some are smaller, and lost all the same.
  const peers = await Promise.all(Array.from({ length: 8 }, async (_, n) => await world.create(`bob-${n}`)));
  for (const bob of peers) {
    await alice.peers.add(bob.did);
    alice.peers.verify(bob.did, bob.peers.fingerprint(alice.did));
  }
  await alice.close();
  world.copyDataDir("alice", "old");
  const doomed = await world.open("alice");
  for (const bob of peers) await bob.send(doomed.did, "unanswered", { waitFor: "deposited" });
  await take(doomed, peers.length, false);
  await tellMailbox(doomed, await world.create("carol"));
  await doomed.close();
  const taken = await takeovers.of("old");
  const messages = await take(taken, peers.length);
  assert.ok(messages.every(({ resent }) => resent));
  for (const bob of peers) assert.equal(replaced(bob), 1);
});

test("two agents that write to each other for the first time at once keep one session, and send nothing twice", async () => {
  await using world = await AgentWorld.start();
  const bothSealed = Promise.withResolvers<void>();
  let sealed = 0;
  const hooks: DirectoryHooks = {
    deposit: async (item) => {
      sealed += 1;
      if (sealed === 2) bothSealed.resolve();
      await bothSealed.promise;
      return item;
    },
  };
  const environment = intercepting(world.environment, hooks);
  const alice = await world.create("alice", {}, environment);
  const bob = await world.create("bob", {}, environment);
  const told = [listen(alice), listen(bob)];
  await Promise.all([alice.send(bob.did, "to bob"), bob.send(alice.did, "to alice")]);
  assert.deepEqual(texts(await take(bob, 1)), [["to bob", false]]);
  assert.deepEqual(texts(await take(alice, 1)), [["to alice", false]]);
  await Promise.all([alice.flush(), bob.flush()]);
  assert.deepEqual(told.flat(), []);
  assert.deepEqual([replaced(alice), replaced(bob)], [0, 0]);
  assert.deepEqual(only(alice), only(bob));
});

test("where a message waits anyway it is the greeting, and one session is begun", async () => {
  await using world = await AgentWorld.start();
  await using takeovers = new Takeovers(world);
  const { alice, bob } = await acquainted(world);
  await world.stopDirectory();
  await alice.send(bob.did, "waits");
  await alice.close();
  world.copyDataDir("alice", "old");
  await world.startDirectory();
  const before = bob.status().sessions.length;
  const told = listen(bob);
  const hooks: DirectoryHooks = {};
  const begun = firstMessages(hooks);
  const taken = await takeovers.of("old", intercepting(world.environment, hooks));
  assert.deepEqual(
    (await take(bob, 1)).map((message) => message.text()),
    ["waits"],
  );
  await taken.flush();
  assert.equal(bob.status().sessions.length, before + 1);
  assert.equal(begun(), 1);
  assert.deepEqual(
    told.map(({ resent }) => resent),
    [0],
  );
});

test("a peer that is blocked, or not verified where that is asked for, is greeted once it may be", async () => {
  for (const how of ["blocked", "verified-only"] as const) {
    await using world = await AgentWorld.start();
    await using takeovers = new Takeovers(world);
    const { bob, aliceDid, messageId } = await loseOne(world);
    const hooks: DirectoryHooks = {};
    const begun = firstMessages(hooks);
    const environment = intercepting(world.environment, hooks);
    if (how === "blocked") {
      const old = await world.open("old");
      old.peers.block(bob.did);
      await old.close();
    }
    const options: OpenOptions = how === "blocked" ? {} : { trust: "verified-only" };
    const taken = await takeovers.of("old", environment, options);
    await taken.flush();
    assert.equal(begun(), 0, how);
    if (how === "blocked") taken.peers.unblock(bob.did);
    else taken.peers.verify(bob.did, bob.peers.fingerprint(aliceDid));
    const [message] = await take(taken, 1);
    assert.deepEqual([message?.id, message?.resent, begun()], [messageId, true, 1], how);
  }
});

test("who was never written to or answered learns of nothing, unless a person has verified it", async () => {
  await using world = await AgentWorld.start();
  await using takeovers = new Takeovers(world);
  const { alice, bob } = await acquainted(world);
  const [added, verified, stranger, acknowledged] = [
    await world.create("added"),
    await world.create("verified"),
    await world.create("stranger"),
    await world.create("acknowledged"),
  ];
  await alice.peers.add(added.did);
  await alice.peers.add(verified.did);
  alice.peers.verify(verified.did, verified.peers.fingerprint(alice.did));
  await acknowledged.send(alice.did, "answered", { waitFor: "deposited" });
  await take(alice, 1);
  await alice.flush();
  await stranger.send(alice.did, "not answered", { waitFor: "deposited" });
  await take(alice, 1, false);
  await alice.close();
  const sessionsOf = (): number[] => [bob, added, verified, stranger, acknowledged].map((client) => client.status().sessions.length);
  const before = sessionsOf();
  const hooks: DirectoryHooks = {};
  const begun = firstMessages(hooks);
  const taken = await takeovers.of("alice", intercepting(world.environment, hooks));
  await until(() => begun() >= 3, "greetings");
  await taken.flush();
  await Promise.all([bob, added, verified, stranger, acknowledged].map(async (client) => await client.flush()));
  await until(() => sessionsOf()[4] !== before[4], "heard");
  assert.equal(begun(), 3);
  assert.deepEqual(
    sessionsOf().map((count, at) => count - (before[at] ?? 0)),
    [1, 0, 1, 0, 1],
  );
  assert.deepEqual(added.peers.list(), []);
});

test("a peer whose one-time prekeys have run out is greeted by the signed one", async () => {
  await using world = await AgentWorld.start();
  await using takeovers = new Takeovers(world);
  const { messageId, bob } = await loseOne(world);
  let oneTime = 0;
  const hooks: DirectoryHooks = {
    claim: (bundle) => {
      if (bundle.oneTimePrekey !== undefined) oneTime += 1;
      const { oneTimePrekey: _, ...rest } = bundle;
      return rest;
    },
  };
  const taken = await takeovers.of("old", intercepting(world.environment, hooks));
  const [message] = await take(taken, 1);
  assert.deepEqual([message?.id, message?.resent], [messageId, true]);
  assert.equal(oneTime, 1);
  await until(() => bob.outbox(messageId)?.state === "delivered", "acknowledged");
});

test("a peer whose directory is away is greeted when it is back", async () => {
  await using world = await AgentWorld.start();
  await using elsewhere = await AgentWorld.start();
  await using takeovers = new Takeovers(world);
  const bob = await elsewhere.create("bob");
  const alice = await world.create("alice");
  await alice.send(`${bob.did}@${new URL(elsewhere.url).host}`, "hello", { waitFor: "deposited" });
  await take(bob, 1);
  await bob.flush();
  await alice.close();
  world.copyDataDir("alice", "old");
  const doomed = await world.open("alice");
  const { messageId } = await bob.send(doomed.did, "lost", { waitFor: "deposited" });
  await take(doomed, 1, false);
  await doomed.close();
  await elsewhere.stopDirectory();
  const taken = await takeovers.of("old");
  await taken.flush();
  await elsewhere.startDirectory();
  const [message] = await take(taken, 1);
  assert.deepEqual([message?.id, message?.resent], [messageId, true]);
});

test("peers whose directories say nothing keep no other one from being greeted", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  await using takeovers = new Takeovers(world);
  const alice = await world.create("alice");
  for (let number = 0; number < 9; number++) {
    const peer = await world.create(`peer-${number}`);
    await alice.peers.add(peer.did);
    alice.peers.verify(peer.did, peer.peers.fingerprint(alice.did));
    await peer.close();
  }
  await alice.close();
  const released = Promise.withResolvers<void>();
  let asked = 0;
  const hooks: DirectoryHooks = {
    claim: async (bundle) => {
      asked += 1;
      if (asked <= 8) await released.promise;
      return bundle;
    },
  };
  try {
    const begun = firstMessages(hooks);
    const taking = takeovers.of("alice", intercepting(world.environment, hooks));
    await until(() => asked === 8, "eight that say nothing");
    for (let round = 0; round < 500 && begun() === 0; round++) {
      if (round < 30) await clock.advance(500);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.deepEqual([asked, begun()], [9, 1]);
    await taking;
  } finally {
    released.resolve();
  }
});

test("a first message that comes twice replaces nothing twice", async () => {
  await using world = await AgentWorld.start();
  await using takeovers = new Takeovers(world);
  const { bob, messageId, told } = await loseOne(world);
  const left: Uint8Array[] = [];
  const hooks: DirectoryHooks = {
    deposited: (item) => {
      left.push(item);
      // The answer is lost.
      if (left.length === 1) throw new Error("the line is down");
    },
  };
  const taken = await takeovers.of("old", intercepting(world.environment, hooks));
  const [message] = await take(taken, 1);
  assert.deepEqual([message?.id, message?.resent], [messageId, true]);
  await until(() => left.length > 1, "once more");
  assert.deepEqual(left[0], left[1]);
  await Promise.all([taken.flush(), bob.flush()]);
  assert.equal(told.length, 1);
  assert.equal(replaced(bob), 1);
});

test("a greeting that its peer cannot read is sent once more", async () => {
  await using world = await AgentWorld.start();
  await using takeovers = new Takeovers(world);
  const { bob, messageId } = await loseOne(world);
  // A directory that gives the same one-time prekey out twice.
  let given: UnverifiedBundle | undefined;
  const mallory = await world.create(
    "mallory",
    {},
    intercepting(world.environment, {
      claim: (bundle) => {
        given ??= bundle;
        return bundle;
      },
    }),
  );
  await mallory.send(bob.did, "takes it", { waitFor: "deposited" });
  await take(bob, 1);
  const hooks: DirectoryHooks = {
    claim: (bundle) => {
      const first = given;
      given = undefined;
      return first ?? bundle;
    },
  };
  const taken = await takeovers.of("old", intercepting(world.environment, hooks));
  const [message] = await take(taken, 1);
  assert.deepEqual([message?.id, message?.text(), message?.resent], [messageId, "lost", true]);
  assert.deepEqual(
    bob.status().kept.map(({ code }) => code),
    ["PREKEY_REUSED"],
  );
  assert.equal(replaced(taken), 2, "all of them at the takeover, and that one");
});

test("nobody is told to begin anew before the prekeys are out by which it would", async () => {
  await using world = await AgentWorld.start();
  await using takeovers = new Takeovers(world);
  const { alice, bob } = await acquainted(world);
  await alice.close();
  const { messageId } = await bob.send(alice.did, "one", { waitFor: "deposited" });
  const published = Promise.withResolvers<void>();
  let notices = 0;
  const hooks: DirectoryHooks = {
    replaceBatch: async (replacement) => {
      await published.promise;
      return replacement;
    },
    deposited: (item) => {
      if (item[0] === 0x82) notices += 1;
    },
  };
  const taking = takeovers.of("alice", intercepting(world.environment, hooks));
  try {
    // By the session of the greeting it comes all the same.
    await until(() => replaced(bob) === 1, "heard");
    await bob.flush();
    assert.equal(notices, 0);
  } finally {
    published.resolve();
  }
  const taken = await taking;
  const [message] = await take(taken, 1);
  assert.deepEqual([message?.id, message?.resent], [messageId, true]);
  await until(() => notices === 1, "answered in the end");
});

test("failure 10: a peer that begins anew again and again has what it lost sent again once, then once an hour", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  await using takeovers = new Takeovers(world);
  const settle = async (rounds: number): Promise<void> => {
    for (let round = 0; round < rounds; round++) {
      await clock.advance(500);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  let copies = 0;
  const counting: DirectoryHooks = {
    deposited: (item) => {
      if (item.length > 20_000) copies += 1;
    },
  };
  const alice = await world.create("alice");
  const bob = await world.create("bob", {}, intercepting(world.environment, counting));
  const told = listen(bob);
  await alice.send(bob.did, "hello", { waitFor: "deposited" });
  await take(bob, 1);
  await settle(10);
  await bob.send(alice.did, new Uint8Array(20_000), { waitFor: "deposited" });
  await alice.close();
  // It takes nothing out of its mailbox, and answers nothing.
  const deaf: DirectoryHooks = { fetch: (page) => ({ ...page, items: [] }) };
  for (let round = 0; round < 4; round++) {
    const taken = await takeovers.of("alice", intercepting(world.environment, deaf));
    await settle(20);
    await taken.close();
  }
  assert.equal(copies, 2, "as sent, and once more");
  assert.deepEqual(
    told.map(({ resent }) => resent),
    [1, 1, 0, 0],
  );
  assert.equal(replaced(bob), 2);
  await clock.advance(HOUR);
  await settle(10);
  assert.equal(copies, 3, "once more after the hour");
});

test("an agent that was only closed and opened again, and a session that goes on, replace nothing", async () => {
  await using world = await AgentWorld.start();
  const { alice, bob } = await acquainted(world);
  const told = [listen(alice), listen(bob)];
  await alice.close();
  await bob.send(alice.did, "waits", { waitFor: "deposited" });
  const again = await world.open("alice");
  await again.send(bob.did, "back");
  assert.deepEqual(texts(await take(bob, 1)), [["back", false]]);
  assert.deepEqual(texts(await take(again, 1)), [["waits", false]]);
  await Promise.all([again.flush(), bob.flush()]);
  assert.deepEqual(told.flat(), []);
  assert.equal(replaced(bob), 0);
});

/** What an agent says that cannot read a message, whether that is true or not. */
async function sayUnreadable(world: AgentWorld, by: AgentContext, to: string, id: EnvelopeId): Promise<void> {
  const recipient = didToAgentId(to);
  const notice = noticeBy(by, recipient, id);
  await by.directories.call(world.url, async (directory) => directory.deposit(recipient, "notice", notice));
}

function noticeBy({ instance, log, clock }: AgentContext, recipient: AgentId, id: EnvelopeId): Uint8Array {
  const { wire: certificate } = instance.certificate;
  const { body, toSign } = prepareNotice({ certificate, recipient, envelopeId: id, reason: "unspecified", time: clock.now() });
  const signatures = toSign.map(({ bytes }) => ({ role: ROLE.holder, algorithm: 1 as const, signature: instance.sign(bytes) }));
  return assembleNotice(log, body, signatures, nodeCrypto);
}

test("failure 10: who answers a greeting and then says of each that it cannot be read gets one more in an hour, in a new session, on record", async () => {
  await using world = await AgentWorld.start();
  await using takeovers = new Takeovers(world);
  const { alice, bob } = await acquainted(world);
  await alice.close();
  const left: Uint8Array[] = [];
  const taken = await takeovers.of("alice", intercepting(world.environment, { deposited: (item) => void left.push(item) }));
  await until(() => left.length > 0, "the greeting");
  const greeting = left[0] ?? assert.fail();
  await bob.send(taken.did, "in that session");
  await take(taken, 1);
  await Promise.all([bob.close(), taken.flush()]);
  const mallory = await enter(world.environment, { dataDir: world.dataDir("bob"), password: TEST_PASSWORD });
  const { context } = mallory;
  const [before, onRecord] = [left.length, replaced(taken)];
  await sayUnreadable(world, context, taken.did, envelopeId(greeting, nodeCrypto));
  await until(() => left.length > before, "the greeting, once more");
  const again = left.at(-1) ?? assert.fail();
  // Whoever has answered in a session and cannot read what comes in it has lost it: a greeting there would be one more that is not read.
  assert.equal(decodeEnvelope(again).type, "first");
  for (let round = 0; round < 5; round++) {
    await sayUnreadable(world, context, taken.did, envelopeId(left.at(-1) ?? greeting, nodeCrypto));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.equal(left.length - before, 1);
  assert.equal(replaced(taken) - onRecord, 2, "that one, and one that is owed in an hour");
  mallory.close();
});

test("failure 10: where nothing but a greeting was lost, since another session has taken its place, it is owed in an hour, on record", async () => {
  await using world = await AgentWorld.start();
  const { alice, bob } = await acquainted(world);
  await Promise.all([alice.close(), bob.close()]);
  const at = async (name: string): ReturnType<typeof enter> =>
    await enter(world.environment, { dataDir: world.dataDir(name), password: TEST_PASSWORD });
  const [own, other] = [await at("alice"), await at("bob")];
  try {
    const { context } = own;
    const { vault, commits, clock } = context;
    const peer = didToAgentId(bob.did);
    const entriesOf = (): number => vault.read((tx) => tx.audit.list().filter(({ kind }) => kind === "session-replaced").length);
    const [now, onRecord] = [clock.now(), entriesOf()];
    const id = envelopeId(Uint8Array.of(1), nodeCrypto);
    commits.now((tx) => {
      tx.peers.oweGreeting(peer, now);
      tx.peers.greeted(peer, { envelopeId: id, sessionId: new Uint8Array(16) });
      context.peers.update(tx, peer, { sessionReplacedAt: now });
    });
    const sending = vault.read((tx) => context.sessions.sendingFor(tx, peer)?.session.id);
    const item = noticeBy(other.context, didToAgentId(alice.did), id);
    const about = { item, kind: "notice", envelopeId: id, depositor: peer } as unknown as MailboxItem;
    assert.deepEqual(await takeNotice(context, about), peer);
    assert.equal(await takeNotice(context, about), undefined, "it was said before");
    const due = controlDue(context, peer, true);
    const pause = due !== undefined && "pause" in due ? due.pause : 0;
    assert.ok(pause > HOUR - 60_000 && pause <= HOUR, `${pause} milliseconds`);
    assert.deepEqual(
      vault.read((tx) => context.sessions.sendingFor(tx, peer)?.session.id),
      sending,
    );
    assert.equal(entriesOf() - onRecord, 1);
  } finally {
    own.close();
    other.close();
  }
});

test("an older copy that becomes the living one by an event of its identity, with the former sessions kept, greets as well: what the other one had comes again", async () => {
  await using world = await AgentWorld.start();
  const { bob, messageId } = await loseOne(world);
  const old = await world.open("old");
  await until(() => old.superseded, "it hears of the other one");
  await old.emergencyRotate({ revokeOld: false });
  const [message] = await take(old, 1);
  assert.deepEqual([message?.id, message?.resent], [messageId, true]);
  await until(() => bob.outbox(messageId)?.state === "delivered", "acknowledged");
});
