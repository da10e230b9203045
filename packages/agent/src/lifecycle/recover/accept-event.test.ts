import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeCrypto, talosError, verifyAuditExport } from "@talos/core";
import { AgentWorld, hasCode, InterceptedDirectory, take, TEST_PASSWORD, until, type DirectoryHooks } from "@talos/testkit";
import { HttpDirectory } from "../../directory/http-directory.ts";
import type { Environment } from "../../environment.ts";
import { openIn, takeoverIn, type TalosClient } from "../../talos-client.ts";
import { recoveryOutlook } from "../recovery-outlook.ts";
import { BACKUP_PASSWORD, lostMachine, unheardOwner, type LostMachine } from "./recover-fixture.test.ts";

interface Scene extends AsyncDisposable {
  readonly lost: LostMachine;
  /** At home at another directory, which knows the agent up to the event that the backup does not have. */
  readonly bob: TalosClient;
  /** Of the lost agent as Bob has it. */
  readonly headAtBob: () => number;
}

async function scene(): Promise<Scene> {
  await using cleanup = new AsyncDisposableStack();
  const other = cleanup.use(await AgentWorld.start());
  const bob = await other.create("bob");
  const lost = cleanup.use(
    await lostMachine({
      before: async (alice, { url }) => {
        await bob.peers.add(`${alice.did}@${url.replace("http://", "")}`, { name: "alice" });
        await alice.send(`${bob.did}@${other.url.replace("http://", "")}`, "one", { waitFor: "deposited" });
        await take(bob, 1);
      },
      after: async (alice) => {
        await alice.rotateIdentity();
        await until(() => bob.peers.show(alice.did).head.seq === 1, "Bob has heard of the rotation");
      },
    }),
  );
  const all = cleanup.move();
  return { lost, bob, headAtBob: () => bob.peers.show(lost.did).head.seq, [Symbol.asyncDispose]: async () => await all.disposeAsync() };
}

/** Hooks for one directory alone; every request by name and URL. */
function watching(environment: Environment, url: string, hooks: DirectoryHooks): { environment: Environment; requests: Set<string> } {
  const requests = new Set<string>();
  const openDirectory: Environment["openDirectory"] = (options) => {
    const real = new InterceptedDirectory(new HttpDirectory(options), options.url === url ? hooks : {});
    return new Proxy(real, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== "function") return value;
        return (...given: unknown[]) => {
          if (name !== "close") requests.add(`${String(name)}${options.url === url ? "" : " elsewhere"}`);
          return Reflect.apply(value, target, given) as unknown;
        };
      },
    });
  };
  return { environment: { ...environment, openDirectory }, requests };
}

const TAKES_NOTHING: DirectoryHooks = {
  publishEvents: () => {
    throw talosError("DIRECTORY_UNREACHABLE");
  },
};

async function headAtHome({ world, did }: LostMachine): Promise<number> {
  return (await recoveryOutlook(world.environment, { did, directory: world.url })).head;
}

/** Nothing that is under way: what would be sent has been by then. */
async function aWhile(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 300));
}

test("failure 38: a recovery event reaches nobody before the home directory has accepted it: until then the agent is held, over restarts too", async () => {
  await using story = await scene();
  const { lost, bob, headAtBob } = story;
  const { environment, requests } = watching(lost.world.environment, lost.world.url, TAKES_NOTHING);
  const held = await lost.recover({ recoveryKit: lost.kit }, environment);
  assert.deepEqual([held.recovered?.way, held.recovered?.event?.seq, held.held], ["rotated", 2, true]);
  await until(() => held.status().held?.reason === "DIRECTORY_UNREACHABLE", "it says why");
  assert.equal(held.status().held?.way, "rotated");
  const refused = hasCode("RECOVERY_UNCHECKED");
  await assert.rejects(held.send(bob.did, "no"), refused);
  await assert.rejects(held.sign("test", "no"), refused);
  await assert.rejects(held.rotateSignedPrekey(), refused);
  await assert.rejects(held.emergencyRotate({ recoveryKit: lost.kit }), refused);
  // A backup of it would bring back what nobody has accepted, and the one that there is is needed still.
  await assert.rejects(held.exportKeys({ path: lost.world.dataDir("held.backup"), password: "seven ladders under a brass moon" }), refused);
  const roles = held.status().keys.map(({ kind, role }) => role ?? kind);
  assert.deepEqual(roles.sort(), ["current", "encryption", "next"], "no prekey");
  assert.equal(held.status().certificate, undefined);
  assert.deepEqual([held.audit.verify().sound, held.status().notifications], [true, []]);
  await held.close();

  const options = { dataDir: lost.dataDir, password: TEST_PASSWORD };
  const again = await openIn(environment, options);
  await aWhile();
  assert.equal(again.held, true);
  await again.close();
  await assert.rejects(takeoverIn(environment, options), hasCode("DIRECTORY_UNREACHABLE"), "no decision of a person lets it go either");
  const outside = [...requests].filter((name) => !name.startsWith("resolve"));
  assert.deepEqual(outside, ["publishEvents"], "nobody gets anything, but its home the log");
  assert.deepEqual([await headAtHome(lost), headAtBob()], [1, 1]);

  await using back = await openIn(lost.world.environment, options);
  await until(() => !back.held, "the directory takes the event");
  await until(() => headAtBob() === 2, "and only then does a peer hear of it");
  const sent = back.send(bob.did, "back", { waitFor: "delivered" });
  await take(bob, 1);
  await sent;
  await until(() => back.status().publication === "published", "prekeys too");
  assert.equal(back.audit.verify().sound, true);
  assert.deepEqual(verifyAuditExport((await back.audit.export()).text, nodeCrypto).earlierRecord, [1]);
});

test("failure 38: where a recovery that was not accepted is made once more elsewhere, peers follow the one that stands, and the first never acts", async () => {
  await using story = await scene();
  const { lost, bob, headAtBob } = story;
  const { environment } = watching(lost.world.environment, lost.world.url, TAKES_NOTHING);
  const first = await lost.recover({ recoveryKit: lost.kit }, environment);
  await aWhile();
  await first.close();
  const second = await lost.recover({ recoveryKit: lost.kit, dataDir: lost.world.dataDir("second") });
  assert.deepEqual([second.held, second.recovered?.event?.seq], [false, 2]);
  await until(() => headAtBob() === 2, "Bob hears of the second");
  const sent = second.send(bob.did, "from the second", { waitFor: "delivered" });
  await take(bob, 1);
  await sent;
  await bob.send(second.did, "welcome", { waitFor: "deposited" });
  await take(second, 1);

  const options = { dataDir: lost.dataDir, password: TEST_PASSWORD };
  const { environment: whole, requests } = watching(lost.world.environment, lost.world.url, {});
  const late = await openIn(whole, options);
  await until(() => late.status().held?.reason === "IDENTITY_MOVED", "it is named");
  assert.deepEqual([late.held, late.status().held?.eventsBehind, late.status().identityMoved?.seq], [true, 1, 2]);
  await assert.rejects(late.sign("test", "no"), hasCode("RECOVERY_UNCHECKED"));
  await late.close();
  // A directory that has never heard of the agent would take it: it is not offered.
  await using fresh = await AgentWorld.start();
  await using elsewhere = await openIn(whole, { ...options, directory: fresh.url });
  await aWhile();
  assert.deepEqual([elsewhere.held, elsewhere.status().held?.reason], [true, "IDENTITY_MOVED"]);
  await elsewhere.close();
  await assert.rejects(takeoverIn(whole, { ...options, directory: fresh.url }), hasCode("IDENTITY_MOVED"));
  assert.ok(
    [...requests].every((name) => name.startsWith("resolve")),
    "nobody gets anything",
  );
  assert.equal(second.superseded, false);
  await second.sign("test", "yes");
});

test("of two machines that are rotated forward at once one lives; the other is held for good, and no peer hears of it", async () => {
  await using story = await scene();
  const { lost, bob, headAtBob } = story;
  const both = await Promise.all(
    ["one", "two"].map(async (name) => await lost.recover({ recoveryKit: lost.kit, dataDir: lost.world.dataDir(name) })),
  );
  await until(() => both.filter(({ held }) => !held).length === 1, "one is let go");
  const [winner, loser] = both.sort((a, b) => Number(a.held) - Number(b.held)) as [TalosClient, TalosClient];
  await until(() => loser.status().held?.reason === "IDENTITY_MOVED", "the other one says why it is not");
  await assert.rejects(loser.sign("test", "no"), hasCode("RECOVERY_UNCHECKED"));
  await until(() => headAtBob() === 2, "Bob hears of the winner");
  const sent = winner.send(bob.did, "the one", { waitFor: "delivered" });
  await take(bob, 1);
  await sent;
  assert.equal(loser.held, true);
});

test("an agent that ended between the directory's yes and its own commit finds its event there, and goes on", async () => {
  await using story = await scene();
  const { lost, bob, headAtBob } = story;
  const { environment } = watching(lost.world.environment, lost.world.url, {
    eventsPublished: () => {
      throw talosError("DIRECTORY_UNREACHABLE");
    },
  });
  const held = await lost.recover({ recoveryKit: lost.kit }, environment);
  assert.deepEqual([held.held, held.status().notifications], [true, []]);
  assert.deepEqual([await headAtHome(lost), headAtBob()], [2, 1]);
  await held.close();
  await using back = await openIn(lost.world.environment, { dataDir: lost.dataDir, password: TEST_PASSWORD });
  await until(() => !back.held, "it is its own event");
  await until(() => headAtBob() === 2, "Bob hears of it");
  assert.equal(await headAtHome(lost), 2);
  await back.send(bob.did, "back", { waitFor: "deposited" });
  await take(bob, 1);
});

test("what is needed to recover once more is not called dangerous by an agent whose own event nobody has accepted", async () => {
  await using lost = await lostMachine(unheardOwner());
  const hint = await lost.recover({ recoveryKit: lost.kit }).catch((error: unknown) => error);
  assert.ok(hasCode("INVALID_ARGUMENT")(hint));
  const [seq, hash = ""] = String((hint as { details: Record<string, unknown> }).details["backup"]).split(":");
  const { environment } = watching(lost.world.environment, lost.world.url, TAKES_NOTHING);
  const held = await lost.recover({ recoveryKit: lost.kit, cutAfter: { seq: Number(seq), hash } }, environment);
  assert.equal(held.held, true);
  await lost.world.stopDirectory();
  const check = await held.verifyBackup({ path: lost.backupPath, password: BACKUP_PASSWORD });
  assert.deepEqual([check.verdict, check.comparedWith], ["unsettled", "agent"]);
});

test("failure 38: a home that refuses the event has not taken it, whatever part of the log it shows then", async () => {
  await using story = await scene();
  const { lost } = story;
  const refused: DirectoryHooks = {
    publishEvents: () => {
      throw talosError("IDENTITY_MOVED");
    },
  };
  const { environment } = watching(lost.world.environment, lost.world.url, refused);
  const held = await lost.recover({ recoveryKit: lost.kit }, environment);
  await until(() => held.status().held?.lastAttemptAt !== undefined, "it has tried");
  assert.deepEqual([held.held, held.status().held?.reason], [true, "DIRECTORY_MISBEHAVED"]);
});
