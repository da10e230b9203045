import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { DAY_MILLISECONDS, didToAgentId, nodeCrypto, talosError, toHex, verifyLog } from "@talos/core";
import { AgentWorld, hasCode, intercepting, take, TEST_PASSWORD, until } from "@talos/testkit";
import { logAt } from "../../directory/log-at.ts";
import type { Environment } from "../../environment.ts";
import { openIn, type TalosClient } from "../../talos-client.ts";
import type { OutlookOptions } from "../recover-options.ts";
import { recoveryOutlook, type RecoveryOutlook } from "../recovery-outlook.ts";
import { askingIn } from "./compare-log.ts";
import { BACKUP_PASSWORD, KIT_PASSWORD, lostMachine, thiefsBranch, type LostMachine, type Story } from "./recover-fixture.test.ts";

/** Alice has written to Bob, who lives at another directory than she. */
async function withBobElsewhere(elsewhere: AgentWorld, after?: Story["after"]): Promise<LostMachine> {
  const bob = await elsewhere.create("bob");
  return await lostMachine({
    before: async (alice) => {
      await alice.send(`${bob.did}@${new URL(elsewhere.url).host}`, "one", { waitFor: "deposited" });
      await take(bob, 1);
      await alice.flush();
    },
    ...(after === undefined ? {} : { after }),
  });
}

const rotatedForCompromise: Story["after"] = async (alice, world) => {
  await alice.emergencyRotate({ recoveryKit: { path: world.dataDir("alice.kit"), password: KIT_PASSWORD } });
  await alice.flush();
};

async function publishedAt({ url, environment }: AgentWorld, events: readonly Uint8Array[], did: string): Promise<void> {
  await askingIn(environment).unsigned(url, (directory) => directory.publishEvents(didToAgentId(did), events));
}

async function eventsAt({ url, environment }: AgentWorld, did: string): Promise<readonly Uint8Array[]> {
  return await logAt(environment, url, didToAgentId(did));
}

async function headAt({ url, environment }: AgentWorld, did: string): Promise<number> {
  return (await recoveryOutlook(environment, { did, directory: url })).head;
}

async function outlookOf({ world, backupPath }: LostMachine, choices: Partial<OutlookOptions> = {}): Promise<RecoveryOutlook> {
  return await recoveryOutlook(world.environment, { backup: { path: backupPath, password: BACKUP_PASSWORD }, ...choices });
}

async function isHeldStill(client: TalosClient, reason: string): Promise<void> {
  await until(() => client.status().held?.reason === reason, `it says ${reason}`);
  await assert.rejects(client.sign("test", "no"), hasCode("RECOVERY_UNCHECKED"));
}

test("failure 38: a directory that never had the agent says nothing: while the former one is away a key that was rotated away stays held", async () => {
  await using lost = await lostMachine({ after: rotatedForCompromise });
  await using fresh = await AgentWorld.start();
  await lost.world.stopDirectory();
  const held = await lost.recover({ directory: fresh.url });
  assert.equal(held.held, true);
  await isHeldStill(held, "DIRECTORY_UNREACHABLE");
  await assert.rejects(eventsAt(fresh, lost.did), hasCode("AGENT_UNKNOWN"), "nothing is published there");
  await lost.world.startDirectory();
  await until(() => held.status().held?.reason === "BACKUP_OUTDATED", "the former one says it");
});

test("failure 38: the directories of its peers are asked, and what they know counts, whatever anybody says of the former one", async () => {
  await using elsewhere = await AgentWorld.start();
  await using lost = await withBobElsewhere(elsewhere, rotatedForCompromise);
  await using fresh = await AgentWorld.start();
  await lost.world.stopDirectory();
  assert.equal(await headAt(elsewhere, lost.did), 1);
  await assert.rejects(lost.recover({ directory: fresh.url }), hasCode("BACKUP_OUTDATED"));
  await assert.rejects(lost.recover({ directory: fresh.url, formerDirectoryGone: true }), hasCode("BACKUP_OUTDATED"));
  assert.equal(existsSync(lost.dataDir), false);
  const back = await lost.recover({ directory: fresh.url, formerDirectoryGone: true, recoveryKit: lost.kit });
  assert.deepEqual([back.recovered?.event?.seq, back.held], [2, false]);
  await until(() => back.status().publication === "published", "a directory that had nothing takes the whole log");
  assert.equal(await headAt(fresh, lost.did), 2);
});

test("with its former directory away a peer's that has the log as the backup has it is enough to go on at a new one", async () => {
  await using elsewhere = await AgentWorld.start();
  await using lost = await withBobElsewhere(elsewhere);
  await using fresh = await AgentWorld.start();
  await lost.world.stopDirectory();
  const back = await lost.recover({ directory: fresh.url });
  assert.deepEqual([back.held, back.directory], [false, fresh.url]);
  await back.sign("test", "yes");
});

test("a person may say that the former directory is gone for good: on record, over restarts, and only with another one", async () => {
  await using lost = await lostMachine();
  await using fresh = await AgentWorld.start();
  await assert.rejects(lost.recover({ formerDirectoryGone: true }), hasCode("INVALID_ARGUMENT"));
  await assert.rejects(lost.recover({ formerDirectoryGone: true, directory: lost.world.url }), hasCode("INVALID_ARGUMENT"));
  assert.equal(existsSync(lost.dataDir), false);
  await lost.world.stopDirectory();
  await fresh.stopDirectory();
  const held = await lost.recover({ directory: fresh.url, formerDirectoryGone: true });
  await isHeldStill(held, "DIRECTORY_UNREACHABLE");
  assert.equal(held.audit.list().find(({ kind }) => kind === "backup-restored")?.details["formerDirectory"], "gone");
  await held.close();
  await fresh.startDirectory();
  const again = await lost.world.open("found");
  await until(() => !again.held, "the new one answers");
  assert.equal(again.audit.verify().sound, true);
});

test("failure 38: of several that know more the one that knows most counts: the kit makes no event beside one that stands", async () => {
  let first: readonly Uint8Array[] = [];
  await using lost = await lostMachine({
    after: async (alice, world) => {
      await alice.rotateIdentity();
      first = await eventsAt(world, alice.did);
      await rotatedForCompromise?.(alice, world);
    },
  });
  await using other = await AgentWorld.start();
  await publishedAt(other, first, lost.did);
  const shown = await outlookOf(lost, { directory: other.url });
  assert.deepEqual([shown.name, shown.head, shown.unanswered, shown.contending], ["alice", 2, undefined, undefined]);
  await lost.world.stopDirectory();
  const partly = await outlookOf(lost, { directory: other.url });
  assert.deepEqual([partly.head, partly.unanswered], [1, [lost.world.url]], "whom nobody could ask is named");
  await lost.world.startDirectory();
  const back = await lost.recover({ directory: other.url, recoveryKit: lost.kit });
  assert.deepEqual(
    back.recovered?.event?.passed.map(({ seq, authority }) => [seq, authority]),
    [
      [1, "online"],
      [2, "recovery"],
    ],
  );
  await until(() => back.status().publication === "published", "the one that knew less takes the whole log");
  assert.equal(await headAt(other, lost.did), 3);
});

test("where directories have branches that contend both are named, and the owner's own is followed", async () => {
  let branch: readonly Uint8Array[] = [];
  await using lost = await lostMachine({
    before: async (alice, world) => {
      branch = await thiefsBranch(alice, world);
      return await world.open("alice");
    },
    after: async (alice) => await alice.rotateIdentity(),
  });
  await using other = await AgentWorld.start();
  await publishedAt(other, branch, lost.did);
  const options = { directory: other.url, recoveryKit: lost.kit };
  await assert.rejects(lost.recover({ directory: other.url }), hasCode("BACKUP_OUTDATED"));
  const own = hashesOf(await eventsAt(lost.world, lost.did));
  const theirs = hashesOf(branch);
  const shown = await outlookOf(lost, { directory: other.url });
  assert.deepEqual(shown.events.at(-1)?.hash, theirs[1]);
  assert.deepEqual(
    shown.contending?.map((events) => events.map(({ hash }) => hash)),
    [[own[1]]],
  );
  for (const cutAfter of [undefined, 1, { seq: 1, hash: "00".repeat(32) }]) {
    await assert.rejects(lost.recover({ ...options, ...(cutAfter === undefined ? {} : { cutAfter }) }), (error) => {
      assert.ok(hasCode("INVALID_ARGUMENT")(error));
      assert.equal((error as { details: Record<string, unknown> }).details["directory"], `1:${theirs[1]}, 1:${own[1]}`);
      return true;
    });
  }
  assert.equal(existsSync(lost.dataDir), false);
  const back = await lost.recover({ ...options, cutAfter: { seq: 1, hash: own[1] ?? "" } });
  const { event } = back.recovered ?? {};
  assert.deepEqual([event?.seq, event?.passed.map(({ hash }) => hash), event?.cutOff.map(({ hash }) => hash)], [2, [own[1]], [theirs[1]]]);
  await until(() => back.status().publication === "published", "the other branch is cut off");
  assert.equal(await headAt(other, lost.did), 2);
});

test("a backup from before the agent had a directory: those of its peers are asked, and without any nothing can be behind", async () => {
  await using elsewhere = await AgentWorld.start();
  const bob = await elsewhere.create("bob");
  const address = `${bob.did}@${new URL(elsewhere.url).host}`;
  const story = (after?: Story["after"]): Story => ({
    create: { directory: undefined } as object,
    before: async (alice) => void (await alice.peers.add(address)),
    ...(after === undefined ? {} : { after }),
  });
  await using moved = await lostMachine(
    story(async (alice, world) => {
      await alice.close();
      const later = await world.open("alice", { directory: world.url });
      await later.send(bob.did, "one", { waitFor: "deposited" });
      await later.rotateIdentity();
      await later.send(bob.did, "two", { waitFor: "deposited" });
      await later.close();
    }),
  );
  await assert.rejects(moved.recover(), hasCode("BACKUP_OUTDATED"));
  await using alone = await lostMachine(story());
  const back = await alone.recover();
  assert.equal(back.held, false, "its peer's directory has answered, and never heard of it");
  await back.close();
  await elsewhere.stopDirectory();
  const held = await alone.recover({ dataDir: alone.world.dataDir("again") });
  await isHeldStill(held, "DIRECTORY_UNREACHABLE");
  const said = await alone.recover({ dataDir: alone.world.dataDir("said"), formerDirectoryGone: true });
  assert.equal(said.held, false);
});

test("failure 38: whom a held agent asks does not run out: the home that it left long ago still says what it knows", async () => {
  await using lost = await lostMachine({
    after: async (alice) => {
      await alice.rotateIdentity();
      await alice.flush();
    },
  });
  await using fresh = await AgentWorld.start();
  const { clock } = lost.world.environment;
  let later = 0;
  const environment: Environment = { ...lost.world.environment, clock: { ...clock, now: () => clock.now() + later } };
  const away = intercepting(environment, {
    resolve: () => {
      throw talosError("DIRECTORY_UNREACHABLE");
    },
  });
  const held = await lost.recover({ directory: fresh.url }, away);
  assert.equal(held.held, true);
  await held.close();
  later = 50 * DAY_MILLISECONDS;
  await using again = await openIn(environment, { dataDir: lost.dataDir, password: TEST_PASSWORD });
  await until(() => again.status().held?.reason === "BACKUP_OUTDATED", "it is asked");
  assert.equal(again.held, true);
});

test("a peer's directory that never answers is not waited for long", async () => {
  await using elsewhere = await AgentWorld.start();
  await using lost = await withBobElsewhere(elsewhere);
  let asked = 0;
  const { environment } = lost.world;
  const silent: Environment = {
    ...environment,
    // The waiting for it is over at once, and for its home as late as ever.
    clock: {
      ...environment.clock,
      sleep: async (milliseconds, signal) =>
        await environment.clock.sleep(milliseconds > 10_000 ? milliseconds : Math.min(milliseconds, 50), signal),
    },
    openDirectory: (options) => {
      const directory = environment.openDirectory(options);
      if (options.url !== elsewhere.url) return directory;
      return new Proxy(directory, {
        get: (real, name) => {
          if (name === "resolve") return async () => await new Promise(() => asked++);
          const value: unknown = Reflect.get(real, name);
          return typeof value === "function" ? value.bind(real) : value;
        },
      });
    },
  };
  const back = await lost.recover({}, silent);
  await until(() => !back.held, "its home has said that nothing is behind");
  assert.ok(asked > 0);
});

/** In hexadecimal. */
function hashesOf(events: readonly Uint8Array[]): readonly string[] {
  return verifyLog(undefined, events, 0, nodeCrypto).log.states.map(({ head }) => toHex(head.hash));
}

test("a list for a backup is of its own agent, and of no log where nobody has one", async () => {
  await using lost = await lostMachine();
  const { did } = await lost.world.create("bob");
  await assert.rejects(outlookOf(lost, { did }), hasCode("BACKUP_FOREIGN"));
  const wrong = { path: lost.backupPath, password: "not it" };
  await assert.rejects(outlookOf(lost, { backup: wrong }), hasCode("BACKUP_WRONG_PASSWORD"));
  assert.equal((await outlookOf(lost, { did: lost.did })).head, 0);
  await lost.world.stopDirectory();
  await assert.rejects(outlookOf(lost), hasCode("DIRECTORY_UNREACHABLE"));
});
