import assert from "node:assert/strict";
import { test } from "node:test";
import { agentIdToDid, equalBytes, type AgentId } from "@talos/core";
import { agent, NOW } from "../vault-fixture.test.ts";
import type { Peer, Peers } from "./peers.ts";
import { id16, openStore } from "./store-fixture.test.ts";

const BOB = agent("bob");
type Greeting = NonNullable<Parameters<Peers["greeted"]>[1]>;
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
  const [greeting, later] = [1, 2].map(() => ({ envelopeId: id16(), sessionId: id16() })) as [Greeting, Greeting];
  peers.greeted(BOB, greeting);
  peers.oweGreeting(BOB, NOW);
  peers.put({ ...PEER, trust: "verified" });
  assert.deepEqual([peers.greetSince(BOB), peers.toGreet(NOW), peers.toGreet(NOW + 1)], [NOW, [BOB], []]);

  peers.greeted(BOB, greeting);
  peers.greeted(BOB, later);
  assert.deepEqual([peers.greetSince(BOB), peers.toGreet(0)], [undefined, []]);
  assert.deepEqual(
    [
      peers.greetedIn(BOB, greeting.envelopeId),
      peers.greetedIn(BOB, later.envelopeId),
      peers.greetedIn(agent("carol"), greeting.envelopeId),
    ],
    [greeting.sessionId, undefined, undefined],
  );
  peers.greetAgain(BOB);
  assert.equal(peers.greetSince(BOB), NOW, "since the first time");

  peers.greeted(BOB, undefined);
  peers.greetAgain(BOB);
  assert.deepEqual([peers.greetSince(BOB), peers.greetedIn(BOB, greeting.envelopeId)], [undefined, undefined]);
});

test("who is verified or has a name is greeted first, then whoever was first seen first", () => {
  using store = openStore();
  const { peers } = store.tx;
  const [early, late, named, verified] = ["early", "late", "named", "verified"].map(agent) as [AgentId, AgentId, AgentId, AgentId];
  for (const [at, agentId] of [early, late, named, verified].entries()) {
    const trust = agentId === verified ? "verified" : "unverified";
    peers.put({ ...PEER, agentId, trust, firstSeenAt: NOW + at, petname: agentId === named ? "carol" : undefined });
    peers.oweGreeting(agentId, NOW);
  }
  assert.deepEqual(peers.toGreet(NOW), [verified, named, early, late]);
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
