import assert from "node:assert/strict";
import { test } from "node:test";
import { type AgentId, agentId, agentIdToDid, isTalosError, nodeCrypto } from "@talos/core";
import { hasCode } from "@talos/testkit";
import { FLOOR, NOW, secret } from "./backup-fixture.test.ts";
import { openStore, type OpenStore } from "../vault/store/store-fixture.test.ts";
import type { Trust } from "../vault/index.ts";
import { makeVault, temporaryFolder } from "../vault/vault-fixture.test.ts";
import { encodeContent, MAX_PEER_ITEMS } from "./content-codec.ts";
import { gatherBackup } from "./gather.ts";
import { gatherPeers, type GatheredPeers } from "./gather-peers.ts";
import { openBackup, sealBackup } from "./seal-backup.ts";

const OWN = idOf(0);
const PLENTY = 60_000_000;

function idOf(number: number): AgentId {
  return agentId(new Uint8Array(32).fill(number));
}

interface Known {
  readonly trust?: Trust;
  readonly petname?: string;
  /** Of its log, in bytes and in events. */
  readonly bytes?: number;
  readonly events?: number;
  /** Bytes of evidence against it. */
  readonly evidence?: number;
  readonly cutOff?: number;
}

function know(
  tx: OpenStore["tx"],
  number: number,
  { trust = "unverified", petname, bytes = 1_000, events = 1, evidence, cutOff }: Known,
): void {
  const id = idOf(number);
  tx.peers.put({ agentId: id, did: agentIdToDid(id), petname, trust, firstSeenAt: NOW + number, head: { seq: 0, hash: id } });
  const wires = Array.from({ length: events }, () => new Uint8Array(Math.ceil(bytes / events)));
  tx.peers.putEvents(id, 0, wires, NOW);
  accuse(tx, number, evidence, cutOff);
}

function accuse(tx: OpenStore["tx"], number: number, evidence: number | undefined, cutOff?: number): void {
  const id = idOf(number);
  const hash = nodeCrypto.randomBytes(32);
  if (cutOff !== undefined) tx.cutOff.add({ agentId: id, seq: 1, hash, wire: new Uint8Array(cutOff), seenAt: NOW });
  if (evidence === undefined) return;
  tx.peers.addConflict({ agentId: id, kind: "log-fork", first: new Uint8Array(evidence), second: hash, seenAt: NOW }, true);
}

function numbers({ peers, cutOff, evidence }: GatheredPeers): Record<"peers" | "cutOff" | "evidence", (number | undefined)[]> {
  return {
    peers: peers.map(({ peer }) => peer.agentId[0]),
    cutOff: cutOff.map((event) => event.agentId[0]),
    evidence: evidence.map((one) => one.agentId[0]),
  };
}

test("where there is room everybody goes, with evidence and decisions, in the order in which they were met", () => {
  using store = openStore();
  const { tx } = store;
  know(tx, 2, { evidence: 10, cutOff: 20 });
  know(tx, 1, { trust: "blocked" });
  accuse(tx, 0, undefined, 5);
  accuse(tx, 9, 7, 8);
  const standing = new Uint8Array(32).fill(7);
  const fork = { agentId: idOf(2), seq: 3, standing, isOfRecovery: true, seenAt: NOW };
  tx.peerForks.raise(fork);
  tx.peerForks.raise({ ...fork, seq: 1 });
  tx.peerForks.decide({ ...fork, seq: 1 }, NOW + 5);
  const gathered = gatherPeers(tx, OWN, PLENTY);
  assert.deepEqual(numbers(gathered), { peers: [1, 2], cutOff: [2, 0, 9], evidence: [9] });
  const [, two] = gathered.peers;
  assert.deepEqual(two?.forks, [{ ...fork, seq: 1, decidedAt: NOW + 5 }, fork]);
  assert.deepEqual([two?.events.length, two?.conflicts.length], [1, 1]);
  assert.deepEqual(gathered.leftOut, { peers: 0 });
});

test("strangers stay out where there is no room, the largest first and with all that is known of them", () => {
  using store = openStore();
  const { tx } = store;
  know(tx, 1, { bytes: 3_000 });
  know(tx, 2, { bytes: 100, evidence: 9_000 });
  know(tx, 3, { bytes: 5_000 });
  know(tx, 4, { bytes: 100, cutOff: 4_000 });
  accuse(tx, 5, 6_000);
  const all = [2, 5, 3, 4, 1];
  for (let out = 0; out <= all.length; out++) {
    const room = [28_500, 19_000, 13_000, 8_200, 3_900, 500][out] ?? assert.fail("no room");
    const gathered = gatherPeers(tx, OWN, room);
    const left = new Set(all.slice(out));
    assert.deepEqual(
      numbers(gathered),
      {
        peers: [1, 2, 3, 4].filter((number) => left.has(number)),
        cutOff: [4].filter((number) => left.has(number)),
        evidence: [5].filter((number) => left.has(number)),
      },
      `${out} left out`,
    );
    assert.deepEqual(gathered.leftOut, { peers: out });
  }
});

test("verified and blocked peers and the agent's own events always go, and named peers after all strangers", () => {
  using store = openStore();
  const { tx } = store;
  know(tx, 1, { trust: "verified", bytes: 6_000, evidence: 1_000 });
  know(tx, 2, { trust: "blocked", bytes: 7_000, cutOff: 1_000 });
  know(tx, 3, { bytes: 2_000, petname: "Bobby" });
  know(tx, 4, { bytes: 100 });
  accuse(tx, 0, undefined, 3_000);
  const rooms: readonly (readonly [number, number[]])[] = [
    [22_000, [1, 2, 3, 4]],
    [20_700, [1, 2, 3]],
    [19_000, [1, 2]],
  ];
  for (const [room, peers] of rooms) {
    assert.deepEqual(numbers(gatherPeers(tx, OWN, room)), { peers, cutOff: [2, 0], evidence: [] }, `room for ${room}`);
  }
  assert.throws(
    () => gatherPeers(tx, OWN, 15_000),
    (error) => isTalosError(error, "BACKUP_TOO_LARGE") && error.details["peer"] === agentIdToDid(idOf(2)),
  );
});

test("what there are too many of counts as what is too large", () => {
  using store = openStore();
  const { tx } = store;
  for (const number of [1, 2, 3]) know(tx, number, { events: 10_000, bytes: 10_000 });
  for (let number = 4; number <= 16; number++) know(tx, number, { trust: "verified", events: 9_000, bytes: 9_000 });
  // 13 × 9,001 items are always there: of the others one fits.
  const { peers, leftOut } = gatherPeers(tx, OWN, PLENTY);
  assert.deepEqual([peers.length, leftOut], [14, { peers: 2 }]);
  for (let number = 17; number <= 18; number++) know(tx, number, { trust: "blocked", events: 9_000, bytes: 9_000 });
  assert.ok(15 * 9_001 > MAX_PEER_ITEMS);
  assert.throws(() => gatherPeers(tx, OWN, PLENTY), hasCode("BACKUP_TOO_LARGE"));
});

test("two strangers with long logs do not keep an agent from being backed up", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  using closing = vault;
  vault.transaction((tx) => {
    tx.log.append({ seq: 0, hash: new Uint8Array(32), wire: new Uint8Array(1) });
    tx.log.setCertificate(new Uint8Array(1));
    for (const number of [1, 2]) know(tx, number, { bytes: 9_000 * 4_096, events: 9_000 });
    know(tx, 3, { trust: "verified" });
  });
  using content = await gatherBackup(vault, nodeCrypto, NOW);
  assert.deepEqual([content.peers.length, content.leftOut], [2, { peers: 1 }]);
  const sealed = sealBackup(content, [secret()], FLOOR, nodeCrypto);
  using opened = openBackup(sealed, secret(), nodeCrypto);
  assert.deepEqual([opened.content.peers.length, opened.content.leftOut], [2, { peers: 1 }]);
  assert.ok(encodeContent(opened.content).length > 36_000_000);
  assert.ok(closing);
});
