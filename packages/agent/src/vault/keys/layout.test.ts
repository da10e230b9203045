import assert from "node:assert/strict";
import { test } from "node:test";
import type { KeyId } from "@talos/core";
import { finalName, type KeyPlace, parseName, stagedName } from "./layout.ts";

const ID = "0123456789abcdef" as KeyId;

const PLACES: readonly (readonly [KeyPlace, string])[] = [
  [{ kind: "identity", role: "current", state: "live", keyId: ID }, "identity.key.enc"],
  [{ kind: "identity", role: "next", state: "live", keyId: ID }, "identity.next.key.enc"],
  [{ kind: "identity", role: "next", state: "staged", keyId: ID }, "identity.next.key.enc"],
  [{ kind: "identity", role: "current", state: "retired", keyId: ID }, `identity.${ID}.key.enc`],
  [{ kind: "encryption", state: "live", keyId: ID }, "encryption.key.enc"],
  [{ kind: "encryption", state: "retired", keyId: ID }, `encryption.${ID}.key.enc`],
  [{ kind: "signed-prekey", state: "live", keyId: ID }, "prekeys/signed_prekey.enc"],
  [{ kind: "signed-prekey", state: "retired", keyId: ID }, `prekeys/signed_prekey.${ID}.enc`],
  [{ kind: "one-time-prekey", state: "live", keyId: ID }, `prekeys/otpk_${ID}.enc`],
];

test("every key has the name of the design, and a staged name that says what it will be", () => {
  for (const [place, name] of PLACES) {
    assert.equal(finalName(place), name);
    for (const number of [7, 12, 999_999_999]) {
      assert.equal(stagedName(place, number), `${name}.${ID}.${number}.new`);
      const meaning = { type: "staged", kind: place.kind, keyId: ID, vaultKeyNumber: number, finalName: name };
      assert.deepEqual(parseName(`${name}.${ID}.${number}.new`), meaning);
    }
    const parsed = parseName(name);
    assert.ok(parsed?.type === "final" && parsed.kind === place.kind);
    assert.equal(parsed.keyId, name.includes(ID) ? ID : undefined);
  }
});

test("other names are no key files", () => {
  for (const name of [
    "metadata.json",
    "metadata.json.new",
    "state.db",
    "lock",
    "identity.key.enc.bak",
    "prekeys/identity.key.enc",
    "otpk_0123456789abcdef.enc",
    "prekeys/otpk_0123456789ABCDEF.enc",
    "prekeys/otpk_0123.enc",
    `something.${ID}.1.new`,
    `identity.key.enc.${ID}.0.new`,
    `identity.key.enc.${ID}.new`,
    `identity.key.enc.${ID}.1000000000.new`,
    `identity.key.enc.${ID}.1.newer`,
    `before\nidentity.key.enc.${ID}.1.new`,
    "identity.a.key.enc",
    "my-encryption.key.enc",
    "encryption.key.enc.old",
    "my-prekeys/signed_prekey.enc",
    "prekeys/signed_prekey.enc.old",
    `my-prekeys/otpk_${ID}.enc`,
    `prekeys/otpk_${ID}.enc.old`,
  ]) {
    assert.equal(parseName(name), undefined, name);
  }
});
