import assert from "node:assert/strict";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { nodeCrypto, talosError, verifyAuditExport } from "@talos/core";
import { openIn, recoverIdentityIn } from "../talos-client.ts";
import { recoveryOutlook } from "./recovery-outlook.ts";
import type { RecoverIdentityOptions } from "./recover-options.ts";
import { AgentWorld, hasCode, intercepting, take, TEST_PASSWORD, until, type DirectoryHooks } from "@talos/testkit";

const KIT_PASSWORD = "marble falcon ribbon dusk, for the kit";

test("an agent of which only the kit is left gets a new life under its own name", async () => {
  await using world = await AgentWorld.start();
  const recoveryKit = { path: join(world.folder, "kit.txt"), password: KIT_PASSWORD };
  const alice = await world.create("alice", { recoveryKit });
  const bob = await world.create("bob");
  await alice.send(bob.did, "one", { waitFor: "deposited" });
  await take(bob, 1);
  const { did, identityKey, dataDir } = alice;
  await alice.close();
  rmSync(dataDir, { recursive: true });

  const outlook = await recoveryOutlook(world.environment, { recoveryKit: { path: recoveryKit.path }, directory: world.url });
  assert.deepEqual([outlook.did, outlook.head, outlook.cutAfter, outlook.events.length], [did, 0, 0, 1]);
  mkdirSync(dataDir, { mode: 0o700 });
  writeFileSync(join(dataDir, "thesis.txt"), "mine", { mode: 0o600 });
  await assert.rejects(
    recoverIdentityIn(world.environment, { recoveryKit, dataDir, directory: world.url, newPassword: TEST_PASSWORD }),
    hasCode("DATA_DIR_NOT_EMPTY"),
  );
  rmSync(join(dataDir, "thesis.txt"));
  const recovered = await recoverIdentityIn(world.environment, {
    recoveryKit,
    name: "alice",
    dataDir,
    directory: world.url,
    newPassword: TEST_PASSWORD,
  });
  try {
    assert.equal(recovered.did, did);
    assert.notEqual(recovered.identityKey, identityKey);
    await until(() => recovered.status().publication === "published", "it is published");
    await recovered.send(bob.did, "back from nothing", { waitFor: "deposited" });
    assert.deepEqual(
      (await take(bob, 1)).map((message) => message.text()),
      ["back from nothing"],
    );
    await bob.send(did, "welcome", { waitFor: "deposited" });
    assert.deepEqual(
      (await take(recovered, 1)).map((message) => message.text()),
      ["welcome"],
    );
  } finally {
    await recovered.close();
  }
  const again = await world.open("alice");
  assert.equal(again.did, did);
  await assert.rejects(
    recoverIdentityIn(world.environment, { recoveryKit, name: "alice", dataDir, directory: world.url, newPassword: TEST_PASSWORD }),
    hasCode("VAULT_EXISTS"),
  );
});

test("what a thief did is cut off where the owner says, and the kit serves once more", async () => {
  await using world = await AgentWorld.start();
  const recoveryKit = { path: join(world.folder, "kit.txt"), password: KIT_PASSWORD };
  const alice = await world.create("alice", { recoveryKit });
  await alice.rotateIdentity();
  await until(() => alice.status().publication === "published", "published");
  await alice.close();
  world.copyDataDir("alice", "stolen");
  const thief = await world.open("stolen");
  await thief.emergencyRotate();
  await until(() => thief.status().publication === "published", "the thief has published");
  await thief.revokeIdentity();
  const kit = { path: recoveryKit.path };
  const outlook = await recoveryOutlook(world.environment, { recoveryKit: kit, directory: world.url });
  assert.deepEqual(
    outlook.events.map(({ seq, event }) => [seq, event]),
    [
      [0, "inception"],
      [1, "rotation"],
      [2, "rotation"],
      [3, "revocation"],
    ],
  );
  assert.deepEqual([outlook.cutAfter, outlook.revoked], [undefined, { final: false }]);
  const common = { recoveryKit, directory: world.url, newPassword: TEST_PASSWORD };
  for (const cutAfter of [3, 4, undefined]) {
    await assert.rejects(
      recoverIdentityIn(world.environment, {
        ...common,
        name: "none",
        dataDir: world.dataDir("none"),
        ...(cutAfter === undefined ? {} : { cutAfter }),
      }),
      hasCode("INVALID_ARGUMENT"),
    );
  }
  const { hash = "" } = outlook.events[1] ?? {};
  const first = await recoverIdentityIn(world.environment, {
    ...common,
    name: "alice",
    dataDir: world.dataDir("life-2"),
    cutAfter: { seq: 1, hash },
  });
  await until(() => first.status().publication === "published", "the first recovery is published");
  await first.close();
  const second = await recoverIdentityIn(world.environment, { ...common, name: "alice", dataDir: world.dataDir("life-3") });
  try {
    await until(() => second.status().publication === "published", "the second recovery is published");
    const { head, events } = await recoveryOutlook(world.environment, { did: second.did, directory: world.url });
    assert.deepEqual([head, events.map(({ authority }) => authority)], [3, ["recovery"]]);
  } finally {
    await second.close();
  }
});

test("a kit that is made later comes into force with one event, and is published without being asked", async () => {
  await using world = await AgentWorld.start();
  const alice = await world.create("alice");
  await until(() => alice.status().publication === "published", "published");
  const recoveryKit = { path: join(world.folder, "later.kit"), password: KIT_PASSWORD };
  await alice.recoveryKit.create(recoveryKit);
  await until(() => alice.status().publication === "published", "the new certificate and batch");
  const { report } = await alice.emergencyRotate({ recoveryKit });
  assert.deepEqual([report.authority, report.seq], ["recovery", 2]);
});

test("failure 28: a directory that shows one branch and then another gets no recovery event after an event that nobody chose", async () => {
  await using world = await AgentWorld.start();
  const hooks: DirectoryHooks = {};
  const recoveryKit = { path: join(world.folder, "kit.txt"), password: KIT_PASSWORD };
  const alice = await world.create("alice", { recoveryKit });
  await until(() => alice.status().publication === "published", "published");
  const { did } = alice;
  await alice.close();
  world.copyDataDir("alice", "stolen");
  await world.stopDirectory();
  const thief = await world.open("stolen");
  await thief.rotateIdentity({ offline: true });
  const stolen = verifyAuditExport((await thief.audit.export()).text, nodeCrypto).log;
  await thief.close();
  await world.startDirectory();
  // He never reached the directory; its operator has his event.
  const [, thiefs = new Uint8Array()] = stolen.events;
  assert.equal(stolen.head.seq, 1);
  const lying = intercepting(world.environment, hooks);
  const shown = await recoveryOutlook(lying, { did, directory: world.url });
  assert.equal(shown.cutAfter, 0);
  hooks.resolve = ({ log, ...answer }) => ({ ...answer, log: [...log.slice(0, 1), thiefs] });
  const common = { recoveryKit, directory: world.url, newPassword: TEST_PASSWORD, dataDir: world.dataDir("life-2") };
  await assert.rejects(recoverIdentityIn(lying, common), hasCode("INVALID_ARGUMENT"), "now there is a choice");
  const cutAfter = { seq: 1, hash: "00".repeat(32) };
  await assert.rejects(recoverIdentityIn(lying, { ...common, cutAfter }), hasCode("IDENTITY_MOVED"));
  for (const bad of [{ seq: 1 }, { seq: 1, hash: "00" }, { ...cutAfter, more: 1 }, "1", -1]) {
    await assert.rejects(recoverIdentityIn(lying, { ...common, cutAfter: bad as number }), hasCode("INVALID_ARGUMENT"));
  }
  assert.equal(existsSync(common.dataDir), false);
});

test("failure 26: a recovery without any record puts in doubt what was signed since the first event that it keeps, unless its owner says otherwise", async () => {
  await using world = await AgentWorld.start();
  const recoveryKit = { path: join(world.folder, "kit.txt"), password: KIT_PASSWORD };
  const alice = await world.create("alice", { recoveryKit });
  await until(() => alice.status().publication === "published", "published");
  await alice.rotateIdentity();
  await alice.rotateIdentity();
  await until(() => alice.status().publication === "published", "published");
  const { log } = verifyAuditExport((await alice.audit.export()).text, nodeCrypto);
  const sizes = log.states.map(({ auditHead }) => auditHead?.size);
  await alice.close();
  const common = { recoveryKit, directory: world.url, newPassword: TEST_PASSWORD, cutAfter: 2 };
  const suspectFrom = async (life: string, options: Partial<RecoverIdentityOptions>): Promise<number | undefined> => {
    const client = await recoverIdentityIn(world.environment, { ...common, ...options, dataDir: world.dataDir(life) });
    try {
      return verifyAuditExport((await client.audit.export()).text, nodeCrypto).log.states.at(-1)?.suspectFrom;
    } finally {
      await client.close();
    }
  };
  await assert.rejects(suspectFrom("none", { reason: "lost", suspectFrom: 7 }), hasCode("INVALID_ARGUMENT"));
  assert.ok((sizes[1] ?? 0) > 0 && (sizes[2] ?? 0) > (sizes[1] ?? 0));
  assert.equal(await suspectFrom("life-2", {}), sizes[1]);
  assert.equal(
    await suspectFrom("life-3", { cutAfter: 3, suspectFrom: 7 }),
    7,
    "of the life before, which keeps no more record than this one",
  );
});

test("failure 38: a recovery by the kit alone reaches nobody before its directory has accepted the event: of two that were made one lives, and no peer is lost to the other", async () => {
  await using other = await AgentWorld.start();
  const bob = await other.create("bob");
  const bobsAddress = `${bob.did}@${other.url.replace("http://", "")}`;
  await using world = await AgentWorld.start();
  const recoveryKit = { path: join(world.folder, "kit.txt"), password: KIT_PASSWORD };
  const alice = await world.create("alice", { recoveryKit });
  await alice.send(bobsAddress, "one", { waitFor: "deposited" });
  await take(bob, 1);
  await alice.close();
  const common = { recoveryKit, directory: world.url, newPassword: TEST_PASSWORD };
  const takesNothing: DirectoryHooks = {
    publishEvents: () => {
      throw talosError("DIRECTORY_UNREACHABLE");
    },
  };
  const first = await recoverIdentityIn(intercepting(world.environment, takesNothing), { ...common, dataDir: world.dataDir("first") });
  await until(() => first.status().held?.reason === "DIRECTORY_UNREACHABLE", "it says why it is held");
  const held = first.status().held;
  assert.deepEqual([held?.way, held?.backupAt], ["rotated", undefined]);
  await assert.rejects(first.send(bobsAddress, "no"), hasCode("RECOVERY_UNCHECKED"));
  await first.close();

  await using second = await recoverIdentityIn(world.environment, { ...common, dataDir: world.dataDir("second") });
  assert.equal(second.held, false);
  await second.send(bobsAddress, "from the second", { waitFor: "deposited" });
  const [message] = await take(bob, 1);
  assert.deepEqual([message?.text(), bob.peers.show(second.did).identityKey], ["from the second", second.identityKey]);

  const late = await openIn(world.environment, { dataDir: world.dataDir("first"), password: TEST_PASSWORD });
  await until(() => late.status().held?.reason === "IDENTITY_MOVED", "the first is held for good");
  await late.close();
  const again = await openIn(world.environment, { dataDir: world.dataDir("first"), password: TEST_PASSWORD });
  assert.deepEqual([again.held, again.status().held?.reason], [true, "IDENTITY_MOVED"], "over restarts too");
  await again.close();
});
