// The slot that opened the vault, and what its secret was stretched to: kept for a new vault key, as long as that slot is there.
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Crypto, isTalosError, nodeCrypto, type SecretBytes } from "@talos/core";
import { hasCode } from "@talos/testkit";
import { openParts } from "./open.ts";
import { FLOOR_KDF, keyMaterial, makeClosedVault, makeVault, NOW, password, reopen, temporaryFolder } from "./vault-fixture.test.ts";
import { Vault } from "./vault.ts";

/** The platform's, with everything that Argon2id gave, in order. */
function watching(): { crypto: Crypto; stretched: SecretBytes[] } {
  const stretched: SecretBytes[] = [];
  const argon2id = (...args: Parameters<Crypto["argon2id"]>): SecretBytes => {
    const secret = nodeCrypto.argon2id(...args);
    stretched.push(secret);
    return secret;
  };
  return { crypto: { ...nodeCrypto, argon2id }, stretched };
}

async function openWatched(dataDir: string): Promise<{ vault: Vault; live: () => boolean[] }> {
  const { crypto, stretched } = watching();
  const vault = await Vault.open({ dataDir, unlock: password(), crypto, now: NOW, kdf: FLOOR_KDF });
  return { vault, live: () => stretched.map(({ isDisposed }) => !isDisposed) };
}

test("what a password is stretched to lives as long as its slot is the one that opened the vault", async () => {
  using folder = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  const { vault, live } = await openWatched(folder.dataDir);
  /** Places of what is still there, among everything that was derived. */
  const left = (): number[] => live().flatMap((isLive, i) => (isLive ? [i] : []));
  assert.deepEqual(left(), [0]);
  vault.addSlot(password("another"), "", NOW);
  assert.deepEqual(left(), [0], "of a slot that was only added nothing is kept");
  vault.changePassword({ current: password().secret, next: password("next").secret, now: NOW });
  const next = live().length - 1;
  assert.deepEqual(left(), [next]);
  vault.changePassword({ current: password("another").secret, next: password("yet another").secret, now: NOW });
  assert.deepEqual(left(), [next], "another slot's password is not the way in");
  vault.removeSlot(1, NOW);
  assert.ok(live().every((isLive) => !isLive));
  vault.close();
});

test("a vault that is closed, one that was only looked at, and a change that failed keep nothing of it", async () => {
  using folder = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  const { vault, live } = await openWatched(folder.dataDir);
  vault.close();
  assert.deepEqual(live(), [false]);

  const looking = watching();
  const inspection = await Vault.inspect({ dataDir: folder.dataDir, unlock: password(), crypto: looking.crypto });
  assert.deepEqual(
    looking.stretched.map(({ isDisposed }) => isDisposed),
    [true],
  );
  inspection.close();

  const failing = watching();
  const parts = openParts({ dataDir: folder.dataDir, unlock: password(), crypto: failing.crypto, now: NOW, kdf: FLOOR_KDF });
  using refusing = new Vault(parts);
  parts.database.exec("PRAGMA query_only = ON");
  assert.throws(
    () => refusing.changePassword({ current: password().secret, next: password("next").secret, now: NOW }),
    hasCode("COMMIT_FAILED"),
  );
  assert.deepEqual(
    failing.stretched.map(({ isDisposed }) => isDisposed),
    [false, true, true],
  );
  parts.database.exec("PRAGMA query_only = OFF");
});

test("a vault whose way in was removed works on: ways are added, changed and removed as before", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  vault.addSlot(password("another"), "", NOW);
  vault.addSlot(keyMaterial(), "", NOW);
  vault.removeSlot(1, NOW);
  assert.deepEqual(
    vault.slots().map(({ number, opened }) => [number, opened]),
    [
      [2, false],
      [3, false],
    ],
  );
  assert.equal(vault.addSlot(keyMaterial("key-file", 3), "", NOW).opened, false);
  const { slot } = vault.changePassword({ current: password("another").secret, next: password("next").secret, now: NOW });
  assert.deepEqual([slot.number, slot.opened], [2, false]);
  vault.removeSlot(3, NOW);
  vault.close();
  (await reopen(folder.dataDir, "next")).close();
});

test("what cannot be removed or changed is named, and a damaged slot is removed by its number alone", async () => {
  using folder = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  const parts = openParts({ dataDir: folder.dataDir, unlock: password(), crypto: nodeCrypto, now: NOW, kdf: FLOOR_KDF });
  using vault = new Vault(parts);
  assert.throws(
    () => vault.removeSlot(5, NOW),
    (error) => {
      assert.ok(isTalosError(error, "SLOT_NOT_FOUND"));
      assert.deepEqual(error.details, { slot: 5 });
      return true;
    },
  );
  assert.throws(
    () => vault.changePassword({ current: password("wrong").secret, next: password("").secret, now: NOW }),
    hasCode("PASSWORD_REQUIRED"),
    "the new one is looked at before the old one is tried",
  );
  vault.addSlot(keyMaterial(), "rack 7", NOW);
  vault.addSlot(keyMaterial("key-file", 3), "rack 8", NOW);
  parts.database.exec("UPDATE slots SET record = x'00' WHERE slot = 3");
  for (const number of [2, 3]) vault.removeSlot(number, NOW);
  assert.deepEqual(
    vault
      .read((tx) => tx.audit.list())
      .slice(-2)
      .map(({ details }) => details),
    [{ slot: 2, unlock: "key-file", label: "rack 7" }, { slot: 3 }],
  );
});

test("a secret that opens the vault already is told with its slot", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  using closing = vault;
  closing.addSlot(keyMaterial(), "", NOW);
  for (const [secret, slot] of [
    [password(), 1],
    [keyMaterial(), 2],
  ] as const) {
    assert.throws(
      () => closing.addSlot(secret, "", NOW),
      (error) => {
        assert.ok(isTalosError(error, "SLOT_EXISTS"));
        assert.deepEqual(error.details, { slot });
        return true;
      },
    );
  }
  assert.equal(closing.slots().length, 2);
});
