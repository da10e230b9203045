import assert from "node:assert/strict";
import { test } from "node:test";
import { type Crypto, isTalosError, nodeCrypto, SecretBytes } from "@talos/core";
import { checkKdfParameters, DEFAULT_KDF } from "./kdf-bounds.ts";
import { decodeSlot, encodeSlot, makePasswordSlot, openPasswordSlot, unlock } from "./unlock-slots.ts";
import { agent, FLOOR_KDF, NOW, password } from "./vault-fixture.test.ts";

const crypto = nodeCrypto;

/** Fails the test when anything is derived from a password. */
const NO_DERIVATION: Crypto = { ...crypto, argon2id: () => assert.fail("derived") };
/** Fails the test when anything is decrypted. */
const NO_DECRYPTION: Crypto = { ...crypto, aeadOpen: () => assert.fail("decrypted") };

function slot(vaultKey: SecretBytes, text?: string): Uint8Array {
  return makePasswordSlot(password(text), vaultKey, 1, agent(), NOW, crypto, FLOOR_KDF);
}

test("a slot opens with its password alone", () => {
  using vaultKey = crypto.randomSecret(32);
  const record = slot(vaultKey);
  const opened = openPasswordSlot(record, password(), agent(), crypto) ?? assert.fail();
  assert.ok(opened.vaultKey.equals(vaultKey));
  assert.equal(opened.vaultKeyNumber, 1);
  assert.equal(openPasswordSlot(record, password("another"), agent(), crypto), undefined);
});

test("a wrong password is WRONG_PASSWORD, a damaged slot is not", () => {
  using vaultKey = crypto.randomSecret(32);
  const record = slot(vaultKey);
  assert.throws(() => unlock([record], password("another"), agent(), crypto), hasCode("WRONG_PASSWORD"));
  for (let at = 0; at < record.length; at += 3) {
    const damaged = record.slice();
    damaged[at] = (damaged[at] ?? 0) ^ 0x10;
    const refused = (error: unknown): boolean => isTalosError(error, "VAULT_CORRUPT") || isTalosError(error, "KDF_PARAMETERS_REFUSED");
    assert.throws(() => unlock([damaged], password(), agent(), NO_DERIVATION), refused, `byte ${at}`);
  }
  assert.throws(() => unlock([], password(), agent(), crypto), hasCode("VAULT_CORRUPT"));
});

test("any of several slots will do", () => {
  using vaultKey = crypto.randomSecret(32);
  const records = [slot(vaultKey, "first"), slot(vaultKey, "second")];
  for (const text of ["first", "second"]) assert.ok(unlock(records, password(text), agent(), crypto).vaultKey.equals(vaultKey));
});

test("a slot of another agent does not open", () => {
  using vaultKey = crypto.randomSecret(32);
  assert.throws(() => unlock([slot(vaultKey)], password(), agent("bob"), crypto), hasCode("WRONG_PASSWORD"));
});

test("failure 35: parameters below the floor or above the ceiling are refused before anything is derived", () => {
  using vaultKey = crypto.randomSecret(32);
  const fields = decodeSlot(slot(vaultKey), crypto);
  for (const kdf of [
    { memoryKiB: 7_167, passes: 5, lanes: 1 },
    { memoryKiB: 19_456, passes: 1, lanes: 1 },
    { memoryKiB: 8, passes: 16, lanes: 1 },
    { memoryKiB: 0, passes: 3, lanes: 1 },
    { memoryKiB: 65_536, passes: 3, lanes: 0 },
    { memoryKiB: 1_048_577, passes: 3, lanes: 1 },
    { memoryKiB: 65_536, passes: 17, lanes: 1 },
    { memoryKiB: 65_536, passes: 3, lanes: 17 },
    { memoryKiB: Number.MAX_SAFE_INTEGER, passes: 3, lanes: 1 },
  ]) {
    const record = encodeSlot({ ...fields, kdf }, crypto);
    assert.throws(() => unlock([record], password(), agent(), NO_DERIVATION), hasCode("KDF_PARAMETERS_REFUSED"));
    assert.throws(() => makePasswordSlot(password(), vaultKey, 1, agent(), NOW, NO_DERIVATION, kdf), hasCode("KDF_PARAMETERS_REFUSED"));
  }
  checkKdfParameters(DEFAULT_KDF);
  checkKdfParameters(FLOOR_KDF);
});

test("failure 35: parameters that were changed within the bounds do not open", () => {
  using vaultKey = crypto.randomSecret(32);
  const fields = decodeSlot(slot(vaultKey), crypto);
  const record = encodeSlot({ ...fields, kdf: { memoryKiB: 9_216, passes: 4, lanes: 1 } }, crypto);
  assert.throws(() => unlock([record], password(), agent(), NO_DECRYPTION), hasCode("WRONG_PASSWORD"));
});

test("failure 36: what the commitment does not bind to this password is never decrypted", () => {
  using vaultKey = crypto.randomSecret(32);
  const fields = decodeSlot(slot(vaultKey), crypto);
  const commitment = fields.commitment.slice();
  commitment[31] = (commitment[31] ?? 0) ^ 1;
  // The wrapped key would open: only the commitment says that this is not the slot that was made for this password.
  const record = encodeSlot({ ...fields, commitment }, crypto);
  assert.throws(() => unlock([record], password(), agent(), NO_DECRYPTION), hasCode("WRONG_PASSWORD"));
  assert.throws(() => unlock([slot(vaultKey)], password("another"), agent(), NO_DECRYPTION), hasCode("WRONG_PASSWORD"));
});

test("a wrapped key that was exchanged is damage, not a wrong password", () => {
  using vaultKey = crypto.randomSecret(32);
  const fields = decodeSlot(slot(vaultKey), crypto);
  const record = encodeSlot({ ...fields, wrapped: crypto.randomBytes(48) }, crypto);
  assert.throws(() => unlock([record], password(), agent(), crypto), hasCode("VAULT_CORRUPT"));
});

test("empty and overlong passwords make no slot", () => {
  using vaultKey = crypto.randomSecret(32);
  assert.throws(() => slot(vaultKey, ""), hasCode("PASSWORD_REQUIRED"));
  using long = SecretBytes.from(new Uint8Array(4097).fill(97));
  assert.throws(() => makePasswordSlot(long, vaultKey, 1, agent(), NOW, NO_DERIVATION, FLOOR_KDF), hasCode("INVALID_ARGUMENT"));
});

function hasCode(code: Parameters<typeof isTalosError>[1]): (error: unknown) => boolean {
  return (error) => isTalosError(error, code);
}
