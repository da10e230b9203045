import assert from "node:assert/strict";
import { test } from "node:test";
import { type Crypto, isTalosError, nodeCrypto, type SecretBytes } from "@talos/core";
import { type KdfRaise, raiseKdf } from "./kdf-raise.ts";
import { openStore, type OpenStore } from "../store/store-fixture.test.ts";
import { makeSlot, unlock } from "./unlock-slots.ts";
import { agent, FLOOR_KDF, NOW, password } from "../vault-fixture.test.ts";

const PLACE = { agentId: agent(), vaultKeyNumber: 1 };
const TARGET = { ...FLOOR_KDF, memoryKiB: FLOOR_KDF.memoryKiB + 64 };

/** Everything that Argon2id gave. */
function stretching(): { crypto: Crypto; stretched: SecretBytes[] } {
  const stretched: SecretBytes[] = [];
  const argon2id = (...args: Parameters<Crypto["argon2id"]>): SecretBytes => {
    const secret = nodeCrypto.argon2id(...args);
    stretched.push(secret);
    return secret;
  };
  return { crypto: { ...nodeCrypto, argon2id }, stretched };
}

function raise(open: OpenStore, crypto: Crypto): KdfRaise {
  open.database.prepare("INSERT INTO vault VALUES (1, ?, 'alice', 1, 1, 1)").run(agent());
  open.store.endWriting();
  using vaultKey = nodeCrypto.randomSecret(32);
  const { record } = makeSlot(password(), vaultKey, PLACE, { label: "", now: NOW, kdf: FLOOR_KDF }, nodeCrypto);
  const unlocked = unlock([{ number: 1, record }], password(), PLACE, nodeCrypto);
  const { database, store } = open;
  return { database, store, crypto, place: PLACE, unlocked, withSecret: password(), target: TARGET, now: NOW };
}

function assertNotWritable({ store }: OpenStore): void {
  assert.throws(
    () => store.run("DELETE FROM slots"),
    (error) => isTalosError(error, "INTERNAL"),
  );
}

test("a raised slot is stored, what it was stretched to is the caller's, and writing has ended", () => {
  using open = openStore();
  const { crypto, stretched } = stretching();
  const raised = raiseKdf(raise(open, crypto));
  assert.ok(raised !== undefined && "stretched" in raised);
  assert.deepEqual([stretched.length, stretched[0]?.isDisposed, open.count("slots")], [1, false, 1]);
  assert.ok(stretched[0]?.equals(raised.stretched));
  assertNotWritable(open);
});

test("a slot that cannot be stored leaves nothing behind in memory, and writing has ended", () => {
  using open = openStore();
  const { crypto, stretched } = stretching();
  const prepared = raise(open, crypto);
  open.database.exec("DROP TABLE audit");
  const raised = raiseKdf(prepared);
  assert.ok(raised !== undefined && "finding" in raised);
  assert.deepEqual([raised.finding.code, raised.finding.file], ["COMMIT_FAILED", "state.db"]);
  assert.deepEqual([stretched.length, stretched[0]?.isDisposed, open.count("slots")], [1, true, 0]);
  assertNotWritable(open);
});

test("a program's mistake is told as one, and keeps nobody out", () => {
  using open = openStore();
  const argon2id = (): never => {
    throw new RangeError("no memory");
  };
  const raised = raiseKdf(raise(open, { ...nodeCrypto, argon2id }));
  assert.ok(raised !== undefined && "finding" in raised);
  assert.equal(raised.finding.code, "INTERNAL");
});
