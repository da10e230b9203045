// What an item of the mailbox needs may lie at a directory that its owner, or whoever left it, has chosen. One that is gone holds up that
// item, for a while, and no other.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ALGORITHM, didToAgentId, encodeSigned, nodeCrypto, ownKey, prepareRevocation } from "@talos/core";
import { AgentWorld, ManualClock, take } from "@talos/testkit";
import { Accomplice } from "../packages/testkit/src/thief/accomplice.ts";

test("an event that anybody made about a peer whose directory is gone does not stop the mailbox, and is kept after a minute", async () => {
  const clock = new ManualClock();
  await using home = await AgentWorld.start({ environment: { clock } });
  const elsewhere = await AgentWorld.start({ environment: { clock } });
  const bob = await home.create("bob");
  const carol = await home.create("carol");
  const alice = await elsewhere.create("alice");
  await bob.peers.add(`${alice.did}@${new URL(elsewhere.url).host}`);
  const id = didToAgentId(alice.did);
  await alice.close();
  await elsewhere[Symbol.asyncDispose]();

  const mallory = new Accomplice(home.url, { now: () => clock.now() });
  const key = nodeCrypto.generateSigningKey();
  const { body, toSign } = prepareRevocation({
    time: clock.now(),
    seq: 7,
    previous: id,
    authority: "online",
    revealedKey: ownKey("next-identity", ALGORITHM.ed25519, key.publicKey),
    reason: "compromise",
  });
  const event = encodeSigned(
    body,
    toSign.map(({ role, bytes }) => ({ role, algorithm: ALGORITHM.ed25519, signature: key.sign(bytes) })),
  );
  await mallory.leave(didToAgentId(bob.did), "event", event);
  await carol.send(bob.did, "hello", { waitFor: "deposited" });
  const taking = take(bob, 1);
  for (let round = 0; round < 300 && bob.status().inbox.offered === 0; round++) {
    await clock.advance(500);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.equal((await taking)[0]?.text(), "hello");
  for (let round = 0; round < 400 && bob.status().kept.length === 0; round++) {
    await clock.advance(5_000);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.deepEqual(
    bob.status().kept.map(({ kind, code }) => [kind, code]),
    [["event", "DIRECTORY_UNREACHABLE"]],
  );
  mallory.close();
});
