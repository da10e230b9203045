import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeCrypto, utf8, type IdentityLog } from "@talos/core";
import { ProtocolAgent } from "@talos/testkit";
import { makeVault, NOW, temporaryFolder } from "../vault/vault-fixture.test.ts";
import { PeerBook } from "./peer-book.ts";

/** As a log will be once it has a second event. */
function grown(log: IdentityLog): IdentityLog {
  const head = { seq: 1, hash: nodeCrypto.sha256(utf8("second event")) };
  const states = log.states.flatMap((state) => [state, { ...state, head }]);
  return { ...log, events: [...log.events, utf8("second event")], states, head };
}

test("a log that is shorter than the known one takes nothing back, whatever comes with it", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  try {
    const bob = new ProtocolAgent({ crypto: nodeCrypto, now: NOW });
    const long = grown(bob.log);
    const { certificate } = bob.open(1);
    const book = new PeerBook(nodeCrypto);
    vault.transaction((tx) => {
      book.learn(tx, { log: long }, NOW);
      for (const facts of [{ log: bob.log }, { log: bob.log, certificate, directory: "http://127.0.0.1:1" }]) {
        assert.equal(book.learn(tx, facts, NOW + 1).log, long);
      }
      assert.equal(book.get(tx, bob.id)?.peer.directory, "http://127.0.0.1:1", "the rest is taken over");
      assert.deepEqual(tx.peers.get(bob.id)?.head, long.head);
      assert.equal(tx.peers.events(bob.id).length, 2);
      assert.equal(book.learn(tx, { log: bob.log }, NOW + 2).peer.certificateSeenAt, NOW + 1, "nothing new");
    });
  } finally {
    vault.close();
  }
});

test("a longer log is taken over", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  try {
    const bob = new ProtocolAgent({ crypto: nodeCrypto, now: NOW });
    const book = new PeerBook(nodeCrypto);
    vault.transaction((tx) => {
      book.learn(tx, { log: bob.log }, NOW);
      const long = grown(bob.log);
      assert.equal(book.learn(tx, { log: long }, NOW).log, long);
      assert.equal(tx.peers.events(bob.id).length, 2);
    });
  } finally {
    vault.close();
  }
});
