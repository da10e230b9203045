import assert from "node:assert/strict";
import { test } from "node:test";
import { isTalosError, revealSecret, toHex, utf8, type Crypto } from "@talos/core";

import { scriptedCrypto } from "./scripted-crypto.ts";

const isInternal = (error: unknown): boolean => isTalosError(error, "INTERNAL");

/** A little of everything that is random, as one text. */
function story(crypto: Crypto): string {
  const kem = crypto.generateKemKey();
  const { ciphertext, sharedSecret } = crypto.encapsulate(kem.publicKey);
  return [
    crypto.randomBytes(5),
    crypto.randomBytes(100),
    revealSecret(crypto.randomSecret(32)),
    crypto.generateSigningKey().publicKey,
    crypto.generateAgreementKey().publicKey,
    kem.publicKey,
    ciphertext,
    revealSecret(sharedSecret),
  ]
    .map(toHex)
    .join("\n");
}

test("one seed and one record of encapsulations give one story", () => {
  const first = scriptedCrypto({ seed: utf8("vectors") });
  const told = story(first);
  const again = scriptedCrypto({ seed: utf8("vectors"), encapsulations: first.encapsulations, replayOnly: true });
  assert.equal(story(again), told);
  assert.deepEqual(again.encapsulations, first.encapsulations);
});

test("another seed gives another story", () => {
  assert.notEqual(story(scriptedCrypto({ seed: utf8("a") })), story(scriptedCrypto({ seed: utf8("b") })));
});

test("randomness is SHA-256(seed || u64 counter), a fresh block for every call", () => {
  const crypto = scriptedCrypto({ seed: utf8("seed") });
  const block = (counter: number): Uint8Array => crypto.sha256(utf8("seed"), Uint8Array.of(0, 0, 0, 0, 0, 0, 0, counter));
  assert.deepEqual(crypto.randomBytes(33), Uint8Array.of(...block(0), block(1)[0] as number));
  assert.deepEqual(crypto.randomBytes(32), block(2));
});

test("a replayed encapsulation opens with the key that it was made for, as often as asked", () => {
  const first = scriptedCrypto({ seed: utf8("s") });
  const kem = first.generateKemKey();
  first.encapsulate(kem.publicKey);
  const again = scriptedCrypto({ seed: utf8("s"), encapsulations: first.encapsulations });
  const { ciphertext, sharedSecret } = again.encapsulate(kem.publicKey);
  assert.ok(kem.decapsulate(ciphertext).equals(sharedSecret));
  sharedSecret.dispose();
  assert.notEqual(toHex(again.encapsulations[0]?.sharedSecret ?? new Uint8Array(0)), "00".repeat(32));
});

test("a record that does not fit the run is refused", () => {
  const first = scriptedCrypto({ seed: utf8("s") });
  first.encapsulate(first.generateKemKey().publicKey);
  const again = scriptedCrypto({ seed: utf8("other"), encapsulations: first.encapsulations, replayOnly: true });
  const stranger = again.generateKemKey().publicKey;
  assert.throws(() => again.encapsulate(stranger), isInternal);
  const empty = scriptedCrypto({ seed: utf8("other"), replayOnly: true });
  assert.throws(() => empty.encapsulate(stranger), isInternal);
});
