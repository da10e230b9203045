import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { talosError } from "@talos/core";
import { AgentWorld, hasCode, intercepting, take, TEST_PASSWORD, until, type DirectoryHooks } from "@talos/testkit";
import { recoverIdentityIn, type TalosClient } from "../../talos-client.ts";
import { headOf } from "../foreign-events.ts";
import { recoveryOutlook } from "../recovery-outlook.ts";

const KIT_PASSWORD = "marble falcon ribbon dusk, for the kit";
const NEW_PASSWORD = "another lantern, another quarry";

interface Stage {
  readonly hooks: DirectoryHooks;
  readonly alice: TalosClient;
  readonly recoveryKit: { path: string; password: string };
}

async function stage(world: AgentWorld, withKit: boolean = true): Promise<Stage> {
  const hooks: DirectoryHooks = {};
  const recoveryKit = { path: join(world.folder, "kit.txt"), password: KIT_PASSWORD };
  const alice = await world.create("alice", withKit ? { recoveryKit } : {}, intercepting(world.environment, hooks));
  await until(() => alice.status().publication === "published", "published");
  return { hooks, alice, recoveryKit };
}

function unreachable(): never {
  throw talosError("DIRECTORY_UNREACHABLE");
}

/** The directory takes the event, and its answer is lost. */
async function loseAnswer(hooks: DirectoryHooks, operation: () => Promise<unknown>): Promise<void> {
  hooks.eventsPublished = unreachable;
  await assert.rejects(operation(), hasCode("DIRECTORY_UNREACHABLE"));
  delete hooks.eventsPublished;
}

/** From now on it shows the log as it was, until something is published. */
function showOldLog(hooks: DirectoryHooks): void {
  hooks.resolve = () => {
    throw talosError("AGENT_UNKNOWN");
  };
  hooks.publishEvents = () => {
    delete hooks.resolve;
    delete hooks.publishEvents;
  };
}

function stagedKeys(client: TalosClient): string[] {
  return client
    .status()
    .keys.filter(({ state }) => state === "staged")
    .map(({ keyId }) => keyId);
}

async function headAbroad(world: AgentWorld, did: string): Promise<number> {
  return (await recoveryOutlook(world.environment, { did, directory: world.url })).head;
}

test("failure 24: an emergency over a rotation whose answer was lost follows it, whatever the directory shows meanwhile", async () => {
  for (const offline of [false, true]) {
    await using world = await AgentWorld.start();
    const { hooks, alice } = await stage(world, false);
    await loseAnswer(hooks, async () => await alice.rotateIdentity());
    showOldLog(hooks);
    const { seq } = await alice.emergencyRotate({ offline });
    assert.equal(seq, 2);
    await alice.close();
    const again = await world.open("alice");
    await until(() => again.status().publication === "published", "published");
    assert.equal(await headAbroad(world, again.did), 2);
    assert.equal((await again.rotateIdentity()).seq, 3, "the identity lives");
    assert.equal(again.status().identityMoved, undefined);
  }
});

test("failure 24: with the kit an emergency takes the place of a rotation that may have been accepted; its keys stay until that is in force", async () => {
  await using world = await AgentWorld.start();
  const { hooks, alice, recoveryKit } = await stage(world);
  await loseAnswer(hooks, async () => await alice.rotateIdentity());
  const before = stagedKeys(alice);
  assert.equal(before.length, 2);
  hooks.resolve = () => {
    throw talosError("AGENT_UNKNOWN");
  };
  hooks.publishEvents = unreachable;
  await assert.rejects(alice.emergencyRotate({ recoveryKit }), hasCode("DIRECTORY_UNREACHABLE"));
  assert.ok(
    before.every((keyId) => stagedKeys(alice).includes(keyId)),
    "nothing has settled what became of it",
  );
  assert.deepEqual(
    alice
      .status()
      .plans.map(({ kind, step }) => `${kind} ${step}`)
      .sort(),
    ["emergency event", "rotate set-aside"],
  );
  delete hooks.resolve;
  delete hooks.publishEvents;
  const { seq, contestable } = await alice.emergencyRotate({ recoveryKit });
  assert.deepEqual([seq, contestable], [1, false]);
  assert.deepEqual(stagedKeys(alice), []);
  await until(() => alice.status().publication === "published" && alice.status().plans.length === 0, "published");
  assert.equal((await alice.rotateIdentity()).seq, 2);
});

test("a rotation that the directory has accepted stands: the emergency with the kit comes after it", async () => {
  await using world = await AgentWorld.start();
  const { hooks, alice, recoveryKit } = await stage(world);
  await loseAnswer(hooks, async () => await alice.rotateIdentity());
  const { seq, report } = await alice.emergencyRotate({ recoveryKit });
  assert.deepEqual([seq, report.authority, report.cutOffEvents], [2, "recovery", []]);
});

test("failure 51: the recovery key takes the place of an emergency that does not get through, with the options of the second call", async () => {
  await using world = await AgentWorld.start();
  const { hooks, alice, recoveryKit } = await stage(world);
  hooks.publishEvents = unreachable;
  await assert.rejects(alice.emergencyRotate(), hasCode("DIRECTORY_UNREACHABLE"));
  const { report, seq } = await alice.emergencyRotate({ recoveryKit, offline: true, newPassword: NEW_PASSWORD });
  assert.deepEqual([seq, report.contestable, report.authority, report.passwordReplaced], [1, false, "recovery", true]);
  delete hooks.publishEvents;
  await alice.close();
  await assert.rejects(world.open("alice"), hasCode("WRONG_PASSWORD"));
  const again = await world.open("alice", { password: NEW_PASSWORD });
  await until(() => again.status().publication === "published", "published");
  assert.equal(await headAbroad(world, again.did), 1);
});

test("failure 51: a directory that withholds what it says it has stops no owner with a kit", async () => {
  await using world = await AgentWorld.start();
  const { hooks, alice, recoveryKit } = await stage(world);
  hooks.publishEvents = () => {
    throw talosError("IDENTITY_MOVED");
  };
  await assert.rejects(alice.emergencyRotate(), hasCode("IDENTITY_MOVED"));
  await assert.rejects(alice.emergencyRotate({ recoveryKit }), hasCode("IDENTITY_MOVED"));
  assert.equal((await alice.emergencyRotate({ recoveryKit, offline: true })).contestable, false);
});

test("the kit outranks a revocation by the online key that does not get through, and revokes over anything else", async () => {
  await using world = await AgentWorld.start();
  const { hooks, alice, recoveryKit } = await stage(world);
  hooks.publishEvents = unreachable;
  await assert.rejects(alice.revokeIdentity(), hasCode("DIRECTORY_UNREACHABLE"));
  await assert.rejects(alice.emergencyRotate(), hasCode("PLAN_BLOCKED"));
  assert.equal((await alice.emergencyRotate({ recoveryKit, offline: true })).seq, 1);
  await assert.rejects(alice.emergencyRotate({ revokeOld: false }), hasCode("DIRECTORY_UNREACHABLE"));
  const { final, seq } = await alice.revokeIdentity({ recoveryKit, offline: true });
  assert.deepEqual([final, seq], [true, 2]);
});

test("an emergency that is made again takes what can still be said, and refuses by name what stands in its event", async () => {
  await using world = await AgentWorld.start();
  const { hooks, alice } = await stage(world, false);
  hooks.publishEvents = unreachable;
  await assert.rejects(alice.emergencyRotate({ newPassword: NEW_PASSWORD }), hasCode("DIRECTORY_UNREACHABLE"));
  for (const options of [{ revokeOld: false }, { suspectedSince: 1 }]) {
    const [option] = Object.keys(options);
    await assert.rejects(alice.emergencyRotate(options), (error: unknown) => {
      assert.ok(hasCode("PLAN_BLOCKED")(error));
      assert.equal((error as { details: Record<string, unknown> }).details["option"], option);
      return true;
    });
  }
  delete hooks.publishEvents;
  const { report, seq } = await alice.emergencyRotate({ newPassword: NEW_PASSWORD, reason: "the laptop", notifyPeers: false });
  assert.deepEqual([seq, report.reason, report.notifyPeers, report.passwordReplaced], [1, "the laptop", false, true]);
});

test("a password that comes with the second call counts", async () => {
  await using world = await AgentWorld.start();
  const { hooks, alice } = await stage(world, false);
  hooks.publishEvents = unreachable;
  await assert.rejects(alice.emergencyRotate(), hasCode("DIRECTORY_UNREACHABLE"));
  delete hooks.publishEvents;
  await assert.rejects(alice.emergencyRotate({ newPassword: TEST_PASSWORD }), hasCode("SLOT_EXISTS"), "the thief may know it");
  const { report, seq } = await alice.emergencyRotate({ newPassword: NEW_PASSWORD });
  assert.deepEqual([seq, report.passwordReplaced], [1, true]);
  await alice.close();
  await assert.rejects(world.open("alice"), hasCode("WRONG_PASSWORD"));
  await world.open("alice", { password: NEW_PASSWORD });
});

test("failure 24: an own event that stands below somebody else's is put in force, and its keys are not lost", async () => {
  await using world = await AgentWorld.start();
  const { hooks, alice, recoveryKit } = await stage(world);
  await loseAnswer(hooks, async () => await alice.rotateIdentity());
  await alice.close();
  const elsewhere = await recoverIdentityIn(world.environment, {
    recoveryKit,
    directory: world.url,
    dataDir: world.dataDir("elsewhere"),
    newPassword: TEST_PASSWORD,
    cutAfter: 1,
  });
  await until(() => elsewhere.status().publication === "published", "published");
  await elsewhere.close();

  const again = await world.open("alice");
  await until(() => again.status().identityMoved?.seq === 2, "the event above its own is noted");
  assert.deepEqual(
    again.status().plans.filter(({ kind }) => kind === "rotate"),
    [],
  );
  assert.deepEqual(stagedKeys(again), []);
  await assert.rejects(again.rotateIdentity(), hasCode("IDENTITY_MOVED"));
});

test("failure 27: a revocation that peers have heard of is not forgotten here because somebody was faster at the directory", async () => {
  await using world = await AgentWorld.start();
  const { hooks, alice, recoveryKit } = await stage(world);
  const bob = await world.create("bob");
  await alice.send(bob.did, "hi", { waitFor: "deposited" });
  await take(bob, 1);
  await bob.send(alice.did, "hi", { waitFor: "deposited" });
  await take(alice, 1);
  await alice.close();
  world.copyDataDir("alice", "stolen");
  const owner = await world.open("alice", {}, intercepting(world.environment, hooks));
  await until(() => owner.status().publication === "published", "published");
  const thief = await world.open("stolen");
  hooks.publishEvents = async () => {
    delete hooks.publishEvents;
    await thief.emergencyRotate({ notifyPeers: false });
  };
  await assert.rejects(owner.revokeIdentity({ reason: "compromise" }), hasCode("IDENTITY_MOVED"));
  assert.deepEqual(
    owner.status().plans.map(({ kind, step }) => `${kind} ${step}`),
    ["revoke announced"],
  );
  const { final, seq } = await owner.revokeIdentity({ recoveryKit, reason: "compromise" });
  assert.deepEqual([final, seq], [true, 1]);
});

test("failure 27: where peers are at home elsewhere they hear of a revocation once it is certain", async () => {
  await using world = await AgentWorld.start();
  await using other = await AgentWorld.start();
  const { hooks, alice } = await stage(world);
  const bob = await other.create("bob");
  await alice.send(`${bob.did}@${new URL(other.url).host}`, "hi", { waitFor: "deposited" });
  await take(bob, 1);
  const steps: string[] = [];
  hooks.publishEvents = (events) => {
    steps.push(`publish ${headOf(events.at(-1) ?? new Uint8Array(), world.environment.crypto).seq}`);
  };
  hooks.deposited = () => void steps.push("peer");
  const { notified } = await alice.revokeIdentity();
  assert.deepEqual(notified, [bob.did]);
  assert.deepEqual(steps, ["publish 1", "peer"]);
  await until(() => bob.peers.show(alice.did).revoked, "the peer has it");
});
