import assert from "node:assert/strict";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { didToAgentId } from "@talos/core";
import { AgentWorld, hasCode, TEST_PASSWORD, until } from "@talos/testkit";
import { openIn, type TalosClient } from "../../talos-client.ts";
import type { RecoverOptions } from "../recover-options.ts";
import { askingIn } from "./compare-log.ts";
import { lostMachine, thiefsBranch, thiefWithKit, type LostMachine } from "./recover-fixture.test.ts";

interface Scene extends AsyncDisposable {
  readonly lost: LostMachine;
  readonly elsewhere: AgentWorld;
}

async function scene(ending: "revoked" | "rotated"): Promise<Scene> {
  await using cleanup = new AsyncDisposableStack();
  const elsewhere = cleanup.use(await AgentWorld.start());
  const bob = await elsewhere.create("bob");
  const lost = cleanup.use(await lostMachine(thiefWithKit(elsewhere, bob.did, ending)));
  const all = cleanup.move();
  return { lost, elsewhere, [Symbol.asyncDispose]: async () => await all.disposeAsync() };
}

/** The last event of the backup, as the refusal names it. */
async function ownHead(lost: LostMachine, dataDir: string = lost.dataDir): Promise<NonNullable<RecoverOptions["cutAfter"]>> {
  const refusal: unknown = await lost.recover({ recoveryKit: lost.kit, dataDir }).catch((error: unknown) => error);
  assert.ok(hasCode("INVALID_ARGUMENT")(refusal));
  const [seq, hash = ""] = String((refusal as { details: Record<string, unknown> }).details["backup"]).split(":");
  return { seq: Number(seq), hash };
}

function contendersOf(client: TalosClient): readonly unknown[] {
  return client.audit.list().flatMap(({ kind, details }) => (kind === "identity-moved" ? [[details["seq"], details["contends"]]] : []));
}

for (const ending of ["revoked", "rotated"] as const) {
  test(`failure 28: what a thief has ${ending} by a kit of his own ends no backup of an owner whose home follows her: without the kit it lives, and has the evidence`, async () => {
    await using story = await scene(ending);
    const { lost } = story;
    const back = await lost.recover();
    assert.deepEqual([back.recovered?.way, back.held, back.status().identityMoved], ["restored", false, undefined]);
    assert.deepEqual(contendersOf(back), [[1, "elsewhere"]]);
    await back.sign("test", "yes");
    await until(() => back.status().publication === "published", "its home takes it");
    assert.equal(back.audit.verify().sound, true);
  });

  test(`failure 28: with the kit the owner names her own branch, and what a thief has ${ending} by a kit of his own is no obstacle`, async () => {
    await using story = await scene(ending);
    const { lost } = story;
    const recoveryKit = lost.kit;
    const cutAfter = await ownHead(lost);
    const byNumber = ending === "revoked" ? "INVALID_ARGUMENT" : "RECOVERY_KIT_NOT_IN_FORCE";
    await assert.rejects(lost.recover({ recoveryKit, cutAfter: 2 }), hasCode(byNumber), "a number means the directory's event");
    assert.equal(existsSync(lost.dataDir), false);
    const back = await lost.recover({ recoveryKit, cutAfter });
    const { event } = back.recovered ?? {};
    assert.deepEqual([back.recovered?.way, back.held, event?.seq, event?.passed], ["rotated", false, 2, []]);
    assert.equal(event?.cutOff.length, 2);
    await until(() => back.status().publication === "published", "its home takes it");
  });
}

test("failure 28: a held agent that hears of a branch that merely contends waits for its home, and is let go when that follows its own", async () => {
  await using story = await scene("revoked");
  const { lost } = story;
  await lost.world.stopDirectory();
  const held = await lost.recover();
  await until(() => held.status().held?.reason !== undefined, "it has compared");
  assert.deepEqual([held.status().held?.reason, contendersOf(held)], ["DIRECTORY_UNREACHABLE", [[1, "elsewhere"]]]);
  await held.close();
  const options = { dataDir: lost.dataDir, password: TEST_PASSWORD };
  const still = await openIn(lost.world.environment, options);
  assert.equal(still.held, true);
  await still.close();
  await lost.world.startDirectory();
  await using back = await openIn(lost.world.environment, options);
  await until(() => !back.held, "its home says that its branch stands");
  assert.equal(contendersOf(back).length, 1, "on record once");
});

test("where no home says which branch stands a held agent stays so, and not for good; with the kit its own may be named", async () => {
  await using story = await scene("rotated");
  const { lost } = story;
  const { world } = lost;
  await world.stopDirectory();
  for (const suffix of ["", "-wal", "-shm"]) rmSync(join(world.folder, `directory.db${suffix}`), { force: true });
  await world.startDirectory();
  const held = await lost.recover();
  await until(() => held.status().held?.reason === "AGENT_UNKNOWN", "nobody has decided");
  await assert.rejects(held.sign("test", "no"), hasCode("RECOVERY_UNCHECKED"));
  const dataDir = world.dataDir("elsewhere");
  const cutAfter = await ownHead(lost, dataDir);
  const back = await lost.recover({ recoveryKit: lost.kit, cutAfter, dataDir });
  assert.deepEqual([back.held, back.recovered?.event?.seq], [false, 2]);
});

test("failure 28: a thief's branch at the directory that is to be the new home outdates no backup that the home of before follows: another one is named, or the kit cuts it off", async () => {
  await using fresh = await AgentWorld.start();
  await using lost = await lostMachine({
    before: async (alice, world) => {
      const branch = await thiefsBranch(alice, world);
      await askingIn(world.environment).unsigned(
        fresh.url,
        async (directory) => await directory.publishEvents(didToAgentId(alice.did), branch),
      );
      const owner = await world.open("alice");
      await owner.rotateIdentity();
      await owner.flush();
      return owner;
    },
  });
  const held = await lost.recover({ directory: fresh.url });
  await until(() => held.status().held?.reason === "DIRECTORY_MISBEHAVED", "it is held, and not for good");
  await held.close();
  const kit = { recoveryKit: lost.kit, directory: fresh.url, dataDir: lost.world.dataDir("by-kit") };
  const refusal = (await lost.recover(kit).catch((error: unknown) => error)) as { readonly details: Record<string, unknown> };
  const [seq, hash = ""] = String(refusal.details["backup"]).split(":");
  const back = await lost.recover({ ...kit, cutAfter: { seq: Number(seq), hash } });
  await until(() => !back.held && back.status().publication === "published", "the kit has cut it off there");
});
