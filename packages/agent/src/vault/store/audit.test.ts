import assert from "node:assert/strict";
import { test } from "node:test";
import { auditLeaf, encodeAuditEntry, encodeStruct, isTalosError, nodeCrypto, treeRoot, type AgentId } from "@talos/core";
import { openParts } from "../open.ts";
import { FLOOR_KDF, makeClosedVault, makeVault, NOW, password, reopen, temporaryFolder } from "../vault-fixture.test.ts";
import type { EarlierAudit } from "../types.ts";
import { Vault } from "../vault.ts";
import { openStore } from "./store-fixture.test.ts";

test("the trail begins with the vault, and entries follow in order, each under its generation", async () => {
  using folder = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  using vault = await reopen(folder.dataDir);
  vault.transaction((tx) => {
    tx.audit.append({ kind: "slot-added", at: NOW + 5, details: { slot: 2, label: "rack 7" } });
    tx.audit.append({ kind: "slot-removed", at: NOW + 6, details: {} });
  });
  assert.deepEqual(
    vault.read((tx) => tx.audit.list()),
    [
      { order: 1, kind: "vault-created", at: NOW, generation: 1, details: { slot: 1, unlock: "password", label: "" } },
      { order: 2, kind: "unlocked", at: NOW + 1000, generation: 2, details: { slot: 1, unlock: "password" } },
      { order: 3, kind: "slot-added", at: NOW + 5, generation: 2, details: { slot: 2, label: "rack 7" } },
      { order: 4, kind: "slot-removed", at: NOW + 6, generation: 2, details: {} },
    ],
  );
});

test("an entry is there with what it records, or neither is", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  using closing = vault;
  assert.throws(() =>
    closing.transaction((tx) => {
      tx.audit.append({ kind: "slot-added", at: NOW, details: {} });
      throw new RangeError("no");
    }),
  );
  assert.equal(closing.read((tx) => tx.audit.list()).length, 1);
});

test("a damaged entry is named", async () => {
  using folder = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  const parts = openParts({ dataDir: folder.dataDir, unlock: password(), crypto: nodeCrypto, now: NOW, kdf: FLOOR_KDF });
  using vault = new Vault(parts);
  parts.database.exec("UPDATE audit SET entry = x'a0'");
  assert.throws(
    () => vault.read((tx) => tx.audit.list()),
    (error) => isTalosError(error, "VAULT_CORRUPT") && error.details["table"] === "audit" && error.details["row"] === 1,
  );
});

test("an entry with a field too many, or a kind without end, is damaged", () => {
  using store = openStore();
  const fields = new Map<number, string | number | ReadonlyMap<string, string>>([
    [2, "slot-added"],
    [3, NOW],
    [4, 1],
    [5, new Map()],
  ]);
  const write = (entry: Uint8Array): void => {
    store.database.exec("DELETE FROM audit");
    store.database.prepare("INSERT INTO audit (ord, entry) VALUES (1, ?)").run(entry);
  };
  write(encodeStruct(fields));
  assert.equal(store.tx.audit.list().length, 1);
  for (const [key, value] of [
    [2, "x".repeat(65)],
    [6, 1],
  ] as const) {
    write(encodeStruct(new Map([...fields, [key, value]])));
    assert.throws(
      () => store.tx.audit.list(),
      (error) =>
        isTalosError(error, "VAULT_CORRUPT") &&
        isTalosError(error.cause, "MALFORMED") &&
        error.cause.details["structure"] === "audit entry",
    );
  }
});

test("failure 26: in doubt since a time is also what was written under a clock that had been set back by then", () => {
  const since = (times: readonly number[], at: number): number => {
    using store = openStore();
    for (const [index, time] of times.entries()) {
      const entry = encodeAuditEntry({ kind: "slot-added", at: time, details: {} }, 1);
      store.store.run("INSERT INTO audit (ord, entry) VALUES (?, ?)", index + 1, entry);
    }
    return store.tx.audit.indexSince(at);
  };
  assert.equal(since([], 150), 0);
  assert.equal(since([100, 110, 200], 150), 2);
  assert.equal(since([100, 50, 200], 150), 1, "right before the first that says so");
  assert.equal(since([100, 50, 60], 150), 1, "and where none says so");
  assert.equal(since([100, 50, 120, 200], 150), 3, "the clock was right again in time");
  assert.equal(since([100, 200, 50, 210], 150), 1, "the first decides");
  assert.equal(since([100, 110], 150), 2);
});

test("a record of a life before comes first, byte for byte, and this vault's entries follow; one that is not whole makes no vault", async () => {
  const entries = ["unlocked", "takeover"].map((kind, at) => encodeAuditEntry({ kind: kind as "unlocked", at: NOW + at, details: {} }, 7));
  const head = {
    size: 2,
    root: treeRoot(
      nodeCrypto,
      entries.map((entry) => auditLeaf(entry, nodeCrypto)),
    ),
  };
  const make = async (dataDir: string, earlierAudit: EarlierAudit): Promise<Vault> => {
    const common = { dataDir, name: "alice", unlock: password(), crypto: nodeCrypto, now: NOW + 100, kdf: FLOOR_KDF };
    const agentId = nodeCrypto.sha256(Uint8Array.of(1)) as AgentId;
    return await Vault.create({
      ...common,
      build: async () => ({
        agentId,
        generation: 9,
        earlierAudit,
        write: (tx) => tx.audit.append({ kind: "backup-restored", at: NOW + 100, details: {} }),
      }),
    });
  };
  using folder = temporaryFolder();
  const others: readonly EarlierAudit[] = [
    { entries: entries.slice(1), head },
    { entries: entries.toReversed(), head },
    { entries, head: { ...head, size: 3 } },
    { entries: [...entries, ...entries], head },
  ];
  for (const other of others) await assert.rejects(make(folder.dataDir, other), (error) => isTalosError(error, "AUDIT_INVALID"));
  await assert.rejects(make(folder.dataDir, { entries: [Uint8Array.of(0xa0)], head }), (error) => isTalosError(error, "MALFORMED"));
  assert.equal(Vault.exists(folder.dataDir), false);

  using vault = await make(folder.dataDir, { entries, head });
  assert.equal(vault.generation, 9);
  const listed = vault.read((tx) => tx.audit.list());
  assert.deepEqual(
    listed.map(({ order, kind, generation }) => [order, kind, generation]),
    [
      [1, "unlocked", 7],
      [2, "takeover", 7],
      [3, "vault-created", 9],
      [4, "backup-restored", 9],
    ],
  );
  vault.read((tx) => {
    assert.deepEqual(tx.audit.stored(2), entries);
    assert.deepEqual(tx.audit.head(nodeCrypto), {
      size: 4,
      root: treeRoot(
        nodeCrypto,
        tx.audit.stored().map((entry) => auditLeaf(entry, nodeCrypto)),
      ),
    });
  });
  vault.transaction((tx) => {
    assert.throws(
      () => tx.audit.restore(entries, head),
      (error) => isTalosError(error, "VAULT_CORRUPT"),
    );
  });
});
