import assert from "node:assert/strict";
import { createDecipheriv, hkdfSync } from "node:crypto";
import { test } from "node:test";
import { concatBytes, type Crypto, isTalosError, nodeCrypto, SecretBytes, toHex, utf8 } from "@talos/core";
import { ROW_OVERHEAD_BYTES, Sealer } from "./sealer.ts";
import { agent } from "./vault-fixture.test.ts";

const crypto = nodeCrypto;
const ROW = utf8("row");
const TEXT = utf8("what is sealed");

const damaged = (error: unknown): boolean => isTalosError(error, "VAULT_CORRUPT");

test("failure 37: a sealed value opens at its place in its vault alone", () => {
  using vaultKey = crypto.randomSecret(32);
  using sealer = new Sealer(vaultKey.clone(), agent(), 1, crypto);
  const sealed = sealer.sealRow("sessions", ROW, "state", TEXT);
  assert.equal(sealed.length, TEXT.length + ROW_OVERHEAD_BYTES);
  assert.deepEqual(sealer.openRow("sessions", ROW, "state", sealed), TEXT);
  assert.throws(() => sealer.openRow("sessions", utf8("other"), "state", sealed), damaged);
  assert.throws(() => sealer.openRow("outbox", ROW, "state", sealed), damaged);
  assert.throws(() => sealer.openRow("sessions", ROW, "body", sealed), damaged);
  // Neither do table, column and row run into each other.
  assert.throws(() => sealer.openRow("sessions", utf8("erow"), "stat", sealed), damaged);
  using bobs = new Sealer(vaultKey.clone(), agent("bob"), 1, crypto);
  assert.throws(() => bobs.openRow("sessions", ROW, "state", sealed), damaged);
  using rekeyed = new Sealer(vaultKey.clone(), agent(), 2, crypto);
  assert.throws(() => rekeyed.openRow("sessions", ROW, "state", sealed), damaged);
});

test("every change of a byte is noticed", () => {
  using sealer = new Sealer(crypto.randomSecret(32), agent(), 1, crypto);
  const sealed = sealer.sealRow("sessions", ROW, "state", TEXT);
  for (let at = 0; at < sealed.length; at++) {
    const changed = sealed.slice();
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.throws(() => sealer.openRow("sessions", ROW, "state", changed), damaged);
    assert.throws(() => sealer.openRow("sessions", ROW, "state", sealed.subarray(0, at)), damaged);
  }
});

test("rows of any number of earlier openings open, whatever the cache holds", () => {
  using vaultKey = crypto.randomSecret(32);
  const rows = Array.from({ length: 300 }, (_, i) => {
    using sealer = new Sealer(vaultKey.clone(), agent(), 1, crypto);
    return sealer.sealRow("t", Uint8Array.of(i & 255), "c", Uint8Array.of(i & 255, i >> 8));
  });
  using sealer = new Sealer(vaultKey.clone(), agent(), 1, crypto);
  for (const pass of [1, 2]) {
    rows.forEach((sealed, i) => {
      assert.deepEqual(sealer.openRow("t", Uint8Array.of(i & 255), "c", sealed), Uint8Array.of(i & 255, i >> 8), `pass ${pass}`);
    });
  }
});

test("the salt is renewed after its number of seals, and no nonce comes twice", () => {
  using sealer = new Sealer(crypto.randomSecret(32), agent(), 1, crypto, 100);
  const sealed = Array.from({ length: 250 }, () => sealer.sealRow("t", ROW, "c", TEXT));
  const salts = new Set(sealed.map((value) => toHex(value.slice(1, 17))));
  const nonces = new Set(sealed.map((value) => toHex(value.slice(17, 29))));
  assert.equal(salts.size, 3);
  assert.equal(nonces.size, 250);
  for (const value of sealed) assert.deepEqual(sealer.openRow("t", ROW, "c", value), TEXT);
});

test("a disposed sealer seals and opens nothing", () => {
  const vaultKey = crypto.randomSecret(32);
  const sealer = new Sealer(vaultKey, agent(), 1, crypto);
  const sealed = sealer.sealRow("t", ROW, "c", TEXT);
  sealer[Symbol.dispose]();
  assert.ok(vaultKey.isDisposed);
  assert.throws(() => sealer.sealRow("t", ROW, "c", TEXT));
  assert.throws(() => sealer.openRow("t", ROW, "c", sealed));
});

test("a nonce is drawn when it is used, so that a process cloned with its memory does not repeat its copy's", () => {
  const drawn: number[] = [];
  const watched = {
    ...crypto,
    randomBytes: (length: number): Uint8Array => {
      drawn.push(length);
      return crypto.randomBytes(length);
    },
  };
  using sealer = new Sealer(crypto.randomSecret(32), agent(), 1, watched);
  sealer.sealRow("sessions", ROW, "state", TEXT);
  drawn.length = 0;
  for (let i = 0; i < 10; i++) sealer.sealRow("sessions", ROW, "state", TEXT);
  assert.deepEqual(
    drawn,
    Array.from({ length: 10 }, () => 12),
  );
});

/** The format, read by nothing of ours: HKDF-SHA256 and AES-256-GCM of the platform. */
function openBySpecification(
  vaultKey: Uint8Array,
  label: string,
  salt: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
  data: Uint8Array,
): Uint8Array {
  const key = new Uint8Array(hkdfSync("sha256", vaultKey, salt, label, 32));
  const cipher = createDecipheriv("aes-256-gcm", key, nonce);
  cipher.setAAD(data);
  cipher.setAuthTag(sealed.subarray(-16));
  return concatBytes(cipher.update(sealed.subarray(0, -16)), cipher.final());
}

test("what is sealed opens by the specification alone: labels, salt, owner, number, place", () => {
  const vaultKey = new Uint8Array(32).fill(7);
  using sealer = new Sealer(SecretBytes.from(vaultKey.slice()), agent(), 258, crypto);
  const number = Uint8Array.of(0, 0, 1, 2);

  const row = sealer.sealRow("sessions", ROW, "state", TEXT);
  assert.equal(row[0], 1);
  const place = concatBytes(utf8("talos/v1/vault/row\0"), agent(), number, Uint8Array.of(14), utf8("sessions.state"), ROW);
  const [rowSalt, rowNonce, rowSealed] = [row.subarray(1, 17), row.subarray(17, 29), row.subarray(29)];
  assert.deepEqual(openBySpecification(vaultKey, "talos/v1/vault/row-key", rowSalt, rowNonce, rowSealed, place), TEXT);

  const { salt, nonce, ciphertext } = sealer.sealFile(utf8("header"), TEXT);
  assert.deepEqual([salt.length, nonce.length], [16, 12]);
  const context = concatBytes(utf8("talos/v1/vault/file\0"), agent(), number, utf8("header"));
  assert.deepEqual(openBySpecification(vaultKey, "talos/v1/vault/file-key", salt, nonce, ciphertext, context), TEXT);
});

/** The platform's, with every key that was derived, in order. */
function deriving(): { crypto: Crypto; derived: SecretBytes[] } {
  const derived: SecretBytes[] = [];
  const deriveKey = (...args: Parameters<Crypto["deriveKey"]>): SecretBytes => {
    const key = crypto.deriveKey(...args);
    derived.push(key);
    return key;
  };
  return { crypto: { ...crypto, deriveKey }, derived };
}

test("the number of seals under one salt is exact, and the key of the last one is wiped with it", () => {
  const watched = deriving();
  using sealer = new Sealer(crypto.randomSecret(32), agent(), 1, watched.crypto, 2);
  const salts = Array.from({ length: 5 }, () => toHex(sealer.sealRow("t", ROW, "c", TEXT).slice(1, 17)));
  assert.deepEqual(
    salts.map((salt) => salts.indexOf(salt)),
    [0, 0, 2, 2, 4],
  );
  assert.deepEqual(
    watched.derived.map(({ isDisposed }) => isDisposed),
    [true, true, false],
  );
});

test("keys of the latest 256 salts are kept, the least lately used one is wiped, and disposing wipes all", () => {
  using vaultKey = crypto.randomSecret(32);
  const rows = Array.from({ length: 257 }, () => {
    using sealer = new Sealer(vaultKey.clone(), agent(), 1, crypto);
    return sealer.sealRow("t", ROW, "c", TEXT);
  });
  const watched = deriving();
  const sealer = new Sealer(vaultKey.clone(), agent(), 1, watched.crypto);
  const derivationsToOpen = (index: number): number => {
    const before = watched.derived.length;
    sealer.openRow("t", ROW, "c", rows[index] ?? assert.fail());
    return watched.derived.length - before;
  };
  for (let i = 0; i < 256; i++) assert.equal(derivationsToOpen(i), 1);
  assert.equal(derivationsToOpen(0), 0, "kept, and now the latest used");
  assert.ok(watched.derived.every(({ isDisposed }) => !isDisposed));
  assert.equal(derivationsToOpen(256), 1);
  assert.deepEqual(
    watched.derived.flatMap(({ isDisposed }, i) => (isDisposed ? [i] : [])),
    [1],
  );
  assert.equal(derivationsToOpen(0), 0);
  assert.equal(derivationsToOpen(1), 1);
  sealer.sealRow("t", ROW, "c", TEXT);
  sealer.sealFile(ROW, TEXT);
  sealer[Symbol.dispose]();
  assert.ok(watched.derived.every(({ isDisposed }) => isDisposed));
});

test("an empty value is sealed like any other, and a damaged one says where it stood", () => {
  using sealer = new Sealer(crypto.randomSecret(32), agent(), 1, crypto);
  const sealed = sealer.sealRow("outbox", ROW, "body", new Uint8Array(0));
  assert.equal(sealed.length, ROW_OVERHEAD_BYTES);
  assert.deepEqual(sealer.openRow("outbox", ROW, "body", sealed), new Uint8Array(0));
  sealed[20] = (sealed[20] ?? 0) ^ 1;
  assert.throws(
    () => sealer.openRow("outbox", ROW, "body", sealed),
    (error) => {
      assert.ok(isTalosError(error, "VAULT_CORRUPT"));
      assert.deepEqual(error.details, { table: "outbox", column: "body", row: toHex(ROW) });
      assert.ok(isTalosError(error.cause, "DECRYPTION_FAILED"));
      return true;
    },
  );
});
