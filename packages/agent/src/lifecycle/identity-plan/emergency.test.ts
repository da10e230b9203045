import assert from "node:assert/strict";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { nodeCrypto, talosError, type SigningKey } from "@talos/core";
import { inspectIn, type TalosClient } from "../../talos-client.ts";
import { AgentWorld, hasCode, take, TEST_PASSWORD, until } from "@talos/testkit";

const KIT_PASSWORD = "marble falcon ribbon dusk, for the kit";

function kitOf(world: AgentWorld): { path: string; password: string } {
  return { path: join(world.folder, "kit.txt"), password: KIT_PASSWORD };
}

async function exchange(a: TalosClient, b: TalosClient): Promise<void> {
  await a.send(b.did, "hello", { waitFor: "deposited" });
  await take(b, 1);
  await b.send(a.did, "hello yourself", { waitFor: "deposited" });
  await take(a, 1);
}

function texts(messages: readonly { text(): string }[]): string[] {
  return messages.map((message) => message.text());
}

test("failure 51: an emergency rotation replaces everything that a thief of the data directory has", async () => {
  await using world = await AgentWorld.start();
  const recoveryKit = kitOf(world);
  const alice = await world.create("alice", { recoveryKit });
  const bob = await world.create("bob");
  await exchange(alice, bob);
  const before = alice.status();
  const filesBefore = new Set(readdirSync(alice.dataDir, { recursive: true, encoding: "utf8" }));
  const newPassword = "another lantern, another quarry";

  const result = await alice.emergencyRotate({ reason: "the laptop was stolen", recoveryKit, newPassword });
  assert.deepEqual([result.contestable, result.report.authority, result.report.kind], [false, "recovery", "compromise"]);
  const after = alice.status();
  const keyIds = new Set(after.keys.map(({ keyId }) => keyId));
  for (const { keyId, kind } of before.keys) assert.equal(keyIds.has(keyId), false, `a ${kind} of before is still held`);
  assert.equal(after.sessions.length, 0, "sessions have ended");
  for (const name of readdirSync(join(alice.dataDir, "prekeys")))
    assert.equal(filesBefore.has(`prekeys/${name}`) && name.startsWith("otpk"), false);

  await alice.send(bob.did, "with new keys", { waitFor: "deposited" });
  assert.deepEqual(texts(await take(bob, 1)), ["with new keys"]);
  await alice.close();
  await assert.rejects(world.open("alice"), hasCode("WRONG_PASSWORD"));
  const again = await world.open("alice", { password: newPassword });
  assert.equal(again.identityKey, result.identityKey);
  assert.equal(again.lastEmergencyReport()?.passwordReplaced, true);
});

test("what was not acknowledged is sent once more after an emergency, under the same id", async () => {
  await using world = await AgentWorld.start();
  const recoveryKit = kitOf(world);
  const alice = await world.create("alice", { recoveryKit });
  const bob = await world.create("bob");
  await exchange(alice, bob);
  await bob.close();
  const { messageId } = await alice.send(bob.did, "on its way", { waitFor: "deposited" });
  await alice.emergencyRotate({ recoveryKit });
  await until(() => alice.outbox(messageId)?.state === "deposited", "it leaves again in a new session");
  await alice.send(bob.did, "and another", { waitFor: "deposited" });
  const back = await world.open("bob");
  // The first copy is in the mailbox still, and opens: once to the application, whichever of the two it was.
  assert.deepEqual(texts(await take(back, 2)), ["on its way", "and another"]);
  await until(() => alice.outbox(messageId)?.state === "delivered", "it is acknowledged");
});

test("a thief rotates first with a stolen vault; the owner comes with the kit and cuts that off", async () => {
  await using world = await AgentWorld.start();
  const recoveryKit = kitOf(world);
  const first = await world.create("alice", { recoveryKit });
  const bob = await world.create("bob");
  await exchange(first, bob);
  await first.close();
  world.copyDataDir("alice", "stolen");
  const thief = await world.open("stolen");
  const stolen = await thief.emergencyRotate();
  assert.equal(stolen.contestable, true);
  await until(() => thief.status().publication === "published", "the thief has published");
  await thief.close();

  const alice = await world.open("alice");
  const moved: unknown[] = [];
  alice.on("identityMoved", (event) => moved.push(event));
  await assert.rejects(alice.rotateIdentity(), hasCode("IDENTITY_MOVED"));
  await assert.rejects(alice.emergencyRotate(), hasCode("IDENTITY_MOVED"), "the online key does not outrank the thief");
  const result = await alice.emergencyRotate({ recoveryKit });
  assert.equal(result.seq, 1, "it follows the last event that the owner made");
  assert.deepEqual(
    result.report.cutOffEvents.map(({ seq }) => seq),
    [1],
  );
  await until(() => alice.status().publication === "published", "the owner has published");
  await alice.send(bob.did, "it is me", { waitFor: "deposited" });
  assert.deepEqual(texts(await take(bob, 1)), ["it is me"]);

  const again = await world.open("stolen", { password: TEST_PASSWORD });
  await assert.rejects(again.rotateIdentity(), hasCode("IDENTITY_MOVED"));
});

test("an emergency rotation makes a superseded instance the living one", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await exchange(alice, bob);
  world.copyDataDir("alice", "copy");
  const copy = await world.open("copy");
  await until(() => alice.superseded, "the original hears of the copy");
  await assert.rejects(alice.send(bob.did, "no"), hasCode("INSTANCE_SUPERSEDED"));
  const result = await alice.emergencyRotate({ revokeOld: true });
  assert.deepEqual([alice.superseded, result.contestable, result.seq], [false, true, 1]);
  await alice.send(bob.did, "I am the living one", { waitFor: "deposited" });
  assert.deepEqual(texts(await take(bob, 1)), ["I am the living one"]);
  await assert.rejects(copy.rotateIdentity(), hasCode("IDENTITY_MOVED"));
});

test("a lost key is replaced too, and sessions go on", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await exchange(alice, bob);
  const sessions = alice.status().sessions.map(({ sessionId }) => sessionId);
  const { report } = await alice.emergencyRotate({ revokeOld: false });
  assert.equal(report.kind, "lost");
  assert.deepEqual(
    alice.status().sessions.map(({ sessionId }) => sessionId),
    sessions,
  );
  await alice.send(bob.did, "still in the same session", { waitFor: "deposited" });
  await bob.send(alice.did, "so am I", { waitFor: "deposited" });
  assert.deepEqual(texts(await take(bob, 1)), ["still in the same session"]);
  assert.deepEqual(texts(await take(alice, 1)), ["so am I"]);
});

test("failure 27: a revoked agent acts no more, here or after a restart", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await exchange(alice, bob);
  const revoked: unknown[] = [];
  bob.on("peerRevoked", ({ peerDid }) => revoked.push(peerDid));
  const result = await alice.revokeIdentity({ reason: "decommissioned" });
  assert.deepEqual([result.seq, result.final, result.notified], [1, false, [bob.did]]);
  await until(() => revoked.length === 1, "the peer hears of it at once");
  await assert.rejects(bob.send(alice.did, "are you there?"), hasCode("PEER_REVOKED"));
  await assert.rejects(alice.send(bob.did, "no"), hasCode("AGENT_REVOKED"));
  await assert.rejects(alice.rotateIdentity(), hasCode("AGENT_REVOKED"));
  await assert.rejects(alice.emergencyRotate(), hasCode("AGENT_REVOKED"));
  await alice.close();
  const again = await world.open("alice");
  await assert.rejects(again.send(bob.did, "no"), hasCode("AGENT_REVOKED"));
  assert.deepEqual(again.status().keys, []);
});

test("the recovery key replaces everything also where the next identity key is lost", async () => {
  await using world = await AgentWorld.start();
  const recoveryKit = kitOf(world);
  await (await world.create("alice", { recoveryKit })).close();
  rmSync(join(world.dataDir("alice"), "identity.next.key.enc"));
  const alice = await world.open("alice");
  await assert.rejects(alice.rotateIdentity(), hasCode("KEY_FILE_MISSING"));
  await alice.emergencyRotate({ recoveryKit, revokeOld: false });
  assert.equal((await alice.rotateIdentity()).seq, 2);
});

test("an event in its log that the agent did not make: kept, told, and nothing is published or rotated until the owner decides", async () => {
  await using world = await AgentWorld.start();
  const recoveryKit = kitOf(world);
  const alice = await world.create("alice", { recoveryKit });
  const bob = await world.create("bob");
  await exchange(alice, bob);
  await alice.close();
  world.copyDataDir("alice", "stolen");
  const running = await world.open("alice");
  const moved: unknown[] = [];
  running.on("identityMoved", ({ seq }) => moved.push(seq));
  const thief = await world.open("stolen");
  await thief.emergencyRotate();
  await until(() => moved.length > 0, "the directory refuses the old certificate, and the log there says why");
  assert.deepEqual(moved, [1]);
  assert.equal(running.status().identityMoved?.seq, 1);
  await assert.rejects(running.rotateIdentity(), hasCode("IDENTITY_MOVED"));
  await running.close();

  const again = await world.open("alice");
  assert.equal(again.status().identityMoved?.seq, 1, "it is on record");
  await again.emergencyRotate({ recoveryKit });
  assert.equal(again.status().identityMoved, undefined);
  await until(() => again.status().publication === "published", "the owner has published");
  await again.send(bob.did, "mine again", { waitFor: "deposited" });
  assert.deepEqual(texts(await take(bob, 1)), ["mine again"]);
});

test("the report says what was signed since, what is dangerous now, what is left to do, and how far the five steps are", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  const bob = await world.create("bob");
  await exchange(alice, bob);
  await alice.sign("releases", new Uint8Array([1]));
  await new Promise((resolve) => setTimeout(resolve, 5));
  const suspectedSince = Date.now();
  await alice.sign("releases", new Uint8Array([2]));
  const { report } = await alice.emergencyRotate({ reason: "somebody signed in my name", suspectedSince });
  assert.equal(report.reason, "somebody signed in my name");
  assert.equal(report.signed["signature-made"], 1, "only what came after");
  assert.equal(report.suspectedSince, suspectedSince);
  assert.ok((report.suspectFrom ?? 0) > 0);
  assert.ok(
    report.byHand.some((text) => text.includes("password")),
    "the password is still the one that may be known",
  );
  assert.ok(
    report.byHand.some((text) => text.includes("recovery-kit")),
    "there was none",
  );
  assert.ok(report.dangerous.length >= 2);
  await until(() => alice.lastEmergencyReport()?.steps.notify.state === "done", "every peer has acknowledged");
  const { steps, peers } = alice.lastEmergencyReport() ?? report;
  assert.deepEqual([steps.detect.state, steps.rotate.state, steps.revoke.state, steps.audit.state], ["done", "done", "done", "open"]);
  assert.deepEqual(
    peers.map(({ did, state }) => [did, state]),
    [[bob.did, "acknowledged"]],
  );
  const inspection = await inspectIn(world.environment, { dataDir: alice.dataDir });
  assert.equal(inspection.lastEmergencyReport()?.seq, 1, "readable beside the agent, without a password");
  inspection.close();
});

test("bad options of an emergency change nothing", async () => {
  await using world = await AgentWorld.start();
  const recoveryKit = kitOf(world);
  const alice = await world.create("alice", { recoveryKit });
  const { identityKey } = alice;
  const bad = (options: object): Promise<unknown> => alice.emergencyRotate(options);
  await assert.rejects(bad({ revokeold: true }), hasCode("UNKNOWN_OPTION"));
  for (const options of [
    { reason: "" },
    { suspectedSince: "yesterday" },
    { suspectedSince: 8_640_000_000_000_001 },
    { recoveryKit: { path: "x" } },
    { recoveryKit: { ...recoveryKit, more: 1 } },
  ]) {
    await assert.rejects(bad(options), hasCode("INVALID_ARGUMENT"), JSON.stringify(options));
  }
  await assert.rejects(bad({ recoveryKit: { ...recoveryKit, password: "not this one at all" } }), hasCode("RECOVERY_KIT_WRONG_PASSWORD"));
  await assert.rejects(bad({ newPassword: TEST_PASSWORD }), hasCode("SLOT_EXISTS"), "the thief may know it");
  assert.equal(alice.identityKey, identityKey);
});

test("failure 24: an emergency that stopped after the new password is made again with the same one, and then that one is known", async () => {
  let isBroken = false;
  const generateSigningKey = (): SigningKey => {
    if (isBroken) throw talosError("STORAGE_FAILED");
    return nodeCrypto.generateSigningKey();
  };
  await using world = await AgentWorld.start({ environment: { crypto: { ...nodeCrypto, generateSigningKey } } });
  const alice = await world.create("alice");
  const newPassword = "another lantern, another quarry";
  isBroken = true;
  await assert.rejects(alice.emergencyRotate({ newPassword }), hasCode("STORAGE_FAILED"));
  await alice.close();
  isBroken = false;

  const again = await world.open("alice", { password: newPassword });
  const { seq, report } = await again.emergencyRotate({ newPassword });
  assert.deepEqual([seq, report.passwordReplaced], [1, true]);
  await assert.rejects(again.emergencyRotate({ newPassword }), hasCode("SLOT_EXISTS"), "another emergency: the thief may know it");
});
