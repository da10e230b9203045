// An agent that comes back from its backup, among others that go on: what they send meanwhile, what they see of it, and what becomes of the
// machine that was taken for lost.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { inspectIn, recoverIn, type TalosClient } from "@talos/agent";
import { nodeCrypto, verifyAuditExport } from "@talos/core";
import { AgentWorld, hasCode, take, TEST_KDF, until } from "@talos/testkit";

const BACKUP_PASSWORD = "granite heron violet anvil, in the safe";
const KIT_PASSWORD = "marble falcon ribbon dusk, for the kit";
const NEW_PASSWORD = "copper lantern meadow finch, on the new machine";

interface Pair extends AsyncDisposable {
  readonly world: AgentWorld;
  readonly alice: TalosClient;
  readonly bob: TalosClient;
  readonly backupPath: string;
  readonly recoveryKit: { readonly path: string; readonly password: string };
  /** On a machine of that name. */
  readonly recover: (machine: string, options?: object) => Promise<TalosClient>;
}

async function pair(): Promise<Pair> {
  await using cleanup = new AsyncDisposableStack();
  const world = cleanup.use(await AgentWorld.start({ environment: { backupKdf: TEST_KDF } }));
  const recoveryKit = { path: join(world.folder, "alice.kit"), password: KIT_PASSWORD };
  const alice = await world.create("alice", { recoveryKit });
  const bob = await world.create("bob");
  await alice.send(bob.did, "hello bob", { waitFor: "deposited" });
  await take(bob, 1);
  await bob.send(alice.did, "hello alice", { waitFor: "deposited" });
  await take(alice, 1);
  const backupPath = join(world.folder, "alice.backup");
  await alice.exportKeys({ path: backupPath, password: BACKUP_PASSWORD });
  const all = cleanup.move();
  return {
    world,
    alice,
    bob,
    backupPath,
    recoveryKit,
    recover: async (machine, options = {}) => {
      const common = { backupPath, password: BACKUP_PASSWORD, dataDir: world.dataDir(machine), newPassword: NEW_PASSWORD };
      return all.use(await recoverIn(world.environment, { ...common, ...options }));
    },
    [Symbol.asyncDispose]: async () => await all.disposeAsync(),
  };
}

test("mail for the machine that was lost comes again to the one that was recovered, also where that was held at first", async () => {
  await using scene = await pair();
  const { world, alice, bob, recover } = scene;
  await alice.close();
  await bob.send(alice.did, "to the lost machine", { waitFor: "deposited" });
  await world.stopDirectory();
  const back = await recover("new");
  assert.equal(back.held, true);
  const { messageId } = await bob.send(alice.did, "while nobody carries mail");
  await world.startDirectory();
  await until(() => !back.held, "it has compared");
  const got = await take(back, 2);
  assert.deepEqual(got.map((message) => message.text()).sort(), ["to the lost machine", "while nobody carries mail"]);
  assert.equal(got.find((message) => message.text() === "to the lost machine")?.resent, true);
  assert.ok(got.some(({ id }) => id === messageId));
  await back.send(bob.did, "here I am", { waitFor: "deposited" });
  assert.deepEqual(
    (await take(bob, 1)).map((message) => message.text()),
    ["here I am"],
  );
  await until(() => bob.status().outbox.rows.length === 0, "and bob knows");
});

test("failure 34: the machine that was taken for lost wakes up and is superseded; a second recovery supersedes the first", async () => {
  await using scene = await pair();
  const { world, alice, bob, recover } = scene;
  const first = await recover("first");
  await until(() => alice.superseded, "the old machine hears of it");
  await assert.rejects(alice.send(bob.did, "I am still here"), hasCode("INSTANCE_SUPERSEDED"));
  const second = await recover("second");
  await until(() => first.superseded, "the first one hears of the second");
  assert.ok(second.status().generation > first.status().generation);
  await first.close();
  const again = await world.open("first", { password: NEW_PASSWORD });
  assert.deepEqual([again.superseded, again.held], [true, false]);
  await second.send(bob.did, "the living one", { waitFor: "deposited" });
  await take(bob, 1);
});

test("a peer checks the record of an agent that came back, by what it knows itself, with and without the kit", async () => {
  await using scene = await pair();
  const { world, alice, bob, recover, recoveryKit } = scene;
  const back = await recover("first");
  await back.send(bob.did, "once", { waitFor: "deposited" });
  await take(bob, 1);
  await using looking = await inspectIn(world.environment, { dataDir: bob.dataDir });
  const known = async (client: TalosClient): Promise<readonly number[]> => {
    const check = looking.verifyAuditExport({ text: (await client.audit.export()).text });
    assert.equal(check.did, alice.did);
    return check.earlierRecord;
  };
  assert.deepEqual(await known(back), []);
  await back.rotateIdentity();
  await back.rotateIdentity();
  await back.close();
  const forward = await recover("second", { recoveryKit });
  await until(() => bob.peers.show(alice.did).head.seq === 3, "bob has the event");
  assert.deepEqual(await known(forward), [1, 2]);
  const { entries } = verifyAuditExport((await forward.audit.export()).text, nodeCrypto);
  assert.equal(entries.filter(({ kind }) => kind === "backup-restored").length, 1, "of this life; that of the first one is lost");
  await forward.send(bob.did, "twice", { waitFor: "deposited" });
  await take(bob, 1);
});

test("a backup of a recovered agent brings it back once more", async () => {
  await using scene = await pair();
  const { world, bob, alice, recover, recoveryKit } = scene;
  await alice.rotateIdentity();
  await alice.close();
  const forward = await recover("first", { recoveryKit });
  const backupPath = join(world.folder, "second.backup");
  await forward.exportKeys({ path: backupPath, password: BACKUP_PASSWORD });
  await forward.close();
  const back = await recover("second", { backupPath });
  assert.deepEqual([back.held, back.recovered?.way], [false, "restored"]);
  assert.deepEqual(back.audit.verify().earlierRecord, [1]);
  assert.equal(back.audit.list().filter(({ kind }) => kind === "backup-restored").length, 2);
  assert.deepEqual(verifyAuditExport((await back.audit.export()).text, nodeCrypto).earlierRecord, [1]);
  await back.send(bob.did, "again", { waitFor: "deposited" });
  await take(bob, 1);
});
