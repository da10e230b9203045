import assert from "node:assert/strict";
import { test } from "node:test";
import { envelopeId, isTalosError, nodeCrypto, type MailboxItem } from "@talos/core";
import { AgentWorld, intercepting, take, tamper, until, type DirectoryHooks } from "@talos/testkit";

test("a blocked peer is not written to, and what it sends is refused and named", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await alice.send(bob.did, "one");
  await take(bob, 1);
  await bob.close();
  tamper(bob.dataDir, "UPDATE peers SET trust = 'blocked'");
  const again = await world.open("bob");
  await alice.send(bob.did, "two", { waitFor: "deposited" });
  await until(() => again.status().kept.length === 1, "refused");
  assert.equal(again.status().kept[0]?.code, "PEER_BLOCKED");
  assert.equal(again.status().inbox.offered, 0);
  await assert.rejects(again.send(alice.did, "no"), (error) => isTalosError(error, "PEER_BLOCKED"));
});

test("another envelope at a place that was opened is evidence of a copy, kept and shown", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const other = (honest: MailboxItem): MailboxItem => {
    const item = honest.item.slice();
    item[item.length - 1] = (item.at(-1) ?? 0) ^ 1;
    return { ...honest, item, envelopeId: envelopeId(item, nodeCrypto) };
  };
  const twice: DirectoryHooks = { fetch: (page) => ({ ...page, items: page.items.flatMap((item) => [item, other(item)]) }) };
  const bob = await world.create("bob", {}, intercepting(world.environment, twice));
  await alice.send(bob.did, "one", { waitFor: "deposited" });
  await take(bob, 1);
  await until(() => bob.status().evidence.length === 1, "noted");
  assert.deepEqual(
    bob.status().evidence.map(({ kind, peerDid }) => [kind, peerDid]),
    [["counter-reuse", alice.did]],
  );
  assert.equal(bob.status().kept[0]?.code, "COUNTER_REUSE");
});

test("an envelope that comes again is told again, if it was acknowledged", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  let seen: MailboxItem | undefined;
  let isLost = true;
  const hooks: DirectoryHooks = {
    fetch: (page) => {
      seen ??= page.items[0];
      return page;
    },
    // The acknowledgement is taken and thrown away.
    deposit: (item) => (isLost ? (seen?.item ?? item) : item),
  };
  const bob = await world.create("bob", {}, intercepting(world.environment, hooks));
  const { messageId } = await alice.send(bob.did, "one", { waitFor: "deposited" });
  await take(bob, 1);
  await until(() => bob.status().inbox.offered === 0, "acknowledged");
  await bob.flush({ timeoutSeconds: 0.3 });
  assert.equal(alice.outbox(messageId)?.state, "deposited");
  isLost = false;
  hooks.fetch = (page) => ({ ...page, items: [...(seen === undefined ? [] : [seen]), ...page.items] });
  await alice.send(bob.did, "two");
  await take(bob, 1);
  await bob.flush();
  await until(() => alice.outbox(messageId)?.state === "delivered", "told again");
});

test("a backend that is not built is named, and nothing is made", async () => {
  await using world = await AgentWorld.start();
  for (const keyBackend of ["hsm", "tpm", "sgx", "nitro"] as const) {
    await assert.rejects(world.create(keyBackend, { keyBackend }), (error) => isTalosError(error, "BACKEND_NOT_AVAILABLE"));
  }
  assert.equal((await world.create("hsm")).status().keys.length, 104);
});

test("an agent that moves to another directory publishes fresh prekeys there", async () => {
  await using first = await AgentWorld.start();
  await using second = await AgentWorld.start();
  const alice = await first.create("alice");
  const bob = await first.create("bob");
  await alice.send(bob.did, "one");
  await take(bob, 1);
  await bob.close();
  const moved = await first.open("bob", { directory: second.url });
  assert.deepEqual([moved.status().publication, moved.status().directory], ["published", second.url]);
  const carol = await second.create("carol");
  await carol.send(bob.did, "at the new place");
  assert.equal((await take(moved, 1))[0]?.text(), "at the new place");
  assert.equal(moved.status().oneTimePrekeys.live, 99);
  await alice.send(`${bob.did}@${new URL(second.url).host}`, "found you", { waitFor: "deposited" });
});

test("after 10,000 messages without an answer a new session takes over", async () => {
  await using world = await AgentWorld.start();
  const { environment } = world;
  const silent = {
    ...environment,
    openDirectory: (options: Parameters<typeof environment.openDirectory>[0]) => {
      const real = intercepting(environment, {}).openDirectory(options);
      // Nobody has to read them.
      return Object.assign(real, {
        deposit: async (_recipient: unknown, _kind: unknown, item: Uint8Array) => envelopeId(item, nodeCrypto),
      });
    },
  };
  const alice = await world.create("alice", { signMessages: "none" }, silent);
  const bob = await world.create("bob");
  await alice.send(bob.did, "first", { waitFor: "deposited" });
  for (let sent = 1; sent < 10_000; sent += 1_111) {
    await Promise.all(Array.from({ length: 1_111 }, async () => alice.send(bob.did, "x")));
  }
  const { messageId } = await alice.send(bob.did, "one more");
  await alice.flush({ timeoutSeconds: 200 });
  assert.equal(alice.outbox(messageId)?.state, "deposited", "it went in a new session");
  assert.equal(alice.status().sessions.length, 2);
});
