import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { type Crypto, isTalosError, nodeCrypto, type SecretBytes, toHex } from "@talos/core";
import { hasCode, snapshotFolder } from "@talos/testkit";
import { otherwise, refuses } from "../disk-fixture.test.ts";
import type { KdfParameters } from "./kdf-bounds.ts";
import { openParts } from "../open.ts";
import { decodeSlot, encodeSlot, MAX_SLOTS } from "./slot-record.ts";
import type { UnlockWith } from "./unlock-slots.ts";
import {
  agent,
  FLOOR_KDF,
  keyMaterial,
  makeClosedVault,
  makeVault,
  NOW,
  password,
  reopen,
  temporaryFolder,
} from "../vault-fixture.test.ts";
import { Vault } from "../vault.ts";

const crypto = nodeCrypto;
/** As cheap as the floor allows, and above it in one component. */
const RAISED: KdfParameters = { memoryKiB: 9_216, passes: 5, lanes: 1 };

async function openWith(dataDir: string, unlock: UnlockWith, kdf = FLOOR_KDF, withCrypto: Crypto = crypto): Promise<Vault> {
  return await Vault.open({ dataDir, unlock, crypto: withCrypto, now: NOW + 1000, kdf });
}

function counting(): { readonly crypto: Crypto; runs: number } {
  const counter = {
    runs: 0,
    crypto: {
      ...crypto,
      argon2id: (...args: Parameters<Crypto["argon2id"]>): SecretBytes => {
        counter.runs++;
        return crypto.argon2id(...args);
      },
    },
  };
  return counter;
}

function audit(vault: Vault): unknown[] {
  return vault.read((tx) => tx.audit.list()).map(({ kind, details }) => [kind, details["slot"]]);
}

/** Whether any file of the folder holds these bytes. */
function findIn(dataDir: string, bytes: Uint8Array): string[] {
  return readdirSync(dataDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && readFileSync(join(entry.parentPath, entry.name)).includes(Buffer.from(bytes)))
    .map(({ name }) => name);
}

test("ways in are added, listed and removed, each opens, and the keys stay as they are", async () => {
  using folder = temporaryFolder();
  const { dataDir } = folder;
  const { vault, keys } = await makeVault(dataDir);
  const keyFile = keyMaterial("key-file");
  const credential = keyMaterial("credential", 2);
  const added = vault.addSlot(keyFile, "in the safe", NOW + 1);
  assert.deepEqual(added, { number: 2, kind: "key-file", label: "in the safe", createdAt: NOW + 1, vaultKeyNumber: 1, opened: false });
  vault.addSlot(credential, "talos.key", NOW + 2);
  vault.addSlot(password("another good password"), "", NOW + 3);
  const names = ["password", "key-file", "credential", "password"];
  assert.deepEqual(
    vault.slots().map(({ number, kind, opened, kdf }) => [number, kind, opened, kdf]),
    names.map((kind, i) => [i + 1, kind, i === 0, kind === "password" ? FLOOR_KDF : undefined]),
  );
  vault.removeSlot(1, NOW + 4);
  assert.deepEqual(
    vault.slots().map(({ number, opened }) => [number, opened]),
    [2, 3, 4].map((number) => [number, false]),
  );
  assert.deepEqual(audit(vault), [
    ["vault-created", 1],
    ["slot-added", 2],
    ["slot-added", 3],
    ["slot-added", 4],
    ["slot-removed", 1],
  ]);
  vault.close();

  await assert.rejects(reopen(dataDir), hasCode("WRONG_PASSWORD"));
  for (const [unlock, number] of [
    [keyFile, 2],
    [credential, 3],
    [password("another good password"), 4],
  ] as const) {
    using again = await openWith(dataDir, unlock);
    assert.equal(again.slots().find(({ opened }) => opened)?.number, number);
    assert.deepEqual(again.findings, []);
    again.files.load("identity", keys.identity).dispose();
    using inspection = await Vault.inspect({ dataDir, unlock, crypto });
    assert.equal(inspection.slots().find(({ opened }) => opened)?.number, number);
  }
  using unopened = await Vault.inspect({ dataDir, crypto });
  assert.deepEqual(
    unopened.slots().map(({ kind, label }) => [kind, label]),
    [
      ["key-file", "in the safe"],
      ["credential", "talos.key"],
      ["password", ""],
    ],
  );
});

test("failure 54: metadata.json has a copy of exactly the slots there are, after each change", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  const recorded = (): number =>
    (JSON.parse(readFileSync(join(folder.dataDir, "metadata.json"), "utf8")) as { slots: unknown[] }).slots.length;
  vault.addSlot(keyMaterial(), "", NOW);
  assert.equal(recorded(), 2);
  vault.removeSlot(1, NOW);
  assert.equal(recorded(), 1);
  vault.close();
  using again = await openWith(folder.dataDir, keyMaterial());
  assert.deepEqual(again.findings, []);
});

test("there are eight slots at most, and a number that was removed is used again", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  using closing = vault;
  for (let number = 2; number <= MAX_SLOTS; number++)
    assert.equal(closing.addSlot(keyMaterial("key-file", number), "", NOW).number, number);
  const before = closing.slots();
  const noDerivation = keyMaterial("key-file", 9);
  assert.throws(() => closing.addSlot(noDerivation, "", NOW), hasCode("SLOTS_FULL"));
  assert.deepEqual(closing.slots(), before);
  closing.removeSlot(5, NOW);
  assert.equal(closing.addSlot(noDerivation, "", NOW).number, 5);
  assert.throws(() => closing.addSlot(noDerivation, "", NOW), hasCode("SLOTS_FULL"));
});

test("the last way in is never removed, a damaged slot does not count as one", async () => {
  using folder = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  const parts = openParts({ dataDir: folder.dataDir, unlock: password(), crypto, now: NOW, kdf: FLOOR_KDF });
  using vault = new Vault(parts);
  assert.throws(() => vault.removeSlot(1, NOW), hasCode("LAST_SLOT"));
  assert.throws(() => vault.removeSlot(2, NOW), hasCode("SLOT_NOT_FOUND"));
  vault.addSlot(keyMaterial(), "", NOW);
  parts.database.exec("UPDATE slots SET record = x'00' WHERE slot = 2");
  assert.throws(() => vault.removeSlot(1, NOW), hasCode("LAST_SLOT"));
  assert.deepEqual(
    vault.slots().map(({ number }) => number),
    [1],
  );
  vault.close();
  using again = await reopen(folder.dataDir);
  assert.deepEqual(
    again.findings.map(({ code, message }) => [code, message.includes("slot 2")]),
    [
      ["VAULT_CORRUPT", true],
      ["METADATA_REWRITTEN", false],
    ],
  );
  again.removeSlot(2, NOW);
  assert.equal(again.slots().length, 1);
});

test("what cannot be a way in changes nothing, but that somebody tried a password is on record", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  using closing = vault;
  const before = snapshotFolder(folder.dataDir, { unread: (path) => path === "lock" || path.startsWith("state.db") });
  assert.throws(() => closing.addSlot(password(""), "", NOW), hasCode("PASSWORD_REQUIRED"));
  assert.throws(() => closing.addSlot(keyMaterial(), "x".repeat(65), NOW), hasCode("INVALID_ARGUMENT"));
  assert.throws(
    () => closing.changePassword({ current: password().secret, next: password("").secret, now: NOW }),
    hasCode("PASSWORD_REQUIRED"),
  );
  assert.deepEqual(snapshotFolder(folder.dataDir, { unread: (path) => path === "lock" || path.startsWith("state.db") }), before);
  assert.equal(audit(closing).length, 1);
  const slots = closing.slots();
  assert.throws(
    () => closing.changePassword({ current: password("wrong").secret, next: password("next").secret, now: NOW + 1 }),
    hasCode("WRONG_PASSWORD"),
  );
  assert.deepEqual(closing.slots(), slots);
  const { kind, at, details } = closing.read((tx) => tx.audit.list()).at(-1) ?? assert.fail();
  assert.deepEqual([kind, at, details], ["unlock-failed", NOW + 1, { unlock: "password", when: "password-change" }]);
});

test("a label has at most 64 bytes and nothing that deceives a reader; one that is there already keeps nobody from a new password", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  for (const [seed, label] of ["", "Z\u00fcrich, rack 7", "x".repeat(64)].entries()) {
    assert.equal(vault.addSlot(keyMaterial("key-file", seed + 2), label, NOW).label, label);
  }
  const refused = ["x".repeat(65), "\u00fc".repeat(33), "two\nlines", "\u001b[2K", "owner\u202egpj", "a\u2028b", "a\u2029b", "\u200b"];
  for (const label of refused) {
    assert.throws(
      () => vault.addSlot(keyMaterial(), label, NOW),
      (error) => isTalosError(error, "INVALID_ARGUMENT") && error.details["option"] === "label",
      JSON.stringify(label),
    );
    await assert.rejects(
      Vault.create({
        dataDir: "/nonexistent",
        name: "a",
        slotLabel: label,
        unlock: password(),
        crypto,
        now: NOW,
        build: () => assert.fail(),
      }),
      hasCode("INVALID_ARGUMENT"),
    );
  }
  vault.close();
  {
    using database = new DatabaseSync(join(folder.dataDir, "state.db"));
    const record = database.prepare("SELECT record FROM slots WHERE slot = 1").get()?.["record"] as Uint8Array;
    const label = "owner\u202egpj";
    database.prepare("UPDATE slots SET record = ? WHERE slot = 1").run(encodeSlot({ ...decodeSlot(record, crypto), label }, crypto));
  }
  using again = await reopen(folder.dataDir);
  again.changePassword({ current: password().secret, next: password("another good password").secret, now: NOW });
});

test("no secret opens two slots: it would go on opening one when the other is changed or removed", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  using closing = vault;
  closing.addSlot(password("a second good password"), "", NOW);
  closing.addSlot(keyMaterial("key-file"), "", NOW);
  const before = closing.slots();
  const slotExists = hasCode("SLOT_EXISTS");
  assert.throws(() => closing.addSlot(password(), "", NOW), slotExists);
  assert.throws(() => closing.addSlot(keyMaterial("credential"), "talos.key", NOW), slotExists);
  assert.throws(
    () => closing.changePassword({ current: password().secret, next: password("a second good password").secret, now: NOW }),
    slotExists,
  );
  assert.deepEqual(closing.slots(), before);
});

test("a password is changed by two Argon2id runs and one commit; the old one opens nothing any more", async () => {
  using folder = temporaryFolder();
  const { dataDir } = folder;
  const keys = await makeClosedVault(dataDir);
  const counter = counting();
  const vault = await openWith(dataDir, password(), FLOOR_KDF, counter.crypto);
  const old = [...vault.slots()];
  const oldRecord = readSlotRecord(dataDir);
  counter.runs = 0;
  const change = vault.changePassword({ current: password().secret, next: password("the next one").secret, now: NOW + 7 });
  assert.equal(counter.runs, 2);
  assert.deepEqual(change, { slot: { ...old[0], createdAt: NOW + 7 }, toAddAgain: [] });
  assert.deepEqual(vault.slots(), [change.slot]);
  assert.deepEqual(audit(vault).at(-1), ["password-changed", 1]);
  // The secret that is kept for a new vault key is the new one's.
  vault.replaceVaultKey(NOW + 8);
  vault.close();
  assert.deepEqual(findIn(dataDir, oldRecord), []);
  await assert.rejects(reopen(dataDir), hasCode("WRONG_PASSWORD"));
  using again = await reopen(dataDir, "the next one");
  again.files.load("identity", keys.identity).dispose();
});

test("of several passwords the one that is named is replaced, whichever opened the vault", async () => {
  using folder = temporaryFolder();
  const { dataDir } = folder;
  const { vault } = await makeVault(dataDir);
  vault.addSlot(password("second"), "second", NOW);
  const { slot } = vault.changePassword({ current: password("second").secret, next: password("third").secret, now: NOW });
  assert.deepEqual([slot.number, slot.label, slot.opened], [2, "second", false]);
  vault.close();
  for (const text of [undefined, "third"]) (await reopen(dataDir, text)).close();
  await assert.rejects(reopen(dataDir, "second"), hasCode("WRONG_PASSWORD"));
  const opened = await reopen(dataDir, "third");
  const counter = counting();
  opened.close();
  using counted = await openWith(dataDir, password("third"), FLOOR_KDF, counter.crypto);
  counter.runs = 0;
  counted.changePassword({ current: password("third").secret, next: password("fourth").secret, now: NOW });
  assert.equal(counter.runs, 3, "the slot that opened the vault is tried first, and the other one must not open by the new password");
});

test("a change that cannot be committed leaves the old password in force", async () => {
  using folder = temporaryFolder();
  await makeClosedVault(folder.dataDir);
  const parts = openParts({ dataDir: folder.dataDir, unlock: password(), crypto, now: NOW, kdf: FLOOR_KDF });
  using vault = new Vault(parts);
  parts.database.exec("PRAGMA query_only = ON");
  const change = { current: password().secret, next: password("next").secret, now: NOW };
  assert.throws(() => vault.changePassword(change), hasCode("COMMIT_FAILED"));
  assert.throws(() => vault.addSlot(keyMaterial(), "", NOW), hasCode("COMMIT_FAILED"));
  parts.database.exec("PRAGMA query_only = OFF");
  assert.equal(vault.slots().length, 1);
  vault.replaceVaultKey(NOW);
  vault.close();
  (await reopen(folder.dataDir)).close();
});

test("failure 35: a password that was hashed with less is hashed anew at the next opening, and never with less", async () => {
  using folder = temporaryFolder();
  const { dataDir } = folder;
  await makeClosedVault(dataDir);
  const counter = counting();
  {
    using vault = await openWith(dataDir, password(), RAISED, counter.crypto);
    assert.equal(counter.runs, 2);
    assert.deepEqual(vault.slots()[0]?.kdf, RAISED);
    assert.equal(vault.slots()[0]?.createdAt, NOW);
    assert.deepEqual(vault.read((tx) => tx.audit.list()).at(-1), {
      order: 3,
      kind: "kdf-raised",
      at: NOW + 1000,
      generation: 2,
      details: { slot: 1, ...RAISED },
    });
    assert.deepEqual(
      vault.findings.map(({ code }) => code),
      ["METADATA_REWRITTEN"],
    );
    // What is kept in memory fits the new slot.
    vault.replaceVaultKey(NOW);
  }
  counter.runs = 0;
  using again = await openWith(dataDir, password(), { memoryKiB: 7_168, passes: 6, lanes: 1 }, counter.crypto);
  assert.equal(counter.runs, 2);
  assert.deepEqual(again.slots()[0]?.kdf, { memoryKiB: 9_216, passes: 6, lanes: 1 });
  again.close();
  counter.runs = 0;
  using settled = await openWith(dataDir, password(), RAISED, counter.crypto);
  assert.equal(counter.runs, 1);
  settled.changePassword({ current: password().secret, next: password("next").secret, now: NOW });
  assert.deepEqual(settled.slots()[0]?.kdf, { memoryKiB: 9_216, passes: 6, lanes: 1 });
});

test("failure 35: hashing that cannot be raised just now keeps nobody out, and refused parameters derive nothing", async () => {
  using folder = temporaryFolder();
  const { dataDir } = folder;
  await makeClosedVault(dataDir);
  const broken: Crypto = {
    ...crypto,
    argon2id: (secret, salt, parameters) => {
      if (parameters.memoryKiB > FLOOR_KDF.memoryKiB) throw new RangeError("no memory");
      return crypto.argon2id(secret, salt, parameters);
    },
  };
  {
    using vault = await openWith(dataDir, password(), RAISED, broken);
    assert.deepEqual(
      vault.findings.map(({ code, file }) => [code, file]),
      [["INTERNAL", "state.db"]],
    );
    assert.deepEqual(vault.slots()[0]?.kdf, FLOOR_KDF);
    vault.transaction((tx) => tx.settings.set("it", "works"));
    vault.replaceVaultKey(NOW);
  }
  await assert.rejects(openWith(dataDir, password(), { memoryKiB: 8, passes: 1, lanes: 1 }, broken), hasCode("KDF_PARAMETERS_REFUSED"));
  using vault = await openWith(dataDir, password(), RAISED);
  assert.deepEqual(vault.slots()[0]?.kdf, RAISED);
});

test("a metadata.json that cannot follow a changed slot keeps nobody from working, and follows later", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  otherwise({ renameSync: refuses("EROFS") }, () => vault.addSlot(keyMaterial(), "", NOW));
  assert.equal(vault.slots().length, 2);
  vault.transaction((tx) => tx.settings.set("any", "change"));
  vault.close();
  using again = await openWith(folder.dataDir, keyMaterial());
  assert.deepEqual(again.findings, []);
});

test("a vault is made with a key file or a credential just as well", async () => {
  for (const kind of ["key-file", "credential"] as const) {
    using folder = temporaryFolder();
    const { dataDir } = folder;
    const build = async (): Promise<{ agentId: ReturnType<typeof agent>; write: () => void }> => ({
      agentId: agent(),
      write: () => undefined,
    });
    const options = { dataDir, name: "alice", crypto, now: NOW, build, slotLabel: "talos.key" };
    (await Vault.create({ ...options, unlock: keyMaterial(kind) })).close();
    using vault = await openWith(dataDir, keyMaterial(kind));
    assert.deepEqual(
      vault.slots().map((slot) => [slot.kind, slot.label]),
      [[kind, "talos.key"]],
    );
    await assert.rejects(openWith(dataDir, keyMaterial(kind, 2)), hasCode("WRONG_UNLOCK_KEY"));
    await assert.rejects(reopen(dataDir), hasCode("WRONG_PASSWORD"));
  }
});

test("a closed vault changes no slot", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  vault.close();
  assert.throws(() => vault.slots(), hasCode("CLIENT_CLOSED"));
  assert.throws(() => vault.addSlot(keyMaterial(), "", NOW), hasCode("CLIENT_CLOSED"));
  assert.throws(() => vault.removeSlot(1, NOW), hasCode("CLIENT_CLOSED"));
  assert.throws(() => vault.replaceVaultKey(NOW), hasCode("CLIENT_CLOSED"));
});

/** A part of the only slot's record that no other slot shares. */
function readSlotRecord(dataDir: string): Uint8Array {
  const { slots } = JSON.parse(readFileSync(join(dataDir, "metadata.json"), "utf8")) as { readonly slots: readonly string[] };
  const record = Buffer.from(slots[0] ?? assert.fail(), "base64url");
  assert.ok(toHex(record).length > 200);
  return record.subarray(-100, -40);
}
