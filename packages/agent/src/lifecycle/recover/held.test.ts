import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { talosError, verifyAuditExport, nodeCrypto } from "@talos/core";
import { hasCode, intercepting, take, TEST_PASSWORD, until, type DirectoryHooks } from "@talos/testkit";
import type { Environment } from "../../environment.ts";
import type { Directory } from "../../directory/directory.ts";
import { inspectIn, openIn, takeoverIn, type TalosClient } from "../../talos-client.ts";
import { KIT_PASSWORD, lostMachine, thiefsBranch, type LostMachine } from "./recover-fixture.test.ts";

/** Every request by its name. */
function watching(environment: Environment): { readonly environment: Environment; readonly requests: string[] } {
  const requests: string[] = [];
  const openDirectory: Environment["openDirectory"] = (options) =>
    new Proxy<Directory>(environment.openDirectory(options), {
      get: (real, name) => {
        const value: unknown = Reflect.get(real, name);
        if (typeof value !== "function") return value;
        return (...given: unknown[]) => {
          if (name !== "close") requests.push(String(name));
          return Reflect.apply(value, real, given) as unknown;
        };
      },
    });
  return { environment: { ...environment, openDirectory }, requests };
}

const OUTSIDE: readonly (readonly [string, (client: TalosClient, bob: string, lost: LostMachine) => unknown])[] = [
  ["send", (client, bob) => client.send(bob, "no")],
  ["send and wait", (client, bob) => client.send(bob, "no", { waitFor: "delivered", timeoutSeconds: 1 })],
  ["receive", (client) => take(client, 1)],
  ["flush", (client) => client.flush()],
  ["sign", (client) => client.sign("test", "no")],
  ["maintain", (client) => client.maintain()],
  ["rotateSignedPrekey", (client) => client.rotateSignedPrekey()],
  ["replenishOneTimePrekeys", (client) => client.replenishOneTimePrekeys({ count: 5 })],
  ["rotateIdentity", (client) => client.rotateIdentity()],
  ["rotateIdentity offline", (client) => client.rotateIdentity({ offline: true })],
  ["emergencyRotate", (client) => client.emergencyRotate()],
  ["emergencyRotate with the kit", (client, _, { kit }) => client.emergencyRotate({ recoveryKit: kit })],
  ["revokeIdentity", (client) => client.revokeIdentity()],
  ["revokeIdentity with the kit", (client, _, { kit }) => client.revokeIdentity({ recoveryKit: kit })],
  ["recoveryKit.create", (client, _, { world }) => client.recoveryKit.create({ path: world.dataDir("kit"), password: KIT_PASSWORD })],
  ["peers.add", (client, bob) => client.peers.add(bob)],
  ["peers.block", (client, bob) => client.peers.block(bob)],
];

test("failure 38: while its directory is away a recovered agent is held: it asks for its log and nothing else, over restarts too", async () => {
  let bob = "";
  await using lost = await lostMachine({
    before: async (alice, world) => {
      const peer = await world.create("bob");
      bob = peer.did;
      await alice.send(bob, "one", { waitFor: "deposited" });
      await take(peer, 1);
    },
  });
  const { world, dataDir } = lost;
  await world.stopDirectory();
  const { environment, requests } = watching(world.environment);
  const held = await lost.recover({ recoveryKit: lost.kit }, environment);
  assert.deepEqual([held.recovered?.way, held.recovered?.recoveryKit, held.held], ["restored", "not-used", true]);
  for (const [name, act] of OUTSIDE) {
    await assert.rejects(async () => await act(held, bob, lost), hasCode("RECOVERY_UNCHECKED"), name);
  }
  await until(() => held.status().held?.reason === "DIRECTORY_UNREACHABLE", "it says why");
  // What looks, and what is of this folder alone, works.
  assert.equal(held.audit.verify().sound, true);
  verifyAuditExport((await held.audit.export()).text, nodeCrypto);
  assert.equal((await held.recoveryKit.check(lost.kit)).recorded, true);
  await held.changePassword({ currentPassword: TEST_PASSWORD, newPassword: "another lamp quartz mole" });
  // A backup of it would say neither that it is held nor whom to ask.
  const backup = { path: world.dataDir("held.backup"), password: "seven ladders under a brass moon" };
  await assert.rejects(held.exportKeys(backup), hasCode("RECOVERY_UNCHECKED"));
  assert.equal(existsSync(backup.path), false);
  const stop = held.startMaintenance();
  stop();
  const roles = held.status().keys.map(({ kind, role }) => role ?? kind);
  assert.deepEqual(roles.sort(), ["current", "encryption", "next"], "no prekey");
  await held.close();
  await held.close();

  await using again = await openIn(environment, { dataDir, password: "another lamp quartz mole" });
  assert.equal(again.held, true);
  await assert.rejects(again.sign("test", "no"), hasCode("RECOVERY_UNCHECKED"));
  {
    await using inspection = await inspectIn(environment, { dataDir });
    assert.equal(inspection.status().held?.reason, "DIRECTORY_UNREACHABLE");
  }
  assert.deepEqual([...new Set(requests)], ["resolve"]);
  assert.equal(again.status().publication, "unpublished");

  await world.startDirectory();
  await until(() => !again.held, "it has compared");
  assert.equal(again.status().held, undefined);
  await until(() => again.status().publication === "published", "and publishes");
  await again.send(bob, "at last", { waitFor: "deposited" });
  assert.equal(again.audit.verify().sound, true);
});

test("failure 38: what turns out to be outdated stays held for good, whatever the directory says then; the kit makes a new life elsewhere", async () => {
  await using lost = await lostMachine({ after: async (alice) => await alice.rotateIdentity() });
  const { world, dataDir } = lost;
  await world.stopDirectory();
  const held = await lost.recover();
  await world.startDirectory();
  await until(() => held.status().held?.reason === "BACKUP_OUTDATED", "it has compared");
  assert.deepEqual([held.held, held.status().held?.eventsBehind, held.status().identityMoved?.seq], [true, 1, 1]);
  await held.close();
  // A directory that takes it back is not believed.
  const hooks: DirectoryHooks = { resolve: ({ log, ...answer }) => ({ ...answer, log: log.slice(0, 1) }) };
  const lying = intercepting(world.environment, hooks);
  await using again = await openIn(lying, { dataDir, password: TEST_PASSWORD });
  assert.equal(again.status().held?.reason, "BACKUP_OUTDATED");
  await assert.rejects(again.sign("test", "no"), hasCode("RECOVERY_UNCHECKED"));
  await again.close();
  await assert.rejects(takeoverIn(lying, { dataDir, password: TEST_PASSWORD }), hasCode("BACKUP_OUTDATED"));
  const back = await lost.recover({ recoveryKit: lost.kit, dataDir: world.dataDir("elsewhere") });
  assert.equal(back.recovered?.event?.seq, 2);
});

test("an agent that was revoked meanwhile by its recovery key stays held, and says so", async () => {
  await using lost = await lostMachine({
    after: async (alice, world) => {
      await alice.revokeIdentity({ recoveryKit: { path: world.dataDir("alice.kit"), password: KIT_PASSWORD } });
    },
  });
  await lost.world.stopDirectory();
  const held = await lost.recover();
  await lost.world.startDirectory();
  await until(() => held.status().held?.reason === "AGENT_REVOKED", "it has compared");
  await held.close();
  const again = await lost.world.open("found");
  assert.deepEqual([again.held, again.status().held?.reason], [true, "AGENT_REVOKED"]);
});

test("a takeover lets nothing go that has not been compared, and all that has", async () => {
  await using lost = await lostMachine();
  const { world, dataDir } = lost;
  await world.stopDirectory();
  await (await lost.recover()).close();
  const options = { dataDir, password: TEST_PASSWORD };
  await assert.rejects(takeoverIn(world.environment, options), hasCode("DIRECTORY_UNREACHABLE"));
  const held = await world.open("found");
  assert.equal(held.held, true);
  await held.close();
  await world.startDirectory();
  await using back = await takeoverIn(world.environment, options);
  assert.equal(back.held, false);
  await back.sign("test", "yes");
});

const NONSENSE: readonly (readonly [string, (answer: readonly Uint8Array[], other: readonly Uint8Array[]) => readonly Uint8Array[]])[] = [
  ["bytes that are no events", () => [Uint8Array.of(1, 2, 3)]],
  ["another agent's log", (_, other) => other],
  [
    "its own log with a changed event",
    ([first = new Uint8Array()]) => [first.map((byte, at) => (at === first.length - 1 ? byte ^ 1 : byte))],
  ],
  ["nothing at all", () => []],
];

for (const [what, instead] of NONSENSE) {
  test(`a directory that answers with ${what} keeps a recovered agent held, and is named`, async () => {
    let other: readonly Uint8Array[] = [];
    await using lost = await lostMachine({
      before: async (_, world) => {
        const bob = await world.create("bob");
        other = verifyAuditExport((await bob.audit.export()).text, nodeCrypto).log.events;
      },
    });
    let lies = true;
    const hooks: DirectoryHooks = { resolve: (answer) => (lies ? { ...answer, log: instead(answer.log, other) } : answer) };
    const held = await lost.recover({}, intercepting(lost.world.environment, hooks));
    assert.equal(held.held, true);
    await until(() => held.status().held?.reason !== undefined, "it is named");
    lies = false;
    await until(() => !held.held, "it goes on once the answer is one");
    await held.sign("test", "yes");
  });
}

test("a branch that contends with the backup is more than the backup has", async () => {
  const branch: Uint8Array[] = [];
  await using lost = await lostMachine({
    before: async (alice, world) => {
      branch.push(...(await thiefsBranch(alice, world)));
      const owner = await world.open("alice");
      await owner.rotateIdentity();
      return owner;
    },
  });
  const hooks: DirectoryHooks = { resolve: (answer) => ({ ...answer, log: branch }) };
  await assert.rejects(lost.recover({}, intercepting(lost.world.environment, hooks)), hasCode("BACKUP_OUTDATED"));
});

test("the home that an agent had is asked too where its owner names another one, also after it was made", async () => {
  await using lost = await lostMachine({ after: async (alice) => await alice.rotateIdentity() });
  await using other = await lostMachine();
  const directory = other.world.url;
  await assert.rejects(lost.recover({ directory }), hasCode("BACKUP_OUTDATED"), "the new one has never heard of the agent");
  await lost.world.stopDirectory();
  const silent = intercepting(lost.world.environment, {
    resolve: () => {
      throw talosError("DIRECTORY_UNREACHABLE");
    },
  });
  const held = await lost.recover({}, silent);
  assert.equal(held.held, true);
  await held.close();
  await lost.world.startDirectory();
  const moved = await lost.world.open("found", { directory });
  await until(() => moved.status().held?.reason === "BACKUP_OUTDATED", "the old one says it");
  assert.equal(moved.held, true);
});
