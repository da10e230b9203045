// A thief with the vault and its password rotates before the owner knows of it; the owner comes with the kit. Three peers at two directories.
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { TalosClient, type AgentEventMap } from "@talos/agent";
import { startDirectory, type RunningDirectory } from "@talos/directory";
import { AgentWorld, hasCode, IN_PROCESS_LIMITS, take, until } from "@talos/testkit";

const KIT_PASSWORD = "marble falcon ribbon dusk, for the kit";

/** A second directory, which the thief does not reach. */
class OtherDirectory implements AsyncDisposable {
  readonly store: string;
  #port = 0;
  #running: RunningDirectory | undefined;

  constructor(world: AgentWorld) {
    this.store = join(world.folder, "other.db");
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    const listen = { host: "127.0.0.1", port: this.#port };
    this.#running = await startDirectory({ listen, store: `sqlite:${this.store}`, limits: IN_PROCESS_LIMITS });
    this.#port = this.#running.port;
  }

  async stop(): Promise<void> {
    await this.#running?.close();
    this.#running = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

async function acquaint(alice: TalosClient, peer: TalosClient, address: string): Promise<void> {
  await alice.send(address, "hello", { waitFor: "deposited" });
  await take(peer, 1);
  await peer.send(alice.did, "hello yourself", { waitFor: "deposited" });
  await take(alice, 1);
}

const texts = (messages: readonly { text(): string }[]): string[] => messages.map((message) => message.text());

type End = "rotated" | "revoked";

test("failure 23: a thief of the vault rotates first; with the kit every peer ends with the owner, whatever it saw first, and the evidence is on disk", async () => {
  await story("rotated");
});

test("failure 27: a thief of the vault revokes the agent; with the kit it lives on for every peer, and the evidence is on disk", async () => {
  await story("revoked");
});

async function story(end: End): Promise<void> {
  await using world = await AgentWorld.start();
  await using other = new OtherDirectory(world);
  await other.start();
  const recoveryKit = { path: join(world.folder, "kit.txt"), password: KIT_PASSWORD };
  const before = await world.create("alice", { recoveryKit });
  const { did } = before;
  const bob = await world.create("bob");
  const carol = await world.create("carol", { directory: `http://${other.address}` });
  const absent = await world.create("dave");
  await acquaint(before, bob, bob.did);
  await acquaint(before, carol, `${carol.did}@${other.address}`);
  await acquaint(before, absent, absent.did);
  await absent.send(did, "sent before all this", { waitFor: "deposited" });
  assert.deepEqual(texts(await take(before, 1)), ["sent before all this"]);
  await before.close();
  await absent.close();
  world.copyDataDir("alice", "stolen");

  // The thief: new keys in force, and everybody within reach believes them.
  await other.stop();
  const thief = await world.open("stolen");
  const theirs = await thief.emergencyRotate();
  await until(() => bob.peers.show(did).head.seq === 1, "Bob has seen the thief's event");
  await thief.send(bob.did, "my account has changed", { waitFor: "deposited" });
  assert.deepEqual(texts(await take(bob, 1)), ["my account has changed"]);
  assert.equal(bob.peers.show(did).identityKey, theirs.identityKey);
  if (end === "revoked") {
    await thief.revokeIdentity();
    await until(() => bob.peers.show(did).revoked, "Bob has heard that she is gone");
    await assert.rejects(bob.send(did, "are you there?"), hasCode("PEER_REVOKED"));
  }
  await thief.close();
  await other.start();

  // The owner, with the kit.
  const heard: AgentEventMap["peerRotated"][] = [];
  bob.on("peerRotated", (payload) => heard.push(payload));
  const alice = await world.open("alice");
  await assert.rejects(alice.emergencyRotate(), hasCode("IDENTITY_MOVED"), "online, the thief was first");
  const { identityKey, report, contestable } = await alice.emergencyRotate({ recoveryKit });
  assert.deepEqual([contestable, report.authority], [false, "recovery"]);
  await until(() => alice.status().publication === "published", "she has published");
  const dave = await world.open("dave");
  const peers = { bob, carol, dave };
  const stands = (peer: TalosClient): boolean => peer.peers.show(did).identityKey === identityKey;
  for (const [name, peer] of Object.entries(peers)) await until(() => stands(peer), `${name} is with the owner`);
  await until(() => alice.status().notifications[0]?.acknowledged === 3, "each has said so");
  const { head } = carol.peers.show(did);
  assert.equal(head.seq, 1, "the owner's event follows the last one that was hers");
  for (const [name, peer] of Object.entries(peers)) {
    const view = peer.peers.show(did);
    assert.deepEqual([view.head, view.revoked, view.forkedAt], [head, false, undefined], name);
    await alice.send(peer.did, `it is me, ${name}`, { waitFor: "deposited" });
    assert.deepEqual(texts(await take(peer, 1)), [`it is me, ${name}`]);
    await peer.send(did, `welcome back, says ${name}`, { waitFor: "deposited" });
    assert.deepEqual(texts(await take(alice, 1)), [`welcome back, says ${name}`]);
  }
  const stolenEvents = end === "rotated" ? 1 : 2;
  assert.deepEqual(
    heard.map(({ authority, cutOffEvents, sessionsDropped }) => [authority, cutOffEvents, sessionsDropped]),
    [["recovery", stolenEvents, true]],
  );

  // Nothing of the thief's counts any more, wherever it tries.
  const again = await world.open("stolen");
  if (end === "rotated") {
    await assert.rejects(again.rotateIdentity(), hasCode("IDENTITY_MOVED"));
    await assert.rejects(again.emergencyRotate(), hasCode("IDENTITY_MOVED"));
    const { messageId } = await again.send(bob.did, "it is me, really");
    await until(() => again.outbox(messageId)?.lastError !== undefined, "the directory answers");
    assert.notEqual(again.outbox(messageId)?.state, "deposited");
  } else {
    await assert.rejects(again.send(bob.did, "it is me, really"), hasCode("AGENT_REVOKED"), "by its own log");
  }
  await again.close();

  // Evidence: at the peer that had believed the thief, at the owner, at the directory. Carol has met nothing but the owner's event.
  const seqs = Array.from({ length: stolenEvents }, (_, i) => i + 1);
  assert.deepEqual(
    report.cutOffEvents.map(({ seq }) => seq),
    seqs,
  );
  for (const client of [alice, bob, carol, dave]) await client.close();
  using atBob = await TalosClient.inspect({ dataDir: world.dataDir("bob") });
  const kept = atBob.peers().find((peer) => peer.did === did)?.cutOffEvents ?? [];
  assert.deepEqual(
    kept.map(({ seq }) => seq),
    seqs,
  );
  assert.deepEqual(onDisk(join(world.dataDir("alice"), "state.db"), "SELECT seq FROM cut_off_events ORDER BY seq"), seqs);
  assert.deepEqual(onDisk(join(world.folder, "directory.db"), "SELECT DISTINCT seq FROM evidence WHERE kind = 0 ORDER BY seq"), seqs);
  using atCarol = await TalosClient.inspect({ dataDir: world.dataDir("carol") });
  assert.deepEqual(atCarol.peers().find((peer) => peer.did === did)?.cutOffEvents, []);
}

function onDisk(path: string, sql: string): number[] {
  using database = new DatabaseSync(path, { readOnly: true });
  return database
    .prepare(sql)
    .all()
    .map((row) => Number(row["seq"]));
}
