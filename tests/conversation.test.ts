import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeMessageProof, isTalosError } from "@talos/core";
import { AgentWorld, take, until } from "@talos/testkit";

test("two agents talk both ways, and a sender hears when its message was acknowledged", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  assert.equal(alice.status().publication, "published");

  const sent = await alice.send(bob.did, "hello bob");
  assert.deepEqual([sent.state, sent.reason], ["waiting", "no-session"]);
  const [hello] = await take(bob, 1);
  assert.equal(hello?.text(), "hello bob");
  assert.equal(hello.from, alice.did);
  assert.equal(hello.id, sent.messageId);
  assert.equal(hello.contentType, "text/plain; charset=utf-8");
  assert.equal(hello.resent, false);
  assert.ok(hello.proof, "signed unless said otherwise");

  const answer = bob.send(alice.did, Uint8Array.of(1, 2, 3), { waitFor: "delivered" });
  const [received] = await take(alice, 1);
  assert.deepEqual([...(received?.body ?? [])], [1, 2, 3]);
  await alice.flush();
  assert.equal((await answer).state, "delivered");
  assert.equal(alice.status().outbox.delivered, 1, "the acknowledgement rode in the answer");
  assert.equal(alice.outbox(sent.messageId)?.state, "delivered");
});

test("many messages of one turn are accepted at once, and leave in the order of send", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await alice.send(bob.did, "first", { waitFor: "deposited" });
  const texts = Array.from({ length: 50 }, (_, index) => `message ${index}`);
  const results = await Promise.all(texts.map(async (text) => alice.send(bob.did, text)));
  assert.ok(results.every(({ state, reason }) => state === "accepted" && reason === undefined));
  assert.equal(new Set(results.map(({ messageId }) => messageId)).size, 50);
  const received = await take(bob, 51);
  assert.deepEqual(
    received.map((message) => message.text()),
    ["first", ...texts],
    "in the order of send",
  );
});

test("failure 45: what was received and not acknowledged is offered again after a restart, and what was acknowledged never", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  for (const text of ["one", "two", "three"]) await alice.send(bob.did, text);
  const first = await take(bob, 3, false);
  await first[1]?.ack();
  await bob.close();
  const again = await world.open("bob");
  const offered = await take(again, 2, false);
  assert.deepEqual(
    offered.map((message) => message.text()),
    ["one", "three"],
  );
  assert.equal(offered[0]?.id, first[0]?.id, "under the same id");
});

test("a recipient that is offline finds its mail when it comes back, and either side goes on after a restart", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  const { did } = bob;
  await bob.close();
  await alice.send(did, "while you were away", { waitFor: "deposited" });
  await alice.close();
  const back = await world.open("bob");
  assert.equal((await take(back, 1))[0]?.text(), "while you were away");
  await back.send(alice.did, "I am back", { waitFor: "deposited" });
  await back.close();
  const aliceAgain = await world.open("alice");
  assert.equal((await take(aliceAgain, 1))[0]?.text(), "I am back");
  await aliceAgain.send(did, "good");
  const bobAgain = await world.open("bob");
  assert.equal((await take(bobAgain, 1))[0]?.text(), "good");
  assert.equal(aliceAgain.status().sessions.length, 1, "one session all along");
});

test("a body of 5 MB arrives as it was sent, one above 10,000,000 bytes is refused", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  const body = Buffer.alloc(5_000_000, "0123456789abcdef");
  await alice.send(bob.did, body);
  const [message] = await take(bob, 1);
  assert.ok(message !== undefined && body.equals(message.body));
  await assert.rejects(alice.send(bob.did, new Uint8Array(10_000_001)), (error) => isTalosError(error, "MESSAGE_TOO_LARGE"));
  await alice.send(bob.did, new Uint8Array(10_000_000), { waitFor: "deposited" });
  assert.equal((await take(bob, 1))[0]?.body.length, 10_000_000);
});

test("two agents that start at once converge on one sending session", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await Promise.all([
    alice.send(bob.did, "from alice", { waitFor: "deposited" }),
    bob.send(alice.did, "from bob", { waitFor: "deposited" }),
  ]);
  const [toBob, toAlice] = await Promise.all([take(bob, 1), take(alice, 1)]);
  assert.deepEqual([toBob[0]?.text(), toAlice[0]?.text()], ["from alice", "from bob"]);
  for (const round of ["a", "b"]) {
    await Promise.all([alice.send(bob.did, round), bob.send(alice.did, round)]);
    await Promise.all([take(bob, 1), take(alice, 1)]);
  }
  const sending = [alice, bob].map((agent) => agent.status().sessions.find((session) => session.sending)?.sessionId);
  assert.equal(sending[0], sending[1]);
  assert.equal(alice.status().sessions.length, 2);
});

test("a peer is known by a name once it has one, and nobody else is", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  const address = `${bob.did}@${new URL(world.url).host}`;
  const added = await alice.peers.add(address, { name: "Bob" });
  assert.deepEqual([added.name, added.trust, added.directory, added.identityKey], ["Bob", "unverified", world.url, bob.identityKey]);
  assert.equal(alice.peers.list().length, 1);
  await alice.send("Bob", "by name");
  assert.equal((await take(bob, 1))[0]?.text(), "by name");
  assert.equal(alice.peers.show("Bob").sessions, 1);
  await assert.rejects(alice.send("Carol", "hello"), (error) => isTalosError(error, "PEER_UNKNOWN"));
  assert.throws(
    () => alice.peers.show("Carol"),
    (error) => isTalosError(error, "PEER_UNKNOWN"),
  );
  const carol = await world.create("carol", { directory: "http://127.0.0.1:1" });
  await assert.rejects(alice.peers.add(carol.did), (error) => isTalosError(error, "PEER_UNKNOWN"));
  await assert.rejects(alice.send("did:talos:zNonsense", "hello"), (error) => isTalosError(error, "INVALID_ARGUMENT"));
  await assert.rejects(alice.send(alice.did, "hello"), (error) => isTalosError(error, "INVALID_ARGUMENT"));
});

test("messages are signed by whom the application says, and a proof convinces a third party", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice", { signMessages: "none" });
  const bob = await world.create("bob");
  await alice.send(bob.did, "first chain", { sign: "none" });
  const [first] = await take(bob, 1);
  assert.ok(first?.proof, "the first chain is signed whatever was asked for");
  await bob.send(alice.did, "answer");
  await take(alice, 1);
  await alice.send(bob.did, "plain");
  await alice.send(bob.did, "by identity", { sign: "identity" });
  await alice.send(bob.did, "by instance", { sign: "instance" });
  const [plain, identity, instance] = await take(bob, 3);
  assert.equal(plain?.text(), "plain");
  assert.equal(plain.proof, undefined);
  assert.equal(identity?.text(), "by identity", "in the order of send, though it needed the backend");
  assert.equal(decodeMessageProof(identity.proof ?? new Uint8Array()).signer.kind, "identity");
  assert.equal(decodeMessageProof(instance?.proof ?? new Uint8Array()).signer.kind, "instance");
});

test("a receiver that never answers turns the ratchet after 100 messages", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await alice.send(bob.did, "first", { waitFor: "deposited" });
  await Promise.all(Array.from({ length: 99 }, async (_, index) => alice.send(bob.did, `${index}`)));
  await until(() => bob.status().inbox.offered === 100, "all have arrived");
  await until(() => alice.status().sessions[0]?.answered === true, "alice has heard bob, who sent nothing of his own");
  assert.equal(bob.status().outbox.deposited + bob.status().outbox.delivered, 0);
});
