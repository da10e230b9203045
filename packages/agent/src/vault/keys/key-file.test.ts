import assert from "node:assert/strict";
import { test } from "node:test";
import { concatBytes, isTalosError, type KeyId, nodeCrypto, SecretBytes, toHex, utf8 } from "@talos/core";
import { KEY_FILE_HEADER_BYTES, openKeyFile, readKeyFileHeader, sealKeyFile } from "./key-file.ts";
import { Sealer } from "../sealer.ts";
import { agent } from "../vault-fixture.test.ts";

const crypto = nodeCrypto;
const ID = "0123456789abcdef" as KeyId;

function sealed(secretBytes: number, vaultKeyNumber = 1): { file: Uint8Array; sealer: Sealer } {
  const sealer = new Sealer(crypto.randomSecret(32), agent(), vaultKeyNumber, crypto);
  using secret = SecretBytes.from(new Uint8Array(secretBytes).fill(1));
  return { file: sealKeyFile("identity", ID, secret, sealer), sealer };
}

test("the clear header is the specification's, and the size that of the private part and 66 bytes", () => {
  for (const [kind, code] of [
    ["identity", 1],
    ["encryption", 2],
    ["signed-prekey", 3],
    ["one-time-prekey", 4],
  ] as const) {
    using sealer = new Sealer(crypto.randomSecret(32), agent(), 258, crypto);
    using secret = crypto.randomSecret(96);
    const file = sealKeyFile(kind, ID, secret, sealer);
    const header = concatBytes(utf8("TALOSKEY"), Uint8Array.of(1, code), Buffer.from(ID, "hex"), Uint8Array.of(0, 0, 1, 2));
    assert.equal(toHex(file.slice(0, KEY_FILE_HEADER_BYTES)), toHex(header));
    assert.equal(file.length, 66 + 96);
    assert.deepEqual(readKeyFileHeader(file), { kind, keyId: ID, vaultKeyNumber: 258 });
  }
});

test("every refusal says its reason", () => {
  const { file, sealer } = sealed(32);
  using closing = sealer;
  const changed = (at: number, value: number): Uint8Array => {
    const copy = file.slice();
    copy[at] = value;
    return copy;
  };
  for (const [content, reason] of [
    [new Uint8Array(0), "truncated"],
    [file.slice(0, KEY_FILE_HEADER_BYTES - 1), "truncated"],
    [file.slice(0, KEY_FILE_HEADER_BYTES), "truncated"],
    [file.slice(0, 65), "truncated"],
    [changed(0, 0x74), "not a key file"],
    [changed(0, 0xff), "not a key file"],
    [changed(9, 0), "unknown kind"],
    [changed(9, 5), "unknown kind"],
    [file.slice(0, -1), "does not open"],
  ] as const) {
    assert.throws(
      () => openKeyFile(content, "identity", ID, closing),
      (error) => isTalosError(error, "KEY_FILE_CORRUPT") && error.details["reason"] === reason,
    );
  }
  assert.throws(
    () => openKeyFile(changed(file.length - 1, (file.at(-1) ?? 0) ^ 1), "identity", ID, closing),
    (error) => isTalosError(error, "KEY_FILE_CORRUPT") && isTalosError(error.cause, "DECRYPTION_FAILED"),
  );
  using newer = sealed(32, 2).sealer;
  assert.throws(
    () => openKeyFile(file, "identity", ID, newer),
    (error) => isTalosError(error, "KEY_FILE_SWAPPED") && error.details["reason"] === "an earlier vault key",
  );
});

test("another key's file says so, and one under another vault key whether that is an earlier or a later one", () => {
  const reasonOf = (action: () => unknown): unknown => {
    let reason: unknown;
    assert.throws(action, (error) => {
      assert.ok(isTalosError(error, "KEY_FILE_SWAPPED"));
      ({ reason } = error.details);
      return true;
    });
    return reason;
  };
  const { file, sealer } = sealed(32, 2);
  using own = sealer;
  using earlier = sealed(32, 1).sealer;
  using later = sealed(32, 3).sealer;
  assert.equal(
    reasonOf(() => openKeyFile(file, "encryption", ID, own)),
    "another key",
  );
  assert.equal(
    reasonOf(() => openKeyFile(file, "identity", ID, later)),
    "an earlier vault key",
  );
  assert.equal(
    reasonOf(() => openKeyFile(file, "identity", ID, earlier)),
    "a later vault key",
  );
});

test("a private part of no bytes is still whole", () => {
  const { file, sealer } = sealed(0);
  using closing = sealer;
  using opened = openKeyFile(file, "identity", ID, closing);
  assert.equal(opened.length, 0);
});
