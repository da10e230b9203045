import assert from "node:assert/strict";
import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { type Crypto, nodeCrypto } from "@talos/core";
import { hasCode } from "@talos/testkit";
import { checkNewKitPath, makeKit, type NewKit, openKit } from "./kit-file.ts";
import { FACTS, FLOOR, folder, secret, someAgent } from "./kit-fixture.test.ts";

const crypto = nodeCrypto;

function newKit(path: string, changes: Partial<NewKit> = {}): NewKit {
  return { ...FACTS, path, seed: crypto.randomSecret(32), password: secret(), kdf: FLOOR, crypto, ...changes };
}

test("a kit is written for its owner alone, and opens", () => {
  using place = folder();
  const kit = newKit(place.path("kit.txt"));
  makeKit(kit);
  assert.equal(statSync(kit.path).mode & 0o777, 0o600);
  using opened = openKit(kit.path, secret(), crypto, FACTS.agentId);
  assert.ok(opened.seed.equals(kit.seed));
  using fromBytes = openKit(new Uint8Array(readFileSync(kit.path)), secret(), crypto);
  assert.ok(fromBytes.seed.equals(kit.seed));
  assert.throws(() => openKit(kit.path, secret("another"), crypto), hasCode("RECOVERY_KIT_WRONG_PASSWORD"));
  assert.throws(() => openKit(kit.path, secret(), crypto, someAgent("bob")), hasCode("RECOVERY_KIT_FOREIGN"));
});

test("nothing is ever overwritten, also no link that leads nowhere", () => {
  using place = folder();
  writeFileSync(place.path("there"), "mine");
  symlinkSync(place.path("absent"), place.path("link"));
  mkdirSync(place.path("folder"));
  for (const name of ["there", "link", "folder"]) {
    assert.throws(() => makeKit(newKit(place.path(name))), hasCode("RECOVERY_KIT_EXISTS"), name);
  }
  assert.equal(readFileSync(place.path("there"), "utf8"), "mine");
  // Somebody else was faster: it came into being while the password was stretched.
  const late: Crypto = {
    ...crypto,
    argon2id: (...args) => {
      writeFileSync(place.path("raced"), "theirs");
      return crypto.argon2id(...args);
    },
  };
  assert.throws(() => makeKit(newKit(place.path("raced"), { crypto: late })), hasCode("RECOVERY_KIT_EXISTS"));
  assert.equal(readFileSync(place.path("raced"), "utf8"), "theirs");
});

test("a kit that does not open as it lies there is no kit, and is not left behind", () => {
  using place = folder();
  const path = place.path("kit.txt");
  let runs = 0;
  const deaf: Crypto = {
    ...crypto,
    argon2id: (password, salt, parameters) => crypto.argon2id(runs++ === 0 ? password : secret("misread"), salt, parameters),
  };
  assert.throws(() => makeKit(newKit(path, { crypto: deaf })), hasCode("STORAGE_FAILED"));
  assert.equal(statSync(path, { throwIfNoEntry: false }), undefined);
});

test("a folder that is not there is said, not made: it may be a medium that is not attached", () => {
  using place = folder();
  assert.throws(() => makeKit(newKit(place.path("absent/kit.txt"))), hasCode("FILE_NOT_FOUND"));
  assert.equal(statSync(place.path("absent"), { throwIfNoEntry: false }), undefined);
});

test("a kit does not go into the data directory", () => {
  using place = folder();
  mkdirSync(place.path("data"));
  mkdirSync(place.path("data/deep"));
  mkdirSync(place.path("data..kits"));
  for (const path of ["data/kit.txt", "data/deep/kit.txt"]) {
    assert.throws(() => checkNewKitPath(place.path(path), place.path("data")), hasCode("INVALID_ARGUMENT"));
  }
  for (const path of ["kit.txt", "data..kits/kit.txt"]) checkNewKitPath(place.path(path), place.path("data"));
});

test("what is no kit is named", () => {
  using place = folder();
  writeFileSync(place.path("large"), new Uint8Array(20_000));
  writeFileSync(place.path("other"), "hello\n");
  mkdirSync(place.path("folder"));
  for (const name of ["large", "other", "folder"]) {
    assert.throws(() => openKit(place.path(name), secret(), crypto), hasCode("RECOVERY_KIT_DAMAGED"), name);
  }
  assert.throws(() => openKit(place.path("absent"), secret(), crypto), hasCode("FILE_NOT_FOUND"));
});
