import assert from "node:assert/strict";
import { test } from "node:test";
import { DAY_MILLISECONDS } from "@talos/core";
import type { Vault } from "../vault/index.ts";
import { makeVault, temporaryFolder } from "../vault/vault-fixture.test.ts";
import type { BackupCheck, BackupState, BackupVerdict } from "./backup-views.ts";
import { backupStatus, forgetBackup, recordBackup, recordCheck, unlistedCount } from "./records.ts";

const NOW = 1_900_000_000_000;

function hash(byte: number): string {
  return byte.toString(16).padStart(2, "0").repeat(32);
}

function check(id: string, seq: number, byte: number = seq, createdAt: number = NOW, verdict: BackupVerdict = "good"): BackupCheck {
  return { id, createdAt, head: { seq, hash: hash(byte) }, slots: 1, verdict, ageDays: 0 } as BackupCheck;
}

interface Place extends Disposable {
  readonly vault: Vault;
  /** The log goes on. */
  event(seq: number, byte?: number): void;
  made(id: string, seq: number, byte?: number, createdAt?: number): void;
  tried(id: string, seq: number, byte?: number, verdict?: BackupVerdict): void;
  states(): string[];
}

async function place(): Promise<Place> {
  const folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  return {
    vault,
    event: (seq, byte = seq) =>
      vault.transaction((tx) => tx.log.append({ seq, hash: new Uint8Array(32).fill(byte), wire: Uint8Array.of(byte) })),
    made: (id, seq, byte, createdAt) =>
      vault.transaction((tx) => recordBackup(tx, check(id, seq, byte, createdAt), [{ path: `/media/${id}` }], [], NOW)),
    tried: (id, seq, byte, verdict) =>
      vault.transaction((tx) => recordCheck(tx, check(id, seq, byte, NOW, verdict), { path: `/media/${id}` }, NOW)),
    states: () => vault.read((tx) => backupStatus(tx).map(({ id, state }) => `${id} ${state}`)),
    [Symbol.dispose]: () => {
      vault.close();
      folder[Symbol.dispose]();
    },
  };
}

test("a backup from a later event than the log has is ahead of it, and nobody is told to destroy it", async () => {
  using at = await place();
  at.event(0);
  at.made("same", 0);
  at.tried("newer", 1, 1, "ahead");
  at.tried("elsewhere", 0, 9, "other-branch");
  at.tried("elsewhere-too", 1, 8, "other-branch");
  const stateOf = (id: string): BackupState | undefined => at.vault.read((tx) => backupStatus(tx).find((one) => one.id === id)?.state);
  assert.deepEqual(["same", "newer", "elsewhere", "elsewhere-too"].map(stateOf), ["current", "ahead", "other-branch", "other-branch"]);
  at.event(1);
  assert.deepEqual(["same", "newer", "elsewhere", "elsewhere-too"].map(stateOf), ["dangerous", "current", "other-branch", "other-branch"]);
});

test("a backup of a branch that was cut off is dangerous, also where its events have higher numbers than the log", async () => {
  using at = await place();
  at.event(0);
  at.event(1, 7);
  at.made("cut", 2, 2);
  at.vault.transaction((tx) =>
    tx.cutOff.add({ hash: new Uint8Array(32).fill(2), agentId: at.vault.agentId, seq: 2, wire: Uint8Array.of(1), seenAt: NOW }),
  );
  assert.deepEqual(at.states(), ["cut dangerous"]);
});

test("of too many, those that count no more are listed to the last; what makes room stays counted until its owner says that it is destroyed", async () => {
  using at = await place();
  at.event(0);
  for (let count = 0; count < 3; count++) at.made(`old-${count}`, 0);
  at.event(1);
  for (let count = 0; count < 70; count++) at.made(`daily-${count}`, 1);
  const listed = at.states();
  assert.equal(listed.length, 64);
  assert.deepEqual(listed.slice(-3), ["old-2 dangerous", "old-1 dangerous", "old-0 dangerous"]);
  assert.deepEqual([listed[0], listed[60]], ["daily-69 current", "daily-9 current"]);
  const unlisted = (isDangerous?: boolean): number => at.vault.read((tx) => unlistedCount(tx, isDangerous));
  assert.deepEqual([unlisted(), unlisted(true)], [9, 0]);
  at.event(2);
  at.made("new", 2);
  assert.deepEqual([unlisted(), unlisted(true)], [10, 10], "they are as dangerous as those that are listed");
  assert.equal(at.states()[0], "new current");
  for (let count = 0; count < 3; count++) at.tried(`found-${count}`, 0);
  assert.ok(at.states().includes("found-2 dangerous") && at.states().includes("new current"), "what was just looked at is listed");
  const forget = (): boolean => at.vault.transaction((tx) => forgetBackup(tx, "unlisted"));
  assert.deepEqual([forget(), unlisted(), forget()], [true, 0, false]);
});

test("the order is that in which they were made here, whatever their clocks said; one from elsewhere has the place of its time", async () => {
  using at = await place();
  at.event(0);
  at.made("first", 0, 0, NOW - DAY_MILLISECONDS);
  at.made("ahead", 0, 0, NOW + 4_000 * DAY_MILLISECONDS);
  at.made("last", 0, 0, NOW + DAY_MILLISECONDS);
  at.tried("elsewhere", 0);
  assert.deepEqual(
    at.states().map((text) => text.split(" ")[0]),
    ["last", "ahead", "elsewhere", "first"],
  );
});
