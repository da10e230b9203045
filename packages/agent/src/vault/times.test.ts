import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { isTalosError, nodeCrypto } from "@talos/core";
import { snapshotFolder } from "@talos/testkit";
import { Lock } from "./lock.ts";
import { checkTime, showTime } from "./times.ts";
import { keyMaterial, makeClosedVault, makeVault, NOW, password, reopen, FLOOR_KDF, temporaryFolder } from "./vault-fixture.test.ts";
import { Vault } from "./vault.ts";

/** An hour before 1970 by a clock that was never set; a clock that fails; half a millisecond; what no number holds exactly. */
const NO_TIMES = [-3_600_000, -1, Number.NaN, 1.5, Number.POSITIVE_INFINITY, 2 ** 53] as const;

function refused(error: unknown): boolean {
  return isTalosError(error, "INVALID_ARGUMENT") && error.details["option"] === "now" && /clock/.test(error.hint);
}

test("a time that no record can hold is refused, every other one is taken", () => {
  for (const now of NO_TIMES) assert.throws(() => checkTime(now), refused, `${now}`);
  for (const now of [0, NOW, Number.MAX_SAFE_INTEGER]) checkTime(now);
});

test("a time that is no date is shown all the same", () => {
  assert.equal(showTime(NOW), "2027-01-15T08:00:00.000Z");
  for (const time of [9e15, -9e15, Number.NaN]) assert.equal(showTime(time), "a time that is no date");
});

test("a clock before 1970 changes no way in: nothing is committed that could not be read again", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  using closing = vault;
  closing.addSlot(keyMaterial(), "safe", NOW);
  const { secret: current } = password();
  const { secret: next } = password("another good password");
  const before = [closing.slots(), closing.read((tx) => tx.audit.list())];
  for (const now of NO_TIMES) {
    assert.throws(() => closing.addSlot(password("one more good password"), "", now), refused);
    assert.throws(() => closing.removeSlot(2, now), refused);
    for (const rekey of [false, true]) assert.throws(() => closing.changePassword({ current, next, now, rekey }), refused);
    assert.throws(() => closing.replaceVaultKey(now), refused);
    assert.throws(() => closing.transaction((tx) => tx.audit.append({ kind: "slot-added", at: now, details: {} })), refused);
  }
  assert.deepEqual([closing.slots(), closing.read((tx) => tx.audit.list())], before);
  closing.close();
  (await reopen(folder.dataDir)).close();
});

test("with a clock before 1970 nothing is made, opened or locked, and not a byte changes", async () => {
  using folder = temporaryFolder();
  const { dataDir } = folder;
  const common = { dataDir, unlock: password(), crypto: nodeCrypto, kdf: FLOOR_KDF };
  await assert.rejects(Vault.create({ ...common, name: "alice", now: -1, build: () => assert.fail("built") }), refused);
  assert.equal(existsSync(dataDir), false);
  await makeClosedVault(dataDir);
  const before = snapshotFolder(dataDir);
  await assert.rejects(Vault.open({ ...common, now: -1 }), refused);
  assert.throws(() => Lock.acquire(dataDir, -1, nodeCrypto), refused);
  assert.deepEqual(snapshotFolder(dataDir), before);
});
