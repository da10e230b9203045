// Messages that their recipient cannot open, and what the notice about them can and cannot do.
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { systemClock, type TalosClient } from "@talos/agent";
import {
  assembleNotice,
  envelopeId,
  nodeCrypto,
  prepareNotice,
  type EnvelopeId,
  type MailboxItem,
  type NoticeInput,
  didToAgentId,
} from "@talos/core";
import { AgentWorld, intercepting, ManualClock, ProtocolAgent, take, tamper, until, type DirectoryHooks } from "@talos/testkit";
import { Accomplice } from "../packages/testkit/src/thief/accomplice.ts";

const HOUR = 3_600_000;

async function acquaint(alice: TalosClient, bob: TalosClient): Promise<void> {
  await alice.send(bob.did, "hello", { waitFor: "deposited" });
  await take(bob, 1);
  await bob.send(alice.did, "hello to you", { waitFor: "deposited" });
  await take(alice, 1);
  await Promise.all([alice.flush(), bob.flush()]);
}

/** The state of a peer that has lost its sessions, as after a fault of its disk. */
async function loseSessions(world: AgentWorld, name: string, client: TalosClient, environment = world.environment): Promise<TalosClient> {
  await client.close();
  tamper(world.dataDir(name), "DELETE FROM sessions");
  return await world.open(name, {}, environment);
}

const replaced = (client: TalosClient): number => client.audit.list().filter(({ kind }) => kind === "session-replaced").length;

test("failure 58: what the receiver cannot open is named, answered once, and comes in a new session under the same id", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  let notices = 0;
  const hooks: DirectoryHooks = {
    deposited: (item) => {
      if (item.length < 2_000 && item[0] === 0x82) notices += 1;
    },
  };
  const counting = intercepting(world.environment, hooks);
  const before = await world.create("bob");
  await acquaint(alice, before);
  const bob = await loseSessions(world, "bob", before, counting);
  const sent = [await alice.send(bob.did, "one"), await alice.send(bob.did, "two")];
  const messages = await take(bob, 2);
  assert.deepEqual(
    messages.map((message) => [message.id, message.text(), message.resent]),
    sent.map(({ messageId }, at) => [messageId, ["one", "two"][at], true]),
    "in the order in which they were sent",
  );
  assert.ok(bob.status().kept.every(({ code }) => code === "SESSION_NOT_FOUND"));
  for (const { messageId } of sent) await until(() => alice.outbox(messageId)?.state === "delivered", "acknowledged");
  assert.equal(replaced(alice), 1);
  assert.equal(notices, bob.status().kept.length, "one answer each");
  await bob.send(alice.did, "and back", { waitFor: "deposited" });
  assert.equal((await take(alice, 1))[0]?.text(), "and back");
});

test("what had been delivered before the session was lost is no new message", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const before = await world.create("bob");
  await acquaint(alice, before);
  // It has come, and alice does not hear of it.
  const { messageId } = await alice.send(before.did, "once", { waitFor: "deposited" });
  const [message] = await take(before, 1, false);
  assert.equal(message?.id, messageId);
  const bob = await loseSessions(world, "bob", before);
  await alice.send(bob.did, "twice", { waitFor: "deposited" });
  const texts = (await take(bob, 2)).map((one) => one.text());
  assert.deepEqual(texts, ["once", "twice"]);
  await until(() => alice.outbox(messageId)?.state === "delivered", "acknowledged");
  assert.equal(bob.status().inbox.offered, 0);
});

test("an answer outlives the process that owes it", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const before = await world.create("bob");
  await acquaint(alice, before);
  const hooks: DirectoryHooks = {
    deposit: () => {
      throw new Error("no way out");
    },
  };
  const mute = await loseSessions(world, "bob", before, intercepting(world.environment, hooks));
  await alice.send(mute.did, "one", { waitFor: "deposited" });
  await until(() => mute.status().kept.length === 1, "kept");
  await mute.close();
  const bob = await world.open("bob");
  const [message] = await take(bob, 1);
  assert.deepEqual([message?.text(), message?.resent], ["one", true]);
});

test("failure 10: a new session is begun at most once an hour, and until then the message says what it waits for", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  const wait = async (holds: () => boolean, what: string): Promise<void> => {
    for (let round = 0; round < 500 && !holds(); round++) {
      await clock.advance(200);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.ok(holds(), what);
  };
  const alice = await world.create("alice");
  let bob = await world.create("bob");
  await alice.send(bob.did, "hello", { waitFor: "deposited" });
  await take(bob, 1);
  bob = await loseSessions(world, "bob", bob);
  const first = await alice.send(bob.did, "first", { waitFor: "deposited" });
  await wait(() => bob.status().inbox.offered === 1, "the first one comes in a new session at once");
  await take(bob, 1);
  await wait(() => alice.outbox(first.messageId)?.state === "delivered", "delivered");
  bob = await loseSessions(world, "bob", bob);
  const second = await alice.send(bob.did, "second", { waitFor: "deposited" });
  await wait(() => alice.outbox(second.messageId)?.state === "waiting", "given up once more");
  assert.equal(alice.outbox(second.messageId)?.reason, "session-replaced");
  const third = await alice.send(bob.did, "third");
  assert.deepEqual([third.state, third.reason], ["waiting", "session-replaced"]);
  assert.equal(replaced(alice), 2);
  await clock.advance(HOUR / 2);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(alice.outbox(second.messageId)?.state, "waiting");
  await clock.advance(HOUR / 2);
  await wait(() => bob.status().inbox.offered === 2, "after the hour");
  assert.deepEqual(
    (await take(bob, 2)).map((message) => [message.text(), message.resent]),
    [
      ["second", true],
      ["third", false],
    ],
  );
});

/** An agent that alice talks to, whose mail nobody reads, and mailbox items that a directory makes up for alice. */
async function underAttack(world: AgentWorld): Promise<{
  readonly alice: TalosClient;
  readonly messageId: string;
  readonly about: EnvelopeId;
  inject(item: Uint8Array, kind?: MailboxItem["kind"]): Promise<void>;
  unchanged(): void;
}> {
  const hooks: DirectoryHooks = {};
  let about: EnvelopeId | undefined;
  hooks.deposited = (item) => {
    about = envelopeId(item, nodeCrypto);
  };
  const alice = await world.create("alice", {}, intercepting(world.environment, hooks));
  const bob = await world.create("bob");
  await bob.close();
  const { messageId } = await alice.send(bob.did, "outstanding", { waitFor: "deposited" });
  assert.ok(about !== undefined);
  const outstanding = about;
  const queue: MailboxItem[] = [];
  const seen: string[] = [];
  let wakers = 0;
  hooks.fetch = (page) => ({ ...page, items: [...queue, ...page.items] });
  hooks.acknowledge = (ids) => {
    seen.push(...ids.map((id) => Buffer.from(id).toString("hex")));
  };
  const sessions = alice.status().sessions;
  return {
    alice,
    messageId,
    about: outstanding,
    inject: async (item, kind = "notice") => {
      const id = envelopeId(item, nodeCrypto);
      queue.push({ envelopeId: id, kind, depositor: didToAgentId(bob.did), receivedAt: Date.now(), item });
      // Something comes, so that the long poll ends.
      await (await world.create(`waker-${wakers++}`)).send(alice.did, "wake up");
      await until(() => seen.includes(Buffer.from(id).toString("hex")), "taken");
      queue.length = 0;
    },
    unchanged: () => {
      assert.equal(alice.outbox(messageId)?.state, "deposited");
      assert.deepEqual(
        alice.status().sessions.filter(({ peerDid }) => peerDid === bob.did),
        sessions,
      );
      assert.equal(replaced(alice), 0);
    },
  };
}

function noticeBy(agent: ProtocolAgent, fields: Omit<NoticeInput, "certificate" | "reason" | "time">, at: number): Uint8Array {
  const instance = agent.open(1, at);
  const prepared = prepareNotice({ ...fields, certificate: instance.certificate.wire, reason: "session-unknown", time: at });
  const signatures = prepared.toSign.map(({ role, bytes }) => ({ role, algorithm: 1 as const, signature: instance.sign(bytes) }));
  return assembleNotice(agent.log, prepared.body, signatures, nodeCrypto);
}

test("failure 10: a notice of anybody but the recipient changes nothing, nor one that was changed", async () => {
  await using world = await AgentWorld.start();
  const attack = await underAttack(world);
  const mallory = new ProtocolAgent({ crypto: nodeCrypto, now: Date.now() });
  const notice = noticeBy(mallory, { recipient: didToAgentId(attack.alice.did), envelopeId: attack.about }, Date.now());
  await attack.inject(notice);
  attack.unchanged();
  const cut = notice.slice(0, -1);
  await attack.inject(cut);
  attack.unchanged();
  assert.deepEqual(
    attack.alice.status().kept.map(({ kind, code }) => [kind, code]),
    [["notice", "MALFORMED"]],
  );
});

test("failure 10: a notice that was true once changes nothing when it comes again", async () => {
  await using world = await AgentWorld.start();
  const hooks: DirectoryHooks = {};
  const alice = await world.create("alice", {}, intercepting(world.environment, hooks));
  const before = await world.create("bob");
  await acquaint(alice, before);
  let notice: Uint8Array | undefined;
  const bob = await loseSessions(
    world,
    "bob",
    before,
    intercepting(world.environment, {
      deposited: (item) => {
        if (item[0] === 0x82) notice ??= item;
      },
    }),
  );
  await alice.send(bob.did, "one");
  await take(bob, 1);
  assert.ok(notice !== undefined);
  const item: MailboxItem = {
    envelopeId: envelopeId(notice, nodeCrypto),
    kind: "notice",
    depositor: didToAgentId(bob.did),
    receivedAt: Date.now(),
    item: notice,
  };
  const sessions = (): string[] => alice.status().sessions.map(({ sessionId, sending }) => `${sessionId} ${sending}`);
  const [count, standing] = [replaced(alice), sessions()];
  hooks.fetch = (page) => ({ ...page, items: [item, ...page.items] });
  await bob.send(alice.did, "two", { waitFor: "deposited" });
  await take(alice, 1);
  assert.deepEqual([replaced(alice), sessions()], [count, standing]);
  assert.equal(alice.status().kept.length, 0);
});

test("a blocked peer gets no answer", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const before = await world.create("bob");
  await acquaint(alice, before);
  before.peers.block(alice.did);
  let deposits = 0;
  const counting: DirectoryHooks = {
    deposited: () => {
      deposits += 1;
    },
  };
  const bob = await loseSessions(world, "bob", before, intercepting(world.environment, counting));
  const { messageId } = await alice.send(bob.did, "one", { waitFor: "deposited" });
  await until(() => bob.status().kept.length === 1, "kept");
  await bob.flush();
  assert.equal(deposits, 0);
  assert.equal(alice.outbox(messageId)?.state, "deposited");
});

test("whoever leaves garbage gets ten answers an hour at most", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const garbage: DirectoryHooks = {
    fetch: (page) => ({
      ...page,
      items: page.items.flatMap((item) => [
        item,
        ...Array.from({ length: 30 }, (_, n) => {
          const bytes = item.item.slice();
          // Of a session that never was.
          bytes[4] = n;
          bytes[5] = (bytes[5] ?? 0) ^ 1;
          return { ...item, item: bytes, envelopeId: envelopeId(bytes, nodeCrypto) };
        }),
      ]),
    }),
  };
  let notices = 0;
  const hooks: DirectoryHooks = {
    ...garbage,
    deposited: (item) => {
      if (item[0] === 0x82) notices += 1;
    },
  };
  const plain = await world.create("bob");
  await acquaint(alice, plain);
  await plain.close();
  const bob = await world.open("bob", {}, intercepting(world.environment, hooks));
  await alice.send(bob.did, "honest", { waitFor: "deposited" });
  await until(() => bob.status().kept.length >= 30, "kept");
  await bob.flush();
  assert.ok(notices > 0 && notices <= 10, `${notices} answers`);
  assert.equal(replaced(alice), 0, "alice has sent none of it");
  assert.equal((await take(bob, 1))[0]?.text(), "honest");
});

test("a notice from the future changes nothing", async () => {
  await using world = await AgentWorld.start();
  let behind = 0;
  let taken = 0;
  const hooks: DirectoryHooks = {
    acknowledge: (ids) => {
      taken += ids.length;
    },
  };
  const clock = { ...systemClock, now: () => systemClock.now() - behind };
  const alice = await world.create("alice", {}, { ...intercepting(world.environment, hooks), clock });
  const before = await world.create("bob");
  await acquaint(alice, before);
  const isBehind = Promise.withResolvers<void>();
  const held: DirectoryHooks = {
    deposit: async (item) => {
      await isBehind.promise;
      return item;
    },
  };
  const bob = await loseSessions(world, "bob", before, intercepting(world.environment, held));
  const { messageId } = await alice.send(bob.did, "one", { waitFor: "deposited" });
  await until(() => bob.status().kept.length === 1, "bob cannot read it");
  taken = 0;
  behind = HOUR / 3;
  isBehind.resolve();
  await until(() => taken > 0, "the notice has come");
  assert.deepEqual([replaced(alice), alice.outbox(messageId)?.state], [0, "deposited"]);
});

test("what strangers leave that nobody can answer costs three look-ups each, and is owed no more", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  const bob = await world.create("bob");
  const stranger = new Accomplice(world.url, clock);
  // Of a session that nobody has; whoever left it names no directory of its own.
  const envelope = new Uint8Array(403);
  envelope.set([1, 1, 1, 0]);
  envelope.set(nodeCrypto.randomBytes(16), 4);
  envelope.set(nodeCrypto.generateAgreementKey().publicKey, 20);
  envelope.set(nodeCrypto.randomBytes(328), 75);
  await stranger.leave(didToAgentId(bob.did), "message", envelope);
  await until(() => bob.status().kept.length === 1, "kept");
  const owed = (): number => {
    const database = new DatabaseSync(join(world.dataDir("bob"), "state.db"), { readOnly: true });
    const row = database.prepare("SELECT count(*) AS n FROM outbox WHERE frame_type = 0").get();
    database.close();
    return Number(row?.["n"]);
  };
  for (let round = 0; round < 100 && owed() > 0; round++) {
    await clock.advance(1_000);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.equal(owed(), 0);
  stranger.close();
});

test("failure 10: a peer that begins sessions itself has what it could not read sent again once an hour, no oftener", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  let copies = 0;
  const counting = intercepting(world.environment, {
    deposited: (item) => {
      if (item.length > 20_000) copies += 1;
    },
  });
  let alice = await world.create("alice", {}, counting);
  let bob = await world.create("bob");
  await alice.send(bob.did, "hello", { waitFor: "deposited" });
  await take(bob, 1);
  await bob.close();
  await alice.send(bob.did, new Uint8Array(20_000), { waitFor: "deposited" });
  const settle = async (client: TalosClient, rounds: number): Promise<void> => {
    for (let round = 0; round < rounds; round++) {
      await clock.advance(500);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await client.flush();
  };
  for (let round = 0; round < 4; round++) {
    await alice.close();
    bob = await loseSessions(world, "bob", bob);
    await bob.send(alice.did, "another session", { waitFor: "deposited" });
    await settle(bob, 20);
    await bob.close();
    alice = await world.open("alice", {}, counting);
    await settle(alice, 20);
  }
  assert.equal(copies, 2, "as sent, and once more");
  await clock.advance(HOUR);
  await until(() => copies === 3, "once more after the hour");
});
