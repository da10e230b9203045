import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeCrypto, verifyLog } from "@talos/core";
import { NOW, someContent } from "../../backup/backup-fixture.test.ts";
import { FLOOR_KDF, password, temporaryFolder } from "../../vault/vault-fixture.test.ts";
import { Vault } from "../../vault/index.ts";
import { placesOf } from "./places.ts";
import { buildRestoredLife } from "./restored-life.ts";

test("what somebody has decided about a peer stays decided, and what he has not is still open", async () => {
  using folder = temporaryFolder();
  using content = someContent();
  const { log } = verifyLog(undefined, content.events, NOW, nodeCrypto, content.agentId);
  const places = placesOf(content, undefined, false);
  using vault = await Vault.create({
    dataDir: folder.dataDir,
    name: "alice",
    unlock: password(),
    crypto: nodeCrypto,
    now: NOW,
    kdf: FLOOR_KDF,
    build: async (files) => await buildRestoredLife(files, content, log, { crypto: nodeCrypto, now: NOW, places }),
  });
  const [, other] = content.peers;
  assert.ok(other !== undefined);
  const { agentId } = other.peer;
  const [decided, open] = other.forks;
  assert.ok(decided?.decidedAt !== undefined && open !== undefined);
  vault.transaction((tx) => {
    assert.deepEqual(tx.peerForks.list(agentId), [decided, open]);
    assert.deepEqual(tx.peerForks.undecided(agentId), [open]);
    // A thief comes with the old branch once more.
    assert.equal(
      tx.peerForks.raise({ agentId, seq: decided.seq, standing: decided.standing, isOfRecovery: false, seenAt: NOW + 9 }),
      false,
    );
    assert.deepEqual(tx.peerForks.undecided(agentId), [open]);
    // Evidence, also against those that are no peers any more.
    assert.deepEqual(tx.peers.conflicts(), [...other.conflicts, ...content.evidence]);
    assert.deepEqual(tx.cutOff.list(), content.cutOff);
  });
});
