// A backup from before a rotation: neither its owner nor a thief brings the old key back to life with it. Against the directory, and against
// a peer while the agent's directory is away.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { openIn, recoverIn, takeoverIn, type Environment, type TalosClient } from "@talos/agent";
import { didToAgentId, isTalosError, utf8, type AgentId, type ErrorCode } from "@talos/core";
import { hasCode, until, type Thief } from "@talos/testkit";
import { BACKUP_PASSWORD, NEW_PASSWORD, Scene, type Reason } from "./old-backup/scene.ts";
import { watching } from "./old-backup/watching.ts";

const DAY = 86_400_000;
const REASONS: readonly Reason[] = ["planned", "compromise"];

/** What may be asked of a directory by somebody who is not sure to be the agent. */
const LOOKING = ["resolve"];

for (const reason of REASONS) {
  const rotation = reason === "planned" ? "a planned rotation" : "a rotation for compromise";

  test(`failure 38: a backup from before ${rotation} is refused against the directory, and against those of peers; while none that has heard of it is there it gives an agent that says nothing to anybody, then or later`, async () => {
    await using scene = await Scene.start(reason);
    const { home, abroad, did } = scene;
    const { environment, calls } = watching(home.environment);
    const dataDir = home.dataDir("restored");
    await assert.rejects(recover(scene, environment), (error) => {
      assert.ok(isTalosError(error, "BACKUP_OUTDATED"), String(error));
      assert.equal(error.details["events"], 1);
      return true;
    });
    assert.equal(existsSync(dataDir), false);

    await home.stopDirectory();
    await assert.rejects(recover(scene, environment), hasCode("BACKUP_OUTDATED"), "a peer's directory has heard of the event");
    assert.equal(existsSync(dataDir), false);
    // Carol's is there, and has heard nothing.
    await scene.abroadForgets();
    await using first = await recover(scene, environment);
    assert.equal(first.did, did);
    await first.close();
    // A person's decision that this is the living copy does not make it one.
    const copy = { dataDir, password: NEW_PASSWORD };
    await assert.rejects(takeoverIn(environment, copy), hasCode("DIRECTORY_UNREACHABLE"));
    await using held = await openIn(environment, copy);
    for (const refused of everythingThatActs(held, scene)) await assert.rejects(refused, hasCode("RECOVERY_UNCHECKED"));
    assert.deepEqual(namesOf(calls), LOOKING);

    await home.startDirectory();
    await until(() => whyHeld(held) === "BACKUP_OUTDATED", "it says why it stays held");
    for (const refused of everythingThatActs(held, scene)) await assert.rejects(refused, hasCode("RECOVERY_UNCHECKED"));
    await held.close();
    await assert.rejects(takeoverIn(environment, copy), hasCode("BACKUP_OUTDATED"));
    await using again = await openIn(environment, copy);
    await until(() => whyHeld(again) === "BACKUP_OUTDATED", "after another opening too");
    await assert.rejects(again.send(scene.carol.did, "no"), hasCode("RECOVERY_UNCHECKED"));
    assert.deepEqual(namesOf(calls), LOOKING);
    assert.deepEqual([...new Set(calls.map(({ url }) => url))], [home.url, abroad.url]);
    for (const peer of [scene.bob, scene.carol]) {
      const { inbox, kept, evidence } = peer.status();
      assert.deepEqual([peer.peers.show(did).head.seq, inbox.offered, kept, evidence], [1, 0, [], []]);
    }
  });
}

test("failure 38: with a backup from before a planned rotation a thief is nobody at the directory, and once the migration is over at peers too, also while the agent's directory is away", async () => {
  await using scene = await Scene.start("planned");
  const { home, abroad } = scene;
  using atHome = scene.thiefAt(home);
  using elsewhere = scene.thiefAt(abroad);
  for (const thief of [atHome, elsewhere]) await nothingAtDirectory(thief, "INSTANCE_SUPERSEDED", scene);
  // As the rotation's owner has chosen: a planned one gives peers some days.
  assert.equal(await letterTo("bob", scene, atHome), undefined);
  await scene.pass(8 * DAY);
  assert.equal(await letterTo("bob", scene, atHome), "CERTIFICATE_RETIRED");
  await home.stopDirectory();
  await nothingAtDirectory(elsewhere, "INSTANCE_SUPERSEDED", scene);
  assert.equal(await letterTo("carol", scene, elsewhere), "CERTIFICATE_RETIRED");
  await nothingMoves(scene, elsewhere);
  await withoutHelp(scene, "CERTIFICATE_RETIRED");
});

test("failure 38: with a backup from before a rotation for compromise a thief is nobody, at once, at directories and peers, also while the agent's directory is away", async () => {
  await using scene = await Scene.start("compromise");
  const { home, abroad } = scene;
  using atHome = scene.thiefAt(home);
  await nothingAtDirectory(atHome, "CERTIFICATE_VOID", scene);
  assert.equal(await letterTo("bob", scene, atHome), "CERTIFICATE_VOID");
  await home.stopDirectory();
  using elsewhere = scene.thiefAt(abroad);
  await nothingAtDirectory(elsewhere, "CERTIFICATE_VOID", scene);
  assert.equal(await letterTo("carol", scene, elsewhere), "CERTIFICATE_VOID");
  await nothingMoves(scene, elsewhere);
  await withoutHelp(scene, "CERTIFICATE_VOID");
});

async function recover(scene: Scene, environment: Environment): Promise<TalosClient> {
  const dataDir = scene.home.dataDir("restored");
  return await recoverIn(environment, { backupPath: scene.backup, password: BACKUP_PASSWORD, dataDir, newPassword: NEW_PASSWORD });
}

/** All that an agent could do to others, or to its keys. */
function everythingThatActs(client: TalosClient, { bob, carol, kit }: Scene): (() => Promise<unknown>)[] {
  return [
    async () => await client.send(bob.did, "no"),
    async () => await client.send(carol.did, "no"),
    async () => await client.sign("contract", "no"),
    async () => await client.flush(),
    async () => await client.maintain(),
    async () => await client.rotateSignedPrekey(),
    async () => await client.replenishOneTimePrekeys({ count: 10 }),
    async () => await client.rotateIdentity(),
    async () => await client.emergencyRotate(),
    async () => await client.emergencyRotate({ recoveryKit: kit }),
    async () => await client.revokeIdentity(),
  ];
}

function whyHeld(client: TalosClient): string | undefined {
  return client.status().held?.reason;
}

function namesOf(calls: readonly { readonly name: string }[]): string[] {
  return [...new Set(calls.map(({ name }) => name))];
}

async function nothingAtDirectory(thief: Thief, registered: ErrorCode, { bob }: Scene): Promise<void> {
  const refusals: readonly [ErrorCode, () => Promise<unknown>][] = [
    ["IDENTITY_MOVED", async () => await thief.publish(await thief.rotation())],
    ["IDENTITY_MOVED", async () => await thief.publish(await thief.revocation())],
    ["MALFORMED", async () => await thief.publish(await thief.rotation({ authority: "recovery" }))],
    [registered, async () => await thief.register()],
    ["INSTANCE_SUPERSEDED", async () => await thief.publishPrekeys()],
    ["INSTANCE_SUPERSEDED", async () => await thief.leaveAsAgent(idOf(bob), "message", utf8("garbage"))],
    ["INSTANCE_SUPERSEDED", async () => await thief.fetch()],
  ];
  for (const [code, attempt] of refusals) await assert.rejects(attempt, hasCode(code), code);
}

/** What the peer makes of a message that says it is Alice's, in a session of its own. */
async function letterTo(name: "bob" | "carol", scene: Scene, thief: Thief): Promise<string | undefined> {
  const to = idOf(scene[name]);
  return await scene.codeOf(name, await thief.leave(to, "message", await thief.message(to, "send me the money")));
}

/** Events that the thief makes bring no peer to follow it. */
async function nothingMoves(scene: Scene, thief: Thief): Promise<void> {
  const { carol, did } = scene;
  const before = carol.peers.show(did);
  for (const event of [await thief.rotation(), await thief.revocation()]) {
    assert.equal(await scene.codeOf("carol", await thief.leave(idOf(carol), "event", event)), undefined);
  }
  const { head, revoked, forkedAt, identityKey } = carol.peers.show(did);
  assert.deepEqual([head, revoked, forkedAt, identityKey], [before.head, false, undefined, before.identityKey]);
}

/** Where her directory has never heard of the rotation, the peer refuses by what it knows itself. */
async function withoutHelp(scene: Scene, code: string): Promise<void> {
  await scene.abroadForgets();
  using thief = scene.thiefAt(scene.abroad);
  await thief.register();
  assert.equal(await letterTo("carol", scene, thief), code);
  assert.equal(scene.carol.peers.show(scene.did).head.seq, 1);
}

function idOf({ did }: TalosClient): AgentId {
  return didToAgentId(did);
}
