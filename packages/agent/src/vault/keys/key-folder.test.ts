import assert from "node:assert/strict";
import fs, { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isTalosError, type KeyId, nodeCrypto, type SecretBytes, toHex, utf8 } from "@talos/core";
import { hasCode } from "@talos/testkit";
import { otherwise, record, refuses } from "../disk-fixture.test.ts";
import { sealKeyFile } from "./key-file.ts";
import { KeyFolder, listQuarantine } from "./key-folder.ts";
import type { Placement } from "./placement.ts";
import { Sealer } from "../sealer.ts";
import type { NewKeyKind } from "../types.ts";
import { agent, makeFile, makeVault, NOW, prekeyEntry, stagePrekey, temporaryFolder } from "../vault-fixture.test.ts";

const crypto = nodeCrypto;
const A = "000000000000000a" as KeyId;
const B = "000000000000000b" as KeyId;
const NOTHING: Placement = { locations: new Map(), moves: [], clear: [], replaces: new Set(), quarantine: [], findings: [] };

interface Bench extends Disposable {
  readonly dataDir: string;
  readonly sealer: Sealer;
  readonly folder: KeyFolder;
  path(name: string): string;
  /** Every file, with `/` after folders. */
  names(): string[];
}

function bench(): Bench {
  const folder = temporaryFolder();
  const { dataDir } = folder;
  mkdirSync(join(dataDir, "prekeys"), { recursive: true, mode: 0o700 });
  const sealer = new Sealer(crypto.randomSecret(32), agent(), 1, crypto);
  return {
    dataDir,
    sealer,
    folder: new KeyFolder(dataDir, crypto, sealer),
    path: (name) => join(dataDir, name),
    names: () => readdirSync(dataDir, { recursive: true, encoding: "utf8" }).sort(),
    [Symbol.dispose]: () => {
      sealer[Symbol.dispose]();
      folder[Symbol.dispose]();
    },
  };
}

function stage(folder: KeyFolder, kind: NewKeyKind, keyId: KeyId): SecretBytes {
  const secret = crypto.randomSecret(32);
  folder.stage(kind, keyId, secret);
  return secret;
}

test("failure 32: of a new prekey its file, then its name is durable, then the commit, then its place; what ended is cleared last", async () => {
  using folder = temporaryFolder();
  const { vault, keys } = await makeVault(folder.dataDir, { oneTimePrekeys: 1 });
  using closing = vault;
  const prekeys = join(folder.dataDir, "prekeys");
  const ended = keys.oneTime[0] ?? assert.fail();
  let fresh: KeyId | undefined;
  const calls = record(() => {
    fresh = stagePrekey(closing.files, "one-time-prekey");
    const entry = prekeyEntry("one-time-prekey", fresh);
    closing.transaction((tx) => [tx.inventory.put(entry), tx.inventory.setState(ended, "ended", NOW)]);
  });
  const final = join(prekeys, `otpk_${fresh}.enc`);
  const staged = `${final}.${fresh}.1.new`;
  const metadata = join(folder.dataDir, "metadata.json");
  assert.deepEqual(
    calls.filter((call) => !/^(?:open|close|write) /.test(call)),
    [
      `sync ${staged}`,
      `sync ${prekeys}`,
      "commit",
      `rename ${staged} ${final}`,
      `unlink ${join(prekeys, `otpk_${ended}.enc`)}`,
      `sync ${prekeys}`,
      `unlink ${metadata}.new`,
      `sync ${metadata}.new`,
      `rename ${metadata}.new ${metadata}`,
      `sync ${folder.dataDir}`,
    ],
  );
});

test("failure 32: of a new vault key every file and name is durable before the commit; where one cannot be, all are gone again", async () => {
  using folder = temporaryFolder();
  const { vault } = await makeVault(folder.dataDir);
  using closing = vault;
  const prekeys = join(folder.dataDir, "prekeys");
  const { fsyncSync } = fs;
  let left = 3;
  const fsyncThrice = (file: number): void => {
    if (left-- === 0) throw Object.assign(new Error("full"), { code: "ENOSPC" });
    fsyncSync(file);
  };
  assert.throws(() => otherwise({ fsyncSync: fsyncThrice }, () => closing.replaceVaultKey(NOW)), hasCode("STORAGE_FAILED"));
  const staged = (): string[] => [...readdirSync(folder.dataDir), ...readdirSync(prekeys)].filter((name) => name.endsWith(".new"));
  assert.deepEqual(staged(), []);

  const calls = record(() => closing.replaceVaultKey(NOW));
  const lastStaged = calls.findLastIndex((call) => /^close .*\.2\.new$/.test(call));
  const between = calls.slice(lastStaged, calls.indexOf("commit", lastStaged));
  for (const path of [folder.dataDir, prekeys]) assert.ok(between.includes(`sync ${path}`), path);
  assert.deepEqual(staged(), []);
});

test("failure 32: a folder is synced once for all that was staged in it", () => {
  using here = bench();
  for (const [kind, keyId] of [
    ["one-time-prekey", A],
    ["one-time-prekey", B],
    ["identity", A],
  ] as const) {
    stage(here.folder, kind, keyId).dispose();
  }
  const synced = (): string[] => record(() => here.folder.syncStaged()).filter((call) => call.startsWith("sync "));
  assert.deepEqual(new Set(synced()), new Set([`sync ${here.dataDir}`, `sync ${here.path("prekeys")}`]));
  assert.deepEqual(synced(), []);
});

test("each new key is staged for the place that it is to get, and loads from there", () => {
  for (const [kind, name] of [
    ["identity", `identity.key.enc.${A}.1.new`],
    ["next-identity", `identity.next.key.enc.${A}.1.new`],
    ["encryption", `encryption.key.enc.${A}.1.new`],
    ["signed-prekey", `prekeys/signed_prekey.enc.${A}.1.new`],
    ["one-time-prekey", `prekeys/otpk_${A}.enc.${A}.1.new`],
  ] as const) {
    using here = bench();
    using secret = stage(here.folder, kind, A);
    assert.deepEqual(here.names(), ["prekeys", name].sort());
    using loaded = here.folder.load(kind === "next-identity" ? "identity" : kind, A);
    assert.ok(loaded.equals(secret));
  }
});

test("before there is a vault key, keys are held in memory, and staged once there is one", () => {
  using here = bench();
  const folder = new KeyFolder(here.dataDir, crypto);
  using first = stage(folder, "identity", A);
  using second = stage(folder, "one-time-prekey", B);
  assert.deepEqual(here.names(), ["prekeys"]);
  using held = folder.load("identity", A);
  assert.ok(held.equals(first));
  held.dispose();
  folder.sealHeld(here.sealer);
  assert.deepEqual(here.names(), [`identity.key.enc.${A}.1.new`, "prekeys", `prekeys/otpk_${B}.enc.${B}.1.new`]);
  using loaded = folder.load("one-time-prekey", B);
  assert.ok(loaded.equals(second));
  folder.dropUncommitted();
  assert.deepEqual(here.names(), ["prekeys"]);
});

test("what is held is forgotten where nothing came of it", () => {
  using here = bench();
  const folder = new KeyFolder(here.dataDir, crypto);
  stage(folder, "identity", A).dispose();
  folder.dropUncommitted();
  assert.throws(() => folder.load("identity", A), hasCode("KEY_FILE_MISSING"));
  folder.sealHeld(here.sealer);
  assert.deepEqual(here.names(), ["prekeys"]);
});

test("a key that cannot be loaded is named with its file, where it has one", () => {
  using here = bench();
  const { folder } = here;
  const details = (error: unknown, code: "KEY_FILE_MISSING" | "KEY_FILE_CORRUPT"): unknown => {
    assert.ok(isTalosError(error, code));
    return error.details;
  };
  const load = (): void => folder.load("identity", A).dispose();
  assert.throws(load, (error) => {
    assert.deepEqual(details(error, "KEY_FILE_MISSING"), { kind: "identity", keyId: A });
    return true;
  });
  stage(folder, "identity", A).dispose();
  const name = `identity.key.enc.${A}.1.new`;
  writeFileSync(here.path(name), "nonsense");
  assert.throws(load, (error) => {
    assert.deepEqual(details(error, "KEY_FILE_CORRUPT"), { reason: "truncated", file: name, kind: "identity", keyId: A });
    return true;
  });
  rmSync(here.path(name));
  assert.throws(load, (error) => {
    assert.deepEqual(details(error, "KEY_FILE_MISSING"), { kind: "identity", keyId: A, file: name });
    return true;
  });
  mkdirSync(here.path(name));
  assert.throws(load, hasCode("STORAGE_FAILED"));
  const withoutKey = new KeyFolder(here.dataDir, crypto);
  makeFile(here.path("identity.key.enc"), "some file");
  withoutKey.adopt({ ...NOTHING, locations: new Map([[A, "identity.key.enc"]]) });
  assert.throws(() => withoutKey.load("identity", A), hasCode("PASSWORD_REQUIRED"));
});

test("the folder is listed with what each key file says of itself; one-time and staged ones go by name alone", () => {
  using here = bench();
  using secret = crypto.randomSecret(32);
  writeFileSync(here.path("identity.key.enc"), sealKeyFile("identity", A, secret, here.sealer));
  writeFileSync(here.path("prekeys/signed_prekey.enc"), sealKeyFile("signed-prekey", B, secret, here.sealer));
  for (const name of ["encryption.key.enc", `encryption.key.enc.${A}.1.new`, `prekeys/otpk_${A}.enc`, "metadata.json", "prekeys/other"]) {
    makeFile(here.path(name), "nonsense");
  }
  const expected = [
    { name: "encryption.key.enc", header: "unreadable" },
    { name: `encryption.key.enc.${A}.1.new`, header: "not-read" },
    { name: "identity.key.enc", header: { kind: "identity", keyId: A, vaultKeyNumber: 1 } },
    { name: `prekeys/otpk_${A}.enc`, header: "not-read" },
    { name: "prekeys/signed_prekey.enc", header: { kind: "signed-prekey", keyId: B, vaultKeyNumber: 1 } },
  ];
  assert.deepEqual(here.folder.list(), expected);

  assert.throws(() => otherwise({ readSync: refuses("EIO") }, () => here.folder.list()), hasCode("STORAGE_FAILED"));
  const newer = sealKeyFile("identity", A, secret, here.sealer);
  newer[8] = 2;
  writeFileSync(here.path("identity.key.enc"), newer);
  assert.throws(() => here.folder.list(), hasCode("UNSUPPORTED_VERSION"));
});

test("moves that make room for each other are made in that order, a ring of them in none", () => {
  using here = bench();
  for (const name of ["identity.key.enc", "identity.next.key.enc", `identity.next.key.enc.${B}.1.new`]) makeFile(here.path(name), name);
  const moves = [
    { keyId: B, from: `identity.next.key.enc.${B}.1.new`, to: "identity.next.key.enc" },
    { keyId: A, from: "identity.next.key.enc", to: "identity.key.enc" },
  ];
  here.folder.apply({ ...NOTHING, locations: new Map([[A, "identity.next.key.enc"]]), moves, clear: ["identity.key.enc"] });
  assert.deepEqual(here.names(), ["identity.key.enc", "identity.next.key.enc", "prekeys"]);
  assert.equal(readFileSync(here.path("identity.key.enc"), "utf8"), "identity.next.key.enc");
  assert.equal(readFileSync(here.path("identity.next.key.enc"), "utf8"), `identity.next.key.enc.${B}.1.new`);

  const ring = [
    { keyId: A, from: "identity.key.enc", to: "identity.next.key.enc" },
    { keyId: B, from: "identity.next.key.enc", to: "identity.key.enc" },
  ];
  here.folder.apply({ ...NOTHING, moves: ring });
  assert.equal(readFileSync(here.path("identity.key.enc"), "utf8"), "identity.next.key.enc");
});

test("failure 32: a move into a name that another move vacated comes after that one is durable: a loss of power keeps no later rename alone", () => {
  using here = bench();
  const staged = `identity.next.key.enc.${B}.1.new`;
  for (const name of ["identity.next.key.enc", staged, `prekeys/otpk_${A}.enc.${A}.1.new`]) makeFile(here.path(name), name);
  const moves = [
    { keyId: A, from: "identity.next.key.enc", to: "identity.key.enc" },
    { keyId: B, from: staged, to: "identity.next.key.enc" },
    { keyId: A, from: `prekeys/otpk_${A}.enc.${A}.1.new`, to: `prekeys/otpk_${A}.enc` },
  ];
  const calls = record(() => here.folder.apply({ ...NOTHING, moves }));
  assert.deepEqual(
    calls.filter((call) => /^(?:sync|rename) /.test(call)).map((call) => call.split(" ")[0]),
    ["rename", "sync", "rename", "rename", "sync", "sync"],
  );
});

test("failure 32: whatever was renamed or removed, its folder is synced after it", () => {
  using here = bench();
  const names = ["identity.next.key.enc", "encryption.key.enc", `prekeys/otpk_${A}.enc`];
  for (const name of names) makeFile(here.path(name), name);
  const calls = record(() =>
    here.folder.apply({
      ...NOTHING,
      moves: [{ keyId: A, from: "identity.next.key.enc", to: "identity.key.enc" }],
      clear: [`prekeys/otpk_${A}.enc`],
    }),
  );
  const last = (what: string): number => calls.findLastIndex((call) => call.startsWith(what));
  assert.ok(last(`sync ${here.dataDir}`) > last("rename "));
  assert.ok(calls.lastIndexOf(`sync ${here.path("prekeys")}`) > last("unlink "));
  const untouched = record(() => here.folder.apply(NOTHING));
  assert.deepEqual(untouched, []);
});

test("what is put aside keeps its content under its name and digest, so that two never meet", () => {
  using here = bench();
  const name = `prekeys/otpk_${A}.enc`;
  for (const content of ["first", "second"]) {
    makeFile(here.path(name), content);
    const digest = toHex(crypto.sha256(utf8(content)).slice(0, 8));
    const aside = `quarantine/prekeys_otpk_${A}.enc.${digest}`;
    const place = here.folder.asideOf(name);
    assert.deepEqual(place, { aside, sha256: toHex(crypto.sha256(utf8(content))) });
    const calls = record(() => here.folder.putAside([{ name, ...place }]));
    const moved = calls.indexOf(`rename ${here.path(name)} ${here.path(aside)}`);
    const [arrived, left] = [here.path("quarantine"), here.path("prekeys")].map((folder) => calls.lastIndexOf(`sync ${folder}`));
    assert.ok(moved >= 0 && moved < (arrived ?? -1) && (arrived ?? -1) < (left ?? -1), calls.join("\n"));
    assert.equal(readFileSync(here.path(aside), "utf8"), content);
    assert.equal(existsSync(here.path(name)), false);
  }
  assert.deepEqual(
    listQuarantine(here.dataDir).map(({ code, file }) => [code, file]),
    readdirSync(here.path("quarantine")).map((file) => ["QUARANTINED", `quarantine/${file}`]),
  );
  assert.equal(listQuarantine(here.dataDir).length, 2);
});

test("what is staged and not committed yet is no leftover of a crash, until it is dropped", () => {
  using here = bench();
  const { folder } = here;
  stage(folder, "one-time-prekey", A).dispose();
  stage(folder, "one-time-prekey", B).dispose();
  const [stagedA, stagedB] = [A, B].map((keyId) => `prekeys/otpk_${keyId}.enc.${keyId}.1.new`) as [string, string];
  folder.apply({ ...NOTHING, locations: new Map([[A, stagedA]]), clear: [stagedB] });
  for (const keyId of [A, B]) folder.load("one-time-prekey", keyId).dispose();
  folder.dropUncommitted();
  assert.deepEqual(here.names(), ["prekeys", stagedA]);
  assert.throws(() => folder.load("one-time-prekey", B), hasCode("KEY_FILE_MISSING"));
  folder.dropUncommitted();
  folder.apply({ ...NOTHING, clear: [stagedA] });
  assert.deepEqual(here.names(), ["prekeys"]);
});
