// A directory hands out to a recovered agent what the agent had opened before its backup was made.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { recoverIn } from "@talos/agent";
import type { MailboxItem, MailboxPage, UnverifiedBundle } from "@talos/core";
import { AgentWorld, intercepting, take, until, type DirectoryHooks } from "@talos/testkit";

const SAFE = "granite heron violet anvil, in the safe";
const AGAIN = "copper lantern meadow finch, once more";

test("failure 52: what was opened before a backup was made opens for nobody who comes from it, however often a directory hands it out", async () => {
  await using world = await AgentWorld.start();
  const handedOut: MailboxItem[] = [];
  let replayed: readonly MailboxItem[] = [];
  const recording: DirectoryHooks = {
    fetch: (page: MailboxPage): MailboxPage => {
      handedOut.push(...page.items);
      return page;
    },
  };
  const replaying: DirectoryHooks = {
    fetch: (page: MailboxPage): MailboxPage => {
      const items = [...replayed, ...page.items];
      replayed = [];
      return { ...page, items };
    },
  };
  const withoutOneTime = intercepting(world.environment, { claim: ({ oneTimePrekey: _taken, ...bundle }): UnverifiedBundle => bundle });
  const alice = await world.create("alice");
  const carol = await world.create("carol", {}, withoutOneTime);
  const bob = await world.create("bob", {}, intercepting(world.environment, recording));
  const sent = [await alice.send(bob.did, "pay 100"), await carol.send(bob.did, "pay 200")];
  await take(bob, 2);
  for (const [index, sender] of [alice, carol].entries()) {
    await until(() => sender.outbox(sent[index]?.messageId ?? "")?.state === "delivered", "it is acknowledged");
  }
  const backupPath = join(world.folder, "bob.backup");
  await bob.exportKeys({ path: backupPath, password: SAFE });
  await bob.close();

  assert.equal(handedOut.length, 2, "one with a one-time prekey, one without");
  replayed = [...handedOut];
  await using back = await recoverIn(intercepting(world.environment, replaying), {
    backupPath,
    password: SAFE,
    dataDir: join(world.folder, "bob-again"),
    newPassword: AGAIN,
  });
  await until(() => back.status().kept.length === handedOut.length, "what was replayed is kept");
  await back.flush();
  const { inbox, kept } = back.status();
  assert.deepEqual(
    kept.map(({ code }) => code),
    handedOut.map(() => "HANDSHAKE_REFUSED"),
  );
  assert.equal(inbox.offered, 0);
});
