// A directory that does not tell of a rotation.
import assert from "node:assert/strict";
import { test } from "node:test";
import { agentIdToDid, didToAgentId, toHex, type AgentId } from "@talos/core";
import { AgentWorld, intercepting, ManualClock, take, until, type DirectoryHooks } from "@talos/testkit";

const DAY = 86_400_000;

test("failure 48: a directory that withholds a rotation gets no message once the last certificate it can show is too old, and the message says why", async () => {
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  const bob = await world.create("bob");
  const hooks: DirectoryHooks = {};
  let isWithheld = false;
  const shown = new Map<string, Uint8Array | undefined>();
  const isBob = (id: AgentId): boolean => agentIdToDid(id) === bob.did;
  hooks.resolve = (answer, id) => {
    if (!isBob(id)) return answer;
    if (!isWithheld) shown.set("certificate", answer.certificate);
    return isWithheld ? { log: [], certificate: shown.get("certificate") } : answer;
  };
  hooks.claim = (bundle, target) => {
    if (isBob(target) && isWithheld) throw new Error("withheld");
    return bundle;
  };
  hooks.fetch = (page) => ({
    ...page,
    items: isWithheld
      ? page.items.filter(({ depositor }) => depositor === undefined || toHex(depositor) !== toHex(didToAgentId(bob.did)))
      : page.items,
  });
  const alice = await world.create("alice", {}, intercepting(world.environment, hooks));
  await alice.peers.add(bob.did);
  await alice.send(bob.did, "hello", { waitFor: "deposited" });
  await take(bob, 1);
  const settle = async (holds: () => boolean, what: string): Promise<void> => {
    for (let round = 0; round < 500 && !holds(); round++) {
      await clock.advance(1_000);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.ok(holds(), what);
  };

  isWithheld = true;
  await bob.emergencyRotate();
  await alice.send(bob.did, "while it may", { waitFor: "deposited" });
  await clock.advance(22 * DAY);
  const { messageId } = await alice.send(bob.did, "too old");
  await settle(() => alice.outbox(messageId)?.attempts !== 0 && alice.outbox(messageId)?.reason === "peer-head-stale", "waits");
  assert.equal(alice.outbox(messageId)?.state, "waiting");
  assert.equal(alice.peers.show(bob.did).head.seq, 0);

  isWithheld = false;
  await settle(() => bob.status().inbox.offered === 2, "both come in a session with the owner");
  assert.deepEqual(
    (await take(bob, 2)).map((message) => [message.text(), message.resent]),
    [
      ["while it may", true],
      ["too old", false],
    ],
  );
  assert.equal(alice.peers.show(bob.did).head.seq, 1);
});

test("a message under a head that no directory shows is asked about once, and then kept by name", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const hooks: DirectoryHooks = {};
  const bob = await world.create("bob", {}, intercepting(world.environment, hooks));
  await alice.send(bob.did, "hello", { waitFor: "deposited" });
  await take(bob, 1);
  await bob.send(alice.did, "hello to you", { waitFor: "deposited" });
  await take(alice, 1);
  let lookUps = 0;
  hooks.resolve = (answer, id) => {
    if (agentIdToDid(id) !== alice.did) return answer;
    lookUps += 1;
    return { log: [], certificate: undefined };
  };
  hooks.fetch = (page) => ({ ...page, items: page.items.filter(({ kind }) => kind === "message") });
  await alice.rotateIdentity();
  await alice.send(bob.did, "under the new head", { waitFor: "deposited" });
  await until(() => bob.status().kept.length > 0, "kept");
  await bob.flush({ timeoutSeconds: 1 });
  assert.deepEqual([bob.status().kept.map(({ code }) => code), lookUps], [["HEAD_UNKNOWN"], 1]);
});
