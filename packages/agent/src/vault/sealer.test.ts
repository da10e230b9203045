import assert from "node:assert/strict";
import { test } from "node:test";
import { isTalosError, nodeCrypto, toHex, utf8 } from "@talos/core";
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
