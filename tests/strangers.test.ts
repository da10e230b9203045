// What agents that nobody here knows can cost an agent.
import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpDirectory } from "@talos/agent";
import { agentIdToDid, didToAgentId, envelopeId, nodeCrypto, toHex, type AgentId, type MailboxItem } from "@talos/core";
import { AgentWorld, intercepting, take, until, UserIdentity, type DirectoryHooks } from "@talos/testkit";

/** The same first message with another end, as often as one likes. */
function forgery(honest: MailboxItem, number: number, depositor: AgentId): MailboxItem {
  const item = honest.item.slice();
  item[item.length - 1] = (item.at(-1) ?? 0) ^ (number + 1);
  return { ...honest, item, envelopeId: envelopeId(item, nodeCrypto), depositor };
}

test("first messages that do not open cost a look-up a few times an hour, however many there are, and shut nobody out who sends his own", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const mallory = await world.create("mallory");
  let lookUps = 0;
  let isFlooded = false;
  const hooks: DirectoryHooks = {
    resolve: (answer, id) => {
      if (agentIdToDid(id) === alice.did) lookUps += 1;
      return answer;
    },
    fetch: (page) => {
      if (isFlooded) return page;
      isFlooded = page.items.length > 0;
      const forged = page.items.flatMap((item) => Array.from({ length: 40 }, (_, n) => forgery(item, n, didToAgentId(mallory.did))));
      return { ...page, items: [...forged, ...page.items] };
    },
  };
  const bob = await world.create("bob", {}, intercepting(world.environment, hooks));
  await alice.send(bob.did, "hello", { waitFor: "deposited" });
  const [hello] = await take(bob, 1);
  assert.equal(hello?.text(), "hello");
  const codes = bob.status().kept.map(({ code }) => code);
  assert.deepEqual(
    [codes.filter((code) => code === "DECRYPTION_FAILED").length, codes.filter((code) => code === "HANDSHAKE_REFUSED").length],
    [3, 37],
  );
  assert.ok(lookUps <= 3 + 1 + 10, "three for these, one for what she left herself, ten for answers");
});

test("the log of a stranger is verified up to 200 events; whom somebody adds may have as many as logs can have", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const hooks: DirectoryHooks = {};
  const bob = await world.create("bob", {}, intercepting(world.environment, hooks));
  const isAlice = (id: AgentId): boolean => toHex(id) === toHex(didToAgentId(alice.did));
  hooks.resolve = (answer, id) => {
    const [inception] = answer.log;
    return isAlice(id) && inception !== undefined ? { ...answer, log: Array.from({ length: 201 }, () => inception) } : answer;
  };
  await alice.send(bob.did, "from a stranger", { waitFor: "deposited" });
  await until(() => bob.status().kept.length === 1, "not taken");
  assert.equal(bob.status().kept[0]?.code, "PEER_LOG_TOO_LONG");
  assert.deepEqual([bob.peers.list(), bob.status().sessions], [[], []]);
  hooks.resolve = (answer) => answer;
  await bob.peers.add(alice.did);
  const [message] = await take(bob, 1);
  assert.deepEqual([message?.text(), message?.resent], ["from a stranger", true], "it comes again");

  const carol = UserIdentity.begin(Date.now(), false);
  for (let n = 0; n < 200; n++) carol.rotate({ time: Date.now() });
  const { agentId, events } = carol.log;
  hooks.resolve = (answer, id) => (toHex(id) === toHex(agentId) ? { ...answer, log: events } : answer);
  const stranger = new HttpDirectory({
    url: world.url,
    crypto: nodeCrypto,
    clock: world.environment.clock,
    instance: () => assert.fail("nobody signs requests here"),
  });
  await stranger.publishEvents(agentId, events.slice(0, 1));
  stranger.close();
  const did = agentIdToDid(agentId);
  const { messageId } = await bob.send(did, "to a stranger");
  await until(() => bob.outbox(messageId)?.reason === "peer-unknown", "waits");
  assert.equal(bob.outbox(messageId)?.lastError, "PEER_LOG_TOO_LONG");
  assert.equal((await bob.peers.add(did)).head.seq, 200);
});
