import assert from "node:assert/strict";
import { test } from "node:test";
import { envelopeId, nodeCrypto, type MailboxItem, type MailboxPage, type UnverifiedBundle } from "@talos/core";
import { AgentWorld, intercepting, take, tamper, until, type DirectoryHooks } from "@talos/testkit";

/** A mailbox that can hand out again what it has handed out before. */
class ReplayingMailbox {
  readonly seen: MailboxItem[] = [];
  #again: readonly MailboxItem[] = [];
  readonly hooks: DirectoryHooks = {
    fetch: (page: MailboxPage): MailboxPage => {
      this.seen.push(...page.items);
      const items = [...this.#again, ...page.items];
      this.#again = [];
      return { ...page, items };
    },
  };

  replay(): void {
    this.#again = [...this.seen];
  }
}

/** The same message with its last byte changed, under its own id. */
function forged(honest: MailboxItem): MailboxItem {
  const item = honest.item.slice();
  item[item.length - 1] = (item.at(-1) ?? 0) ^ 1;
  return { ...honest, item, envelopeId: envelopeId(item, nodeCrypto) };
}

test("failure 9: a first message replayed is no second one, also without a one-time prekey and when its session is gone", async () => {
  await using world = await AgentWorld.start();
  const withoutOneTime = intercepting(world.environment, { claim: ({ oneTimePrekey: _taken, ...bundle }): UnverifiedBundle => bundle });
  const alice = await world.create("alice", {}, withoutOneTime);
  const mailbox = new ReplayingMailbox();
  const bob = await world.create("bob", {}, intercepting(world.environment, mailbox.hooks));
  await alice.send(bob.did, "pay 100", { waitFor: "deposited" });
  assert.equal((await take(bob, 1))[0]?.text(), "pay 100");
  assert.equal(bob.status().oneTimePrekeys.live, 100, "no one-time prekey took part");

  mailbox.replay();
  await alice.send(bob.did, "done", { waitFor: "deposited" });
  assert.equal((await take(bob, 1))[0]?.text(), "done", "and nothing twice");
  assert.equal(bob.status().sessions.length, 1);
  assert.deepEqual(bob.status().kept, [], "a redelivery is quietly acknowledged");
  await bob.close();

  tamper(bob.dataDir, "DELETE FROM sessions; DELETE FROM opened; DELETE FROM seen;");
  const again = await world.open("bob", {}, intercepting(world.environment, mailbox.hooks));
  mailbox.replay();
  await alice.send(again.did, "one more, in the lost session", { waitFor: "deposited" });
  await until(() => again.status().kept.length === 3, "all three are kept");
  assert.deepEqual(new Set(again.status().kept.map(({ code }) => code)), new Set(["REPLAYED"]));
  assert.equal(again.status().inbox.offered, 0);
});

test("failure 15: a one-time prekey that a directory hands out twice is used once", async () => {
  await using world = await AgentWorld.start();
  let first: UnverifiedBundle | undefined;
  const sameAgain = intercepting(world.environment, { claim: (bundle) => (first ??= bundle) });
  const alice = await world.create("alice", {}, sameAgain);
  const carol = await world.create("carol", {}, sameAgain);
  const bob = await world.create("bob");
  await alice.send(bob.did, "first", { waitFor: "deposited" });
  await take(bob, 1);
  await carol.send(bob.did, "second", { waitFor: "deposited" });
  await until(() => bob.status().kept.length === 1, "the second use is refused");
  assert.deepEqual([bob.status().kept[0]?.code, bob.status().kept[0]?.depositorDid], ["PREKEY_REUSED", carol.did]);
  assert.deepEqual([bob.status().inbox.offered, bob.status().sessions.length, bob.peers.list().length], [0, 1, 1]);
});

test("failure 16: a one-time prekey ends with the message that opened, not with one that did not", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  let forgeries = 0;
  const forging: DirectoryHooks = {
    // Before the honest message somebody deposited one that differs in the last byte of its tag.
    fetch: (page) => {
      forgeries += page.items.length;
      return { ...page, items: page.items.flatMap((item) => [forged(item), item]) };
    },
  };
  const bob = await world.create("bob", {}, intercepting(world.environment, forging));
  await alice.send(bob.did, "hello", { waitFor: "deposited" });
  const [hello] = await take(bob, 1, false);
  assert.equal(hello?.text(), "hello", "the honest one opens with the same one-time prekey");
  assert.equal(forgeries, 1);
  assert.deepEqual(
    bob.status().kept.map(({ code }) => code),
    ["DECRYPTION_FAILED"],
  );
  assert.deepEqual([bob.status().oneTimePrekeys.live, bob.status().sessions.length], [99, 1]);
});

test("failure 16: a forged first message alone ends no prekey, and leaves neither session nor peer", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create(
    "bob",
    {},
    intercepting(world.environment, { fetch: (page) => ({ ...page, items: page.items.map(forged) }) }),
  );
  await alice.send(bob.did, "hello", { waitFor: "deposited" });
  await until(() => bob.status().kept.length === 1, "the forged one is kept");
  assert.equal(bob.status().oneTimePrekeys.live, 100);
  assert.deepEqual([bob.status().sessions.length, bob.peers.list().length, bob.status().inbox.offered], [0, 0, 0]);
});

test("failure 18: a repeated first message finds its session when its prekey is gone, after a restart too", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await alice.send(bob.did, "one", { waitFor: "deposited" });
  await take(bob, 1, false);
  assert.equal(bob.status().oneTimePrekeys.live, 99);
  await bob.close();
  await alice.send(bob.did, "two, under the same handshake", { waitFor: "deposited" });
  const again = await world.open("bob");
  assert.deepEqual(
    (await take(again, 2)).map((message) => message.text()),
    ["one", "two, under the same handshake"],
  );
  assert.equal(again.status().oneTimePrekeys.live, 99, "one was used, once");
  assert.equal(again.status().sessions.length, 1);
});

test("failure 58: a message of a session that the receiver no longer has is kept and named, and stays with its sender", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await alice.send(bob.did, "one");
  await take(bob, 1);
  await bob.send(alice.did, "answer");
  await take(alice, 1);
  await bob.close();
  tamper(bob.dataDir, "DELETE FROM sessions");
  const again = await world.open("bob");
  const { messageId } = await alice.send(again.did, "lost", { waitFor: "deposited" });
  await until(() => again.status().kept.length === 1, "it is kept");
  const [kept] = again.status().kept;
  assert.deepEqual([kept?.code, kept?.kind, kept?.depositorDid], ["SESSION_NOT_FOUND", "message", alice.did]);
  assert.equal(alice.outbox(messageId)?.state, "deposited");
  await again.send(alice.did, "a new session");
  assert.equal((await take(alice, 1))[0]?.text(), "a new session");
});
