import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { nodeCrypto, toHex, verifyAuditExport, type IdentityLog } from "@talos/core";
import { hasCode, intercepting, take, until } from "@talos/testkit";
import type { TalosClient } from "../../talos-client.ts";
import { recoveryOutlook } from "../recovery-outlook.ts";
import type { RecoverOptions } from "../recover-options.ts";
import { KIT_PASSWORD, lostMachine, unheardOwner, type LostMachine } from "./recover-fixture.test.ts";

async function logOf(client: TalosClient): Promise<IdentityLog> {
  return verifyAuditExport((await client.audit.export()).text, nodeCrypto).log;
}

async function headAt({ world, did }: LostMachine): Promise<number> {
  return (await recoveryOutlook(world.environment, { did, directory: world.url })).head;
}

test("failure 38: where the identity has moved on the kit gives new keys in the same call, and the backup peers, trust, settings and record", async () => {
  let bob: TalosClient | undefined;
  await using lost = await lostMachine({
    before: async (alice, world) => {
      bob = await world.create("bob");
      await alice.peers.add(bob.did, { name: "Bobby" });
      alice.peers.verify("Bobby", bob.peers.fingerprint(alice.did));
      await alice.send("Bobby", "one", { waitFor: "deposited" });
      await take(bob, 1);
    },
    after: async (alice) => {
      await alice.rotateIdentity();
      await alice.rotateIdentity();
    },
  });
  assert.ok(bob !== undefined);
  const peer = bob;
  const back = await lost.recover({ recoveryKit: lost.kit });
  const { recovered } = back;
  const { event } = recovered ?? {};
  assert.deepEqual([recovered?.way, recovered?.recoveryKit, back.held], ["rotated", "used", false]);
  assert.deepEqual([event?.seq, event?.cutAfter.seq, event?.reason, event?.suspectFrom], [3, 2, "compromise", recovered?.auditEntries]);
  assert.deepEqual(
    event?.passed.map(({ seq, reason }) => [seq, reason]),
    [
      [1, "planned"],
      [2, "planned"],
    ],
  );
  assert.deepEqual(event?.cutOff, []);
  await until(() => back.status().publication === "published", "it is published");
  assert.equal(await headAt(lost), 3);
  assert.equal(back.peers.show("Bobby").trust, "verified");
  const log = await logOf(back);
  assert.deepEqual([log.states[3]?.suspectFrom, log.states[3]?.auditHead?.size], [recovered?.auditEntries, recovered?.auditEntries]);
  await until(() => peer.peers.show(back.did).head.seq === 3, "the peer hears of the event");
  await back.send("Bobby", "with new keys", { waitFor: "deposited" });
  await take(peer, 1);
  await peer.send(back.did, "welcome", { waitFor: "deposited" });
  await take(back, 1);
  assert.deepEqual(
    back.status().notifications.map(({ seq }) => seq),
    [3],
  );
});

test("the record goes on: its export verifies with the events that were passed, whose own record is lost", async () => {
  let signature = "";
  await using lost = await lostMachine({
    before: async (alice) => {
      await alice.rotateIdentity();
      signature = (await alice.sign("test", "before the backup")).text;
    },
    after: async (alice) => {
      await alice.sign("test", "after the backup");
      await alice.rotateIdentity();
      await alice.rotateIdentity();
    },
  });
  const back = await lost.recover({ recoveryKit: lost.kit });
  const check = back.audit.verify();
  assert.deepEqual([check.sound, check.earlierRecord, check.problems], [true, [2, 3], []]);
  const { log, entries, earlierRecord } = verifyAuditExport((await back.audit.export()).text, nodeCrypto);
  assert.deepEqual([log.head.seq, earlierRecord], [4, [2, 3]]);
  assert.equal(entries.find(({ kind }) => kind === "backup-restored")?.details["event"], 4);
  assert.throws(() => back.signatureProof(signature), hasCode("PROOF_NOT_POSSIBLE"), "its key was retired on a record that is lost");
  // Once more, from this life.
  await back.rotateIdentity();
  await back.sign("test", "in the new life");
  assert.equal(back.audit.verify().sound, true);
  assert.deepEqual(verifyAuditExport((await back.audit.export()).text, nodeCrypto).earlierRecord, [2, 3]);
});

test("a signature that was on record before the backup is proved by the recovery event, where that event ended its key", async () => {
  let signature = "";
  await using lost = await lostMachine({
    before: async (alice) => {
      signature = (await alice.sign("test", "before the backup")).text;
    },
    after: async (alice) => await alice.revokeIdentity(),
  });
  const back = await lost.recover({ recoveryKit: lost.kit, cutAfter: 0 });
  const { text, retiredBy } = back.signatureProof(signature);
  assert.equal(retiredBy, 1);
  const bob = await lost.world.create("bob");
  await until(() => back.status().publication === "published", "it is published");
  const verdict = await bob.verify({ signature, message: "before the backup", namespace: "test", proof: text });
  assert.equal(verdict.verdict, "valid-then-retired");
});

test("what a thief did after the backup falls away where the owner says so; a revocation is not undone unasked", async () => {
  await using lost = await lostMachine({
    after: async (alice) => {
      await alice.rotateIdentity();
      await alice.revokeIdentity();
    },
  });
  const withKit = { recoveryKit: lost.kit };
  await assert.rejects(lost.recover(withKit), hasCode("INVALID_ARGUMENT"));
  await assert.rejects(lost.recover({ ...withKit, cutAfter: 2 }), hasCode("INVALID_ARGUMENT"), "that one is the revocation");
  await assert.rejects(lost.recover({ ...withKit, cutAfter: { seq: 1, hash: "00".repeat(32) } }), hasCode("IDENTITY_MOVED"));
  await assert.rejects(
    lost.recover({ ...withKit, cutAfter: 1, recoveryKit: { ...lost.kit, password: "not it" } }),
    hasCode("RECOVERY_KIT_WRONG_PASSWORD"),
  );
  assert.equal(existsSync(lost.dataDir), false);
  const back = await lost.recover({ ...withKit, cutAfter: 0, suspectFrom: 2 });
  const { event } = back.recovered ?? {};
  assert.deepEqual([event?.seq, event?.passed, event?.suspectFrom], [1, [], 2]);
  assert.deepEqual(
    event?.cutOff.map(({ seq, event: kind }) => [seq, kind]),
    [
      [1, "rotation"],
      [2, "revocation"],
    ],
  );
  await until(() => back.status().publication === "published", "the branch is cut off");
  assert.equal(await headAt(lost), 1);
  assert.deepEqual(back.audit.list().find(({ kind }) => kind === "identity-recovered")?.details, {
    seq: 1,
    reason: "compromise",
    cutOff: 2,
  });
  assert.deepEqual(back.audit.verify().earlierRecord, [], "what carried another head has fallen away");
});

test("nothing before the event at which the backup was made is cut after, and lost keys leave nothing in doubt", async () => {
  await using lost = await lostMachine({
    before: async (alice) => {
      await alice.rotateIdentity();
    },
    after: async (alice) => await alice.rotateIdentity(),
  });
  const withKit = { recoveryKit: lost.kit };
  await assert.rejects(lost.recover({ ...withKit, cutAfter: 0 }), hasCode("INVALID_ARGUMENT"));
  await assert.rejects(lost.recover({ ...withKit, reason: "lost", suspectFrom: 3 }), hasCode("INVALID_ARGUMENT"));
  const back = await lost.recover({ ...withKit, reason: "lost" });
  const { event } = back.recovered ?? {};
  assert.deepEqual([event?.cutAfter.seq, event?.reason, event?.suspectFrom], [2, "lost", undefined]);
});

test("a backup from before a recovery by the kit alone follows that recovery, and its record goes on", async () => {
  await using lost = await lostMachine({
    before: async (alice) => {
      await alice.rotateIdentity();
    },
    after: async (alice, world) => {
      await alice.close();
      const { recoverIdentityIn } = await import("../../talos-client.ts");
      const recoveryKit = { path: `${world.folder}/alice.kit`, password: KIT_PASSWORD };
      const other = await recoverIdentityIn(world.environment, {
        recoveryKit,
        dataDir: world.dataDir("other"),
        directory: world.url,
        newPassword: "another lamp quartz mole",
        cutAfter: 0,
      });
      await until(() => other.status().publication === "published", "the kit alone");
      await other.close();
    },
  });
  await assert.rejects(lost.recover(), hasCode("BACKUP_OUTDATED"));
  const back = await lost.recover({ recoveryKit: lost.kit });
  const { event } = back.recovered ?? {};
  assert.deepEqual([event?.seq, event?.cutAfter.seq, event?.cutOff.map(({ seq }) => seq)], [2, 1, [1]]);
  assert.deepEqual(
    event?.passed.map(({ authority }) => authority),
    ["recovery"],
  );
  assert.equal(back.audit.verify().sound, true);
  verifyAuditExport((await back.audit.export()).text, nodeCrypto);
});

test("where two branches contend the owner names his own, by the hash of its last event", async () => {
  let branch: readonly Uint8Array[] = [];
  await using lost = await lostMachine(
    unheardOwner((events) => {
      branch = events;
    }),
  );
  assert.equal(branch.length, 2);
  const withKit = { recoveryKit: lost.kit };
  await assert.rejects(lost.recover(), hasCode("BACKUP_OUTDATED"));
  let own = "";
  await assert.rejects(lost.recover(withKit), (error) => {
    assert.ok(hasCode("INVALID_ARGUMENT")(error));
    own = String((error as { details: Record<string, unknown> }).details["backup"]);
    return true;
  });
  const [seq, hash = ""] = own.split(":");
  const back = await lost.recover({ ...withKit, cutAfter: { seq: Number(seq), hash } });
  const { event } = back.recovered ?? {};
  assert.deepEqual([event?.seq, event?.passed.length, event?.cutOff.map((one) => one.seq)], [2, 0, [1]]);
  await until(() => back.status().publication === "published", "the directory follows the recovery key");
  const log = await logOf(back);
  assert.equal(toHex(log.states[1]?.head.hash ?? new Uint8Array()), hash);
  assert.equal(back.audit.verify().sound, true);
});

test("a directory that answers late, or is away, leaves the kit unused", async () => {
  await using lost = await lostMachine({ after: async (alice) => await alice.rotateIdentity() });
  await lost.world.stopDirectory();
  const held = await lost.recover(
    { recoveryKit: lost.kit, cutAfter: 0 } satisfies Partial<RecoverOptions>,
    intercepting(lost.world.environment, {}),
  );
  assert.deepEqual([held.recovered?.recoveryKit, held.recovered?.way, held.held], ["not-used", "restored", true]);
});
