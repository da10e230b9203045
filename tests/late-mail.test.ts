// Mail that was on its way while an identity moved on.
import assert from "node:assert/strict";
import { test } from "node:test";
import { AgentWorld, intercepting, ManualClock, take, until, type DirectoryHooks } from "@talos/testkit";

const DAY = 86_400_000;

async function settle(clock: ManualClock, holds: () => boolean, what: string): Promise<void> {
  for (let round = 0; round < 500 && !holds(); round++) {
    await clock.advance(500);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.ok(holds(), what);
}

/** A mailbox that gives nothing out until it is opened. */
function heldMailbox(): { readonly hooks: DirectoryHooks; readonly open: () => void } {
  let isOpen = false;
  return {
    hooks: {
      fetch: async (page) => {
        if (isOpen) return page;
        await new Promise((resolve) => setTimeout(resolve, 20));
        return { ...page, items: [], more: false };
      },
    },
    open: () => {
      isOpen = true;
    },
  };
}

test("a first message to the bundle of before a planned rotation is opened", async () => {
  await using world = await AgentWorld.start();
  const { hooks, open } = heldMailbox();
  const alice = await world.create("alice", {}, intercepting(world.environment, hooks));
  const bob = await world.create("bob");
  const { messageId } = await bob.send(alice.did, "to the old bundle", { waitFor: "deposited" });
  await alice.rotateIdentity();
  await alice.flush();
  open();
  const [message] = await take(alice, 1);
  assert.deepEqual([message?.id, message?.text(), message?.resent], [messageId, "to the old bundle", false]);
  await alice.send(bob.did, "answered", { waitFor: "deposited" });
  assert.equal((await take(bob, 1))[0]?.text(), "answered");
  assert.deepEqual(alice.status().kept, []);
});

test("a first message to the bundle of before a compromise is refused and answered, and comes to the new one", async () => {
  await using world = await AgentWorld.start();
  const { hooks, open } = heldMailbox();
  const alice = await world.create("alice", {}, intercepting(world.environment, hooks));
  const bob = await world.create("bob");
  const { messageId } = await bob.send(alice.did, "to the stolen bundle", { waitFor: "deposited" });
  await alice.emergencyRotate();
  open();
  const [message] = await take(alice, 1);
  assert.deepEqual([message?.id, message?.text(), message?.resent], [messageId, "to the stolen bundle", true]);
  assert.equal(bob.peers.show(alice.did).head.seq, 1);
  await until(() => bob.outbox(messageId)?.state === "delivered", "acknowledged");
});

test("a first message under the old key is taken while the migration lasts; later it is answered, and comes under the new one", async () => {
  for (const [days, resent] of [
    [3, false],
    [14, true],
  ] as const) {
    const clock = new ManualClock();
    await using world = await AgentWorld.start({ environment: { clock } });
    const alice = await world.create("alice");
    const bob = await world.create("bob");
    await bob.close();
    const { messageId } = await alice.send(bob.did, "under the old key", { waitFor: "deposited" });
    await alice.rotateIdentity();
    await clock.advance(days * DAY);
    const back = await world.open("bob");
    await settle(clock, () => back.status().inbox.offered === 1, "it arrives");
    const [message] = await take(back, 1);
    assert.deepEqual([message?.id, message?.text(), message?.resent], [messageId, "under the old key", resent]);
    assert.deepEqual(
      back.status().kept.map(({ code }) => code),
      resent ? ["CERTIFICATE_RETIRED"] : [],
    );
    assert.equal(back.peers.show(alice.did).head.seq, 1);
  }
});
