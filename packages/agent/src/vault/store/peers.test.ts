import assert from "node:assert/strict";
import { test } from "node:test";
import { agentIdToDid, equalBytes } from "@talos/core";
import { agent, NOW } from "../vault-fixture.test.ts";
import type { Peer } from "./peers.ts";
import { id16, openStore } from "./store-fixture.test.ts";

const BOB = agent("bob");
const PEER: Peer = {
  agentId: BOB,
  did: agentIdToDid(BOB),
  trust: "unverified",
  firstSeenAt: NOW,
  head: { seq: 0, hash: new Uint8Array(32) },
};

test("a greeting is owed until one was sealed, and again when that one has failed; what else is stored about a peer leaves it alone", () => {
  using store = openStore();
  const { peers } = store.tx;
  peers.put(PEER);
  assert.deepEqual([peers.greetSince(BOB), peers.toGreet(0)], [undefined, []]);
  peers.greeted(BOB, id16());
  peers.oweGreeting(BOB, NOW);
  peers.put({ ...PEER, trust: "verified" });
  assert.deepEqual([peers.greetSince(BOB), peers.toGreet(NOW), peers.toGreet(NOW + 1)], [NOW, [BOB], []]);

  const [greeting, later] = [id16(), id16()];
  peers.greeted(BOB, greeting);
  peers.greeted(BOB, later);
  assert.deepEqual([peers.greetSince(BOB), peers.toGreet(0)], [undefined, []]);
  assert.deepEqual(
    [peers.isGreeting(BOB, greeting), peers.isGreeting(BOB, later), peers.isGreeting(agent("carol"), greeting)],
    [true, false, false],
  );
  peers.greetAgain(BOB);
  assert.equal(peers.greetSince(BOB), NOW, "since the first time");

  peers.greeted(BOB, undefined);
  peers.greetAgain(BOB);
  assert.deepEqual([peers.greetSince(BOB), peers.isGreeting(BOB, greeting)], [undefined, false]);
});

test("of a peer's certificates the newest stay", () => {
  using store = openStore();
  const { peers } = store.tx;
  peers.put(PEER);
  const hashes = Array.from({ length: 300 }, () => new Uint8Array([...id16(), ...id16()]));
  hashes.forEach((hash, at) => peers.rememberCertificate(BOB, { hash, wire: hash, seenAt: NOW + at }));
  const kept = peers.certificates(BOB);
  assert.equal(kept.length, 256);
  assert.ok(kept.every(({ hash }, at) => equalBytes(hash, hashes[299 - at] ?? assert.fail())));
});
