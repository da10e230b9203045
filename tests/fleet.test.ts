// An agent with fifty peers loses a copy of its vault to a thief. A third of the peers are away, and the network is cut all the while. Prints
// its seed; with FLEET_SEED the same requests are cut again, as far as their order is the same.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import type { TalosClient } from "@talos/agent";
import { main } from "@talos/cli";
import { agentIdToDid, didToAgentId, envelopeId, isTalosError, nodeCrypto, talosError } from "@talos/core";
import { AgentWorld, intercepting, ManualClock, type DirectoryHooks } from "@talos/testkit";
import { Correspondent } from "./fleet/correspondent.ts";
import { Storm } from "./fleet/storm.ts";

const DAY = 86_400_000;
const PEERS = 50;
const AWAY = 17;
/** So many of those that are away have no session with the owner. */
const STRANGERS = 4;
const KIT_PASSWORD = "marble falcon ribbon dusk, for the kit";
const ROTATION = { oneTimePrekeyTarget: 3, refillBelow: 1 } as const;
const MAX_ROUNDS = 2_000;
const MAX_ATTEMPTS = 50;

/** Time goes on, a little at a time, until it holds. */
async function pass(clock: ManualClock, what: string, holds: () => boolean): Promise<void> {
  for (let round = 0; !holds(); round++) {
    if (round === MAX_ROUNDS) assert.fail(`it never came to this: ${what}`);
    await clock.advance(1_000);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** What `talos status` prints, beside a running agent. */
async function statusText(dataDir: string): Promise<string> {
  let text = "";
  const sink = { write: (part: string): unknown => (text += part), isTTY: false };
  assert.equal(await main(["status", "--data-dir", dataDir], { stdout: sink, stderr: sink }, {}), 0, text);
  return text;
}

/** The same call again and again, as an operator makes it whom the network lets down. */
async function emergencyRotate(owner: TalosClient, recoveryKit: { readonly path: string; readonly password: string }): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      const { report } = await owner.emergencyRotate({ recoveryKit });
      return assert.equal(report.authority, "recovery");
    } catch (error) {
      if (!isTalosError(error, "DIRECTORY_UNREACHABLE") || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

test("fifty peers, a third of them away, and a network that is cut: an emergency rotation reaches everybody, and says whom not yet", async () => {
  const seed = Number(process.env["FLEET_SEED"] ?? Math.floor(Math.random() * 2 ** 32));
  process.stdout.write(`a fleet from the seed ${seed}\n`);
  const clock = new ManualClock();
  await using world = await AgentWorld.start({ environment: { clock } });
  const recoveryKit = { path: join(world.folder, "owner.kit"), password: KIT_PASSWORD };
  const storm = new Storm(seed);
  const stormy = intercepting(world.environment, storm.hooks);

  const owner = new Correspondent("owner", await world.create("owner", { recoveryKit }, stormy));
  const peers: Correspondent[] = [];
  for (let index = 0; index < PEERS; index++) {
    const name = `peer-${index}`;
    peers.push(new Correspondent(name, await world.create(name, { rotation: ROTATION }, stormy)));
  }
  const away = peers.slice(0, AWAY);
  const here = peers.slice(AWAY);
  const acquainted = peers.slice(STRANGERS);
  for (const { did, client } of away.slice(0, STRANGERS)) {
    await owner.client.peers.add(did);
    await client.peers.add(owner.did);
  }
  for (const { name, did } of acquainted) await owner.client.send(did, `hello ${name}`);
  await pass(clock, "every peer has heard the owner", () => acquainted.every(({ heard }) => heard.size === 1));
  for (const { name, client } of acquainted) await client.send(owner.did, `hello from ${name}`);
  await pass(clock, "the owner has heard every peer", () => owner.heard.size === acquainted.length);
  await pass(clock, "all is acknowledged", () => owner.client.status().outbox.deposited === 0);

  // What the owner never came to fetch, and what never left.
  world.copyDataDir("owner", "stolen");
  await owner.goOffline();
  for (const { name, client } of away) await client.send(owner.did, `left by ${name}`, { waitFor: "deposited" });
  storm.strength = 100;
  for (const { name, client } of away) await client.send(owner.did, `kept by ${name}`);
  for (const peer of away) await peer.goOffline();
  storm.strength = 0;

  // The thief leaves mail for those that are away, and keeps some for later.
  const loot = new Map<string, Uint8Array>();
  let isKeeping = false;
  const thiefHooks: DirectoryHooks = {
    deposit: (item, recipient) => {
      if (!isKeeping) return item;
      loot.set(agentIdToDid(recipient), item);
      throw talosError("DIRECTORY_UNREACHABLE");
    },
  };
  const thief = await world.open("stolen", {}, intercepting(world.environment, thiefHooks));
  for (const { did } of away) await thief.send(did, "from the thief", { waitFor: "deposited" });
  isKeeping = true;
  for (const { did } of away) await thief.send(did, "from the thief, later");
  await pass(clock, "the thief has it ready", () => away.every(({ did }) => loot.has(did)));

  owner.listen(await world.open("owner", {}, stormy));
  storm.strength = 30;
  await emergencyRotate(owner.client, recoveryKit);
  // The copy may have superseded it before, which ended its application.
  owner.listen(owner.client);
  const pending = (): readonly string[] => owner.client.status().notifications[0]?.pending.map(({ peerDid }) => peerDid) ?? [];
  await pass(clock, "everybody who is there has acknowledged", () => pending().length <= AWAY);
  assert.ok(storm.cuts > 100, `${storm.cuts} cuts`);
  storm.strength = 0;
  assert.deepEqual([...pending()].sort(), away.map(({ did }) => did).sort());
  const said = await statusText(owner.client.dataDir);
  assert.match(said, new RegExp(`event 1 +acknowledged by ${PEERS - AWAY} of ${PEERS} peers`));
  for (const { did } of away) assert.ok(said.includes(did), "named by talos status");
  for (const { did } of here) assert.ok(!said.includes(did));
  await pass(clock, "the copy has noticed", () => thief.status().identityMoved?.seq === 1);
  const vain = await thief.send(here[0]?.did ?? "", "once more");

  for (const peer of here.slice(3)) await peer.goOffline();
  for (let day = 0; day < 14; day++) {
    await clock.advance(DAY);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }

  // Back after two weeks. When they have heard, somebody brings what the thief had kept.
  let isBrought = false;
  const bringing = ({ did }: Correspondent): DirectoryHooks => ({
    fetch: (page) => {
      const item = loot.get(did);
      if (!isBrought || item === undefined) return page;
      loot.delete(did);
      const brought = { envelopeId: envelopeId(item, nodeCrypto), kind: "message", depositor: didToAgentId(owner.did), item } as const;
      return { ...page, items: [{ ...brought, receivedAt: clock.now() }, ...page.items] };
    },
  });
  for (const peer of away) {
    peer.listen(await world.open(peer.name, { rotation: ROTATION }, intercepting(world.environment, bringing(peer))));
  }
  await pass(clock, "the last has acknowledged", () => pending().length === 0);
  const left = away.flatMap(({ name }) => [`left by ${name}`, `kept by ${name}`]);
  await pass(clock, "mail of before has come", () => left.every((text) => owner.texts().includes(text)));
  isBrought = true;
  for (const { name, did } of away) await owner.client.send(did, `hello again ${name}`);
  await pass(clock, "they have heard the new key", () => away.every((peer) => peer.texts().includes(`hello again ${peer.name}`)));

  assert.ok(!away.some(({ did }) => loot.has(did)), "all of it was brought");
  for (const [index, peer] of away.entries()) {
    const { name, client } = peer;
    const { head, identityKey } = client.peers.show(owner.did);
    assert.deepEqual([head.seq, identityKey], [1, owner.client.identityKey]);
    const hello = index < STRANGERS ? [] : [`hello ${name}`];
    assert.deepEqual(peer.texts(), [...hello, `hello again ${name}`], "and nothing of the thief's");
    const refused = client.status().kept.filter(({ depositorDid }) => depositorDid === owner.did);
    assert.equal(refused.length, 2, `${name} has kept what it refused`);
  }
  const sent = [...acquainted.map(({ name }) => `hello from ${name}`), ...left];
  assert.deepEqual([...owner.texts()].sort(), sent.sort(), "each once");
  assert.deepEqual([thief.outbox(vain.messageId)?.depositedAt, here[0]?.texts()], [undefined, [`hello ${here[0]?.name}`]]);
  assert.deepEqual(
    [owner, ...peers].flatMap(({ repeated }) => repeated),
    [],
  );
});
