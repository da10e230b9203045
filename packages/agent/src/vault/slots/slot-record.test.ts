import assert from "node:assert/strict";
import { createDecipheriv, createHash, hkdfSync } from "node:crypto";
import { test } from "node:test";
import { concatBytes, isTalosError, nodeCrypto, revealSecret, utf8 } from "@talos/core";
import { decode, encode } from "cborg";
import { decodeSlot, UNLOCK_KINDS, type UnlockKind } from "./slot-record.ts";
import { agent, FLOOR_KDF, keyMaterial, NOW, password } from "../vault-fixture.test.ts";
import { makeSlot, type UnlockWith } from "./unlock-slots.ts";

const crypto = nodeCrypto;
const VAULT_KEY_NUMBER = 258;

function made(kind: UnlockKind): { record: Uint8Array; vaultKey: Uint8Array; secret: UnlockWith } {
  using vaultKey = crypto.randomSecret(32);
  const secret = kind === "password" ? password("Zürich") : keyMaterial(kind);
  const place = { agentId: agent(), vaultKeyNumber: VAULT_KEY_NUMBER };
  const { record, stretched } = makeSlot(secret, vaultKey, place, { label: "rack 7", now: NOW, kdf: FLOOR_KDF }, crypto);
  stretched.dispose();
  return { record, vaultKey: revealSecret(vaultKey).slice(), secret };
}

function fieldsOf(record: Uint8Array): Map<number, unknown> {
  return decode(record, { useMaps: true }) as Map<number, unknown>;
}

function bytesIn(fields: Map<number, unknown>, key: number): Uint8Array {
  const value = fields.get(key);
  assert.ok(value instanceof Uint8Array);
  return value;
}

const uint32 = (...values: readonly number[]): Uint8Array =>
  concatBytes(...values.map((value) => Uint8Array.of(0, 0, value >> 8, value & 255)));

for (const [i, kind] of UNLOCK_KINDS.entries()) {
  test(`the slot of a ${kind} opens by the specification alone, and its commitment and checksum are the specification's`, () => {
    const { record, vaultKey, secret } = made(kind);
    const fields = fieldsOf(record);
    const kdf = kind === "password" ? [FLOOR_KDF.memoryKiB, FLOOR_KDF.passes, FLOOR_KDF.lanes] : [0, 0, 0];
    const stored = kind === "password" ? kdf : [undefined, undefined, undefined];
    assert.deepEqual(
      [0, 1, 2, 3, 4, 5, 7, 8, 12].map((key) => fields.get(key)),
      [1, 1, i + 1, ...stored, VAULT_KEY_NUMBER, NOW, "rack 7"],
    );
    const [salt, commitment, nonce, wrapped, checksum] = [6, 9, 10, 11, 13].map((key) => bytesIn(fields, key)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    const derive = (key: Uint8Array, info: Uint8Array, hkdfSalt: Uint8Array = new Uint8Array(0)): Uint8Array =>
      new Uint8Array(hkdfSync("sha256", key, hkdfSalt, info, 32));
    const stretched =
      kind === "password"
        ? revealSecret(crypto.argon2id(secret.secret, salt, { ...FLOOR_KDF, length: 32 }))
        : derive(revealSecret(secret.secret), utf8("talos/v1/vault/slot-material\0"), salt);
    const bound = concatBytes(agent(), uint32(i + 1, ...kdf, VAULT_KEY_NUMBER), salt);
    const committing = derive(stretched, utf8("talos/v1/vault/slot-commitment\0"));
    const sha256 = (...parts: Uint8Array[]): Uint8Array =>
      new Uint8Array(
        createHash("sha256")
          .update(concatBytes(...parts))
          .digest(),
      );
    assert.deepEqual(commitment, sha256(utf8("talos/v1/vault/slot-commitment\0"), bound, committing));

    const cipher = createDecipheriv("aes-256-gcm", derive(stretched, concatBytes(utf8("talos/v1/vault/slot-key\0"), bound)), nonce);
    cipher.setAAD(concatBytes(utf8("talos/v1/vault/slot-wrap\0"), bound));
    cipher.setAuthTag(wrapped.subarray(-16));
    assert.deepEqual(new Uint8Array(Buffer.concat([cipher.update(wrapped.subarray(0, -16)), cipher.final()])), vaultKey);

    fields.delete(13);
    assert.deepEqual(checksum, sha256(encode(fields)).slice(0, 8));
  });
}

test("a record with a field too many, too few, or of another length is damaged", () => {
  const { record } = made("password");
  for (const [key, value] of [
    [2, 0],
    [2, 4],
    [6, new Uint8Array(15)],
    [7, 0],
    [7, 2 ** 32],
    [9, new Uint8Array(31)],
    [10, new Uint8Array(13)],
    [11, new Uint8Array(47)],
    [12, "x".repeat(65)],
    [13, new Uint8Array(7)],
    [14, 1],
    ...[2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13].map((absent) => [absent, undefined] as const),
  ] as const) {
    const fields = fieldsOf(record);
    if (value === undefined) fields.delete(key);
    else fields.set(key, value);
    assert.throws(
      () => decodeSlot(encode(fields), crypto),
      (error) =>
        isTalosError(error, "VAULT_CORRUPT") &&
        isTalosError(error.cause, "MALFORMED") &&
        error.cause.details["structure"] === "unlock slot",
      `${key}`,
    );
  }
  const unlike = fieldsOf(record).set(13, new Uint8Array(8));
  assert.throws(
    () => decodeSlot(encode(unlike), crypto),
    (error) => isTalosError(error, "VAULT_CORRUPT") && error.cause === undefined,
  );
  assert.throws(
    () => decodeSlot(record.slice(1), crypto),
    (error) => isTalosError(error, "VAULT_CORRUPT") && isTalosError(error.cause),
  );
});
