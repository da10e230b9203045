import assert from "node:assert/strict";
import { test } from "node:test";
import type { KeyId } from "@talos/core";
import { NOW, prekeyEntry } from "../vault-fixture.test.ts";
import type { InventoryEntry } from "./inventory.ts";
import { openStore, type OpenStore } from "./store-fixture.test.ts";

const [A, B, C] = ["000000000000000a" as KeyId, "000000000000000b" as KeyId, "000000000000000c" as KeyId] as const;

function identity(keyId: KeyId, role: "current" | "next", state: InventoryEntry["state"] = "live"): InventoryEntry {
  return { ...prekeyEntry("signed-prekey", keyId), kind: "identity", role, state, statement: undefined };
}

/** Whether files and projection must follow what was just done. */
function mustFollow({ store }: OpenStore, action: () => unknown): boolean {
  store.beginWriting();
  action();
  const changed = store.endWriting();
  store.beginWriting();
  return changed;
}

test("an entry comes back as it went, in every state", () => {
  using open = openStore();
  const { inventory } = open.tx;
  const entries: InventoryEntry[] = [
    { ...identity(A, "next", "staged"), dueAt: NOW + 1, expiresAt: NOW + 2 },
    { ...identity(B, "current"), createdAt: NOW + 1, backend: "hsm", protection: "hardware" },
    { ...prekeyEntry("one-time-prekey", C), createdAt: NOW + 2, state: "retired", retiredAt: NOW + 3 },
  ];
  for (const entry of entries) inventory.put(entry);
  const defined = (entry: InventoryEntry | undefined): unknown =>
    Object.fromEntries(Object.entries(entry ?? {}).filter(([, value]) => value !== undefined));
  assert.deepEqual(inventory.list().map(defined), entries.map(defined));
  assert.deepEqual(
    inventory.list({ state: "staged" }).map(({ keyId }) => keyId),
    [A],
  );
  assert.deepEqual(
    inventory.list({ kind: "one-time-prekey" }).map(({ keyId }) => keyId),
    [C],
  );
  assert.deepEqual(
    inventory.inKeyFiles().map(({ keyId, state }) => [keyId, state]),
    [
      [A, "staged"],
      [C, "retired"],
    ],
    "a key in hardware has no file",
  );
});

test("of two live identity keys each is found by its role, the current one where none is named", () => {
  using open = openStore();
  const { inventory } = open.tx;
  inventory.put(identity(A, "next"));
  inventory.put({ ...identity(B, "current"), createdAt: NOW + 1 });
  inventory.put({ ...prekeyEntry("signed-prekey", C), createdAt: NOW + 2 });
  assert.deepEqual(
    [inventory.live("identity"), inventory.live("identity", "next"), inventory.live("signed-prekey"), inventory.live("encryption")].map(
      (entry) => entry?.keyId,
    ),
    [B, A, C, undefined],
  );
});

test("one-time prekeys are counted while they are live, and an ended one is still known", () => {
  using open = openStore();
  const { inventory } = open.tx;
  for (const keyId of [A, B]) inventory.put(prekeyEntry("one-time-prekey", keyId));
  inventory.put(prekeyEntry("signed-prekey", C));
  assert.equal(inventory.countOneTime(), 2);
  inventory.setState(A, "ended", NOW);
  assert.equal(inventory.countOneTime(), 1);
  assert.deepEqual([inventory.get(A)?.state, inventory.get(A)?.endedAt], ["ended", NOW]);
});

test("only a live next key is promoted, once; it is due anew", () => {
  using open = openStore();
  const { inventory } = open.tx;
  inventory.put(identity(A, "next", "staged"));
  assert.equal(inventory.promote(A, NOW), false, "not before it is live");
  inventory.setState(A, "live", NOW);
  assert.equal(
    mustFollow(open, () => assert.equal(inventory.promote(A, NOW + 5), true)),
    true,
  );
  assert.deepEqual([inventory.live("identity")?.keyId, inventory.get(A)?.dueAt], [A, NOW + 5]);
  assert.equal(
    mustFollow(open, () => assert.equal(inventory.promote(A, NOW), false)),
    false,
  );
  assert.equal(inventory.promote(C, NOW), false);
});

test("files and projection follow a change of the inventory, and nothing else", () => {
  using open = openStore();
  const { inventory } = open.tx;
  assert.equal(
    mustFollow(open, () => inventory.put(prekeyEntry("one-time-prekey", A))),
    true,
  );
  assert.equal(
    mustFollow(open, () => inventory.setState(A, "ended", NOW)),
    true,
  );
  assert.equal(
    mustFollow(open, () => inventory.setState(A, "ended", NOW)),
    false,
  );
  assert.equal(
    mustFollow(open, () => open.tx.settings.set("a", "b")),
    false,
  );
});
