import assert from "node:assert/strict";
import { test } from "node:test";

import { equalBytes } from "../bytes/bytes.ts";
import { toHex } from "../bytes/hex.ts";
import { utf8 } from "../bytes/utf8.ts";
import type { ErrorCode } from "../errors/codes.ts";
import { isTalosError } from "../errors/talos-error.ts";
import { revealSecret, SecretBytes } from "../secret/secret-bytes.ts";
import { nodeCrypto } from "./node-crypto.ts";
import { openssl } from "./openssl.ts";
import { missingPrimitives, requireRuntime } from "./runtime.ts";

const ALGORITHMS = ["chacha20-poly1305", "aes-256-gcm"] as const;

function code(expected: ErrorCode): (error: unknown) => boolean {
  return (error) => isTalosError(error, expected);
}

function hexOf(secret: SecretBytes): string {
  return toHex(revealSecret(secret));
}

test("randomness has the asked length, memory of its own, and does not repeat", () => {
  assert.equal(nodeCrypto.randomBytes(0).length, 0);
  const bytes = nodeCrypto.randomBytes(32);
  assert.equal(bytes.buffer.byteLength, 32);
  assert.notDeepEqual(bytes, nodeCrypto.randomBytes(32));
  assert.equal(nodeCrypto.randomSecret(16).length, 16);
  assert.ok(!nodeCrypto.randomSecret(32).equals(nodeCrypto.randomSecret(32)));
});

test("keys come back from their exported private parts", () => {
  using signing = nodeCrypto.generateSigningKey();
  assert.deepEqual(nodeCrypto.signingKeyFromSeed(signing.exportSeed()).publicKey, signing.publicKey);
  using agreement = nodeCrypto.generateAgreementKey();
  assert.deepEqual(nodeCrypto.agreementKeyFromPrivate(agreement.exportPrivate()).publicKey, agreement.publicKey);
  using kem = nodeCrypto.generateKemKey();
  assert.deepEqual(nodeCrypto.kemKeyFromSeed(kem.exportSeed()).publicKey, kem.publicKey);
  assert.deepEqual(
    [signing.publicKey.length, agreement.publicKey.length, kem.publicKey.length, kem.exportSeed().length],
    [32, 32, 1184, 64],
  );
});

test("the seed given to a key stays the caller's, untouched", () => {
  const seed = nodeCrypto.randomSecret(32);
  const before = hexOf(seed);
  using key = nodeCrypto.signingKeyFromSeed(seed);
  assert.equal(hexOf(seed), before);
  seed.dispose();
  assert.equal(hexOf(key.exportSeed()), before);
});

test("a disposed key does nothing more; its public key stays readable", () => {
  const keys = [nodeCrypto.generateSigningKey(), nodeCrypto.generateAgreementKey(), nodeCrypto.generateKemKey()] as const;
  for (const key of keys) {
    key[Symbol.dispose]();
    key[Symbol.dispose]();
    assert.ok(key.publicKey.length >= 32);
  }
  const [signing, agreement, kem] = keys;
  const remote = nodeCrypto.generateAgreementKey().publicKey;
  assert.throws(() => signing.sign(utf8("x")), code("SECRET_DISPOSED"));
  assert.throws(() => signing.exportSeed(), code("SECRET_DISPOSED"));
  assert.throws(() => agreement.agree(remote), code("SECRET_DISPOSED"));
  assert.throws(() => agreement.exportPrivate(), code("SECRET_DISPOSED"));
  assert.throws(() => kem.decapsulate(new Uint8Array(1088)), code("SECRET_DISPOSED"));
  assert.throws(() => kem.exportSeed(), code("SECRET_DISPOSED"));
});

test("agreement is the same from both sides, and for keys that alternate", () => {
  const [a, b, c] = [nodeCrypto.generateAgreementKey(), nodeCrypto.generateAgreementKey(), nodeCrypto.generateAgreementKey()];
  for (let i = 0; i < 3; i++) {
    assert.ok(a.agree(b.publicKey).equals(b.agree(a.publicKey)));
    assert.ok(a.agree(c.publicKey).equals(c.agree(a.publicKey)));
    assert.ok(!a.agree(b.publicKey).equals(a.agree(c.publicKey)));
  }
});

test("a remote key changed in place by its owner is another key", () => {
  using a = nodeCrypto.generateAgreementKey();
  const remote = nodeCrypto.generateAgreementKey().publicKey;
  const first = a.agree(remote);
  remote.set(nodeCrypto.generateAgreementKey().publicKey);
  assert.ok(!a.agree(remote).equals(first));
});

test("FIPS 203: both sides of an encapsulation have one secret", () => {
  using key = nodeCrypto.generateKemKey();
  const { ciphertext, sharedSecret } = nodeCrypto.encapsulate(key.publicKey);
  assert.deepEqual([ciphertext.length, sharedSecret.length], [1088, 32]);
  assert.ok(key.decapsulate(ciphertext).equals(sharedSecret));
});

test("FIPS 203, 6.3: a forged ciphertext gives J(z || c), not an error", () => {
  using key = nodeCrypto.generateKemKey();
  const { ciphertext } = nodeCrypto.encapsulate(key.publicKey);
  ciphertext[5] = (ciphertext[5] as number) ^ 1;
  const z = revealSecret(key.exportSeed()).subarray(32);
  const implicit = openssl.createHash("shake256", { outputLength: 32 }).update(z).update(ciphertext).digest("hex");
  assert.equal(hexOf(key.decapsulate(ciphertext)), implicit);
});

test("FIPS 203, 7.2: an encapsulation key with a coefficient that is not reduced is refused", () => {
  const { publicKey } = nodeCrypto.generateKemKey();
  // The first coefficient is the first 12 bits, little endian; q is 3329.
  const withFirst = (coefficient: number): Uint8Array => {
    const changed = new Uint8Array(publicKey);
    changed[0] = coefficient & 0xff;
    changed[1] = ((publicKey[1] as number) & 0xf0) | (coefficient >> 8);
    return changed;
  };
  nodeCrypto.encapsulate(withFirst(3328));
  for (const coefficient of [3329, 3330, 4095]) {
    assert.throws(() => nodeCrypto.encapsulate(withFirst(coefficient)), code("MALFORMED"));
  }
});

test("KEM input of the wrong length is malformed", () => {
  using key = nodeCrypto.generateKemKey();
  for (const length of [0, 1183, 1185]) assert.throws(() => nodeCrypto.encapsulate(new Uint8Array(length)), code("MALFORMED"));
  for (const length of [0, 1087, 1089]) assert.throws(() => key.decapsulate(new Uint8Array(length)), code("MALFORMED"));
});

test("a sealed text opens only whole, with its key, nonce and associated data", () => {
  for (const algorithm of ALGORITHMS) {
    const key = nodeCrypto.randomSecret(32);
    const nonce = nodeCrypto.randomBytes(12);
    const associatedData = utf8("context");
    const sealed = nodeCrypto.aeadSeal(algorithm, key, nonce, utf8("plaintext"), associatedData);
    assert.equal(sealed.length, 9 + 16);
    const opened = nodeCrypto.aeadOpen(algorithm, key, nonce, sealed, associatedData);
    assert.deepEqual(opened, utf8("plaintext"));
    assert.equal(opened.buffer.byteLength, 9);

    const refused = code("DECRYPTION_FAILED");
    for (let i = 0; i < sealed.length; i++) {
      const forged = new Uint8Array(sealed);
      forged[i] = (forged[i] as number) ^ 0x40;
      assert.throws(() => nodeCrypto.aeadOpen(algorithm, key, nonce, forged, associatedData), refused);
      assert.throws(() => nodeCrypto.aeadOpen(algorithm, key, nonce, sealed.subarray(0, i), associatedData), refused);
    }
    assert.throws(() => nodeCrypto.aeadOpen(algorithm, nodeCrypto.randomSecret(32), nonce, sealed, associatedData), refused);
    assert.throws(() => nodeCrypto.aeadOpen(algorithm, key, nodeCrypto.randomBytes(12), sealed, associatedData), refused);
    assert.throws(() => nodeCrypto.aeadOpen(algorithm, key, nonce, sealed, utf8("Context")), refused);
    assert.throws(() => nodeCrypto.aeadOpen(algorithm, key, nonce, sealed, new Uint8Array(0)), refused);
  }
});

test("what a forged text decrypts to is wiped before the error leaves", (t) => {
  const key = nodeCrypto.randomSecret(32);
  const nonce = nodeCrypto.randomBytes(12);
  const empty = new Uint8Array(0);
  const forged = nodeCrypto.aeadSeal("chacha20-poly1305", key, nonce, utf8("plaintext"), empty);
  forged[forged.length - 1] = (forged.at(-1) as number) ^ 1;
  let released: Uint8Array | undefined;
  const { createDecipheriv } = openssl;
  t.mock.method(openssl, "createDecipheriv", (...input: Parameters<typeof createDecipheriv>) => {
    const decipher = createDecipheriv(...input);
    const update = decipher.update.bind(decipher);
    return Object.assign(decipher, { update: (ciphertext: Uint8Array) => (released = update(ciphertext)) });
  });
  assert.throws(() => nodeCrypto.aeadOpen("chacha20-poly1305", key, nonce, forged, empty), code("DECRYPTION_FAILED"));
  assert.deepEqual(new Uint8Array(released ?? utf8("nothing")), new Uint8Array(9));
});

test("empty texts are sealed and opened", () => {
  const empty = new Uint8Array(0);
  for (const algorithm of ALGORITHMS) {
    const key = nodeCrypto.randomSecret(32);
    const nonce = nodeCrypto.randomBytes(12);
    const sealed = nodeCrypto.aeadSeal(algorithm, key, nonce, empty, empty);
    assert.equal(sealed.length, 16);
    assert.deepEqual(nodeCrypto.aeadOpen(algorithm, key, nonce, sealed, empty), empty);
  }
});

test("keys and nonces of the wrong length are refused by name", () => {
  const empty = new Uint8Array(0);
  const refused = code("INVALID_ARGUMENT");
  for (const algorithm of ALGORITHMS) {
    for (const [keyBytes, nonceBytes] of [
      [16, 12],
      [31, 12],
      [32, 8],
      [32, 13],
      [32, 0],
    ] as const) {
      const key = nodeCrypto.randomSecret(keyBytes);
      const nonce = nodeCrypto.randomBytes(nonceBytes);
      assert.throws(() => nodeCrypto.aeadSeal(algorithm, key, nonce, empty, empty), refused);
      assert.throws(() => nodeCrypto.aeadOpen(algorithm, key, nonce, new Uint8Array(16), empty), refused);
    }
  }
});

test("every decryption failure prints the same", () => {
  const key = nodeCrypto.randomSecret(32);
  const printed = [new Uint8Array(0), new Uint8Array(16), new Uint8Array(40)].map((ciphertext) => {
    try {
      nodeCrypto.aeadOpen("chacha20-poly1305", key, new Uint8Array(12), ciphertext, new Uint8Array(0));
      return "opened";
    } catch (error) {
      return JSON.stringify(error);
    }
  });
  assert.equal(new Set(printed).size, 1);
});

test("derived keys have any length from 1 to 8160, and depend on every input", () => {
  const ikm = nodeCrypto.randomSecret(32);
  const full = revealSecret(nodeCrypto.deriveKey(ikm, utf8("info"), 8160));
  for (const length of [1, 31, 32, 33, 64]) {
    const derived = revealSecret(nodeCrypto.deriveKey(ikm, utf8("info"), length));
    assert.ok(equalBytes(derived, full.subarray(0, length)));
    assert.equal(derived.buffer.byteLength, length);
  }
  assert.ok(!nodeCrypto.deriveKey(ikm, utf8("other"), 32).equals(nodeCrypto.deriveKey(ikm, utf8("info"), 32)));
  assert.ok(!nodeCrypto.deriveKey(ikm, utf8("info"), 32, utf8("salt")).equals(nodeCrypto.deriveKey(ikm, utf8("info"), 32)));
  for (const length of [0, -1, 8161, 1.5, Number.NaN]) {
    assert.throws(() => nodeCrypto.deriveKey(ikm, utf8("info"), length), code("INVALID_ARGUMENT"));
  }
});

test("no salt is the RFC's 32 zero bytes", () => {
  const ikm = nodeCrypto.randomSecret(32);
  assert.ok(nodeCrypto.deriveKey(ikm, utf8("info"), 32, new Uint8Array(32)).equals(nodeCrypto.deriveKey(ikm, utf8("info"), 32)));
});

test("a disposed secret goes into nothing", () => {
  const key = nodeCrypto.randomSecret(32);
  key.dispose();
  const empty = new Uint8Array(0);
  const nonce = new Uint8Array(12);
  const refused = code("SECRET_DISPOSED");
  assert.throws(() => nodeCrypto.deriveKey(key, empty, 32), refused);
  assert.throws(() => nodeCrypto.hmacSha256(key, empty), refused);
  assert.throws(() => nodeCrypto.aeadSeal("aes-256-gcm", key, nonce, empty, empty), refused);
  assert.throws(() => nodeCrypto.aeadOpen("aes-256-gcm", key, nonce, new Uint8Array(16), empty), refused);
  assert.throws(() => nodeCrypto.signingKeyFromSeed(key), refused);
  assert.throws(() => nodeCrypto.agreementKeyFromPrivate(key), refused);
});

test("Argon2id parameters outside RFC 9106 are refused before any memory is taken", () => {
  const password = SecretBytes.fromUtf8("password");
  const good = { memoryKiB: 64, passes: 1, lanes: 1, length: 32 };
  assert.equal(nodeCrypto.argon2id(password, new Uint8Array(8), good).length, 32);
  const refused = code("INVALID_ARGUMENT");
  assert.throws(() => nodeCrypto.argon2id(password, new Uint8Array(7), good), refused);
  const bad = [{ memoryKiB: 7 }, { memoryKiB: 2 ** 32 }, { lanes: 9 }, { lanes: 0 }, { passes: 0 }, { passes: 1.5 }, { length: 3 }];
  for (const change of bad) assert.throws(() => nodeCrypto.argon2id(password, new Uint8Array(8), { ...good, ...change }), refused);
});

test("a runtime that lacks a primitive is named with what is missing", () => {
  assert.deepEqual(missingPrimitives(), []);
  const { argon2Sync: _argon2, ...withoutArgon2 } = openssl;
  const withoutKem = {
    ...withoutArgon2,
    generateKeyPairSync: (): never => {
      throw new TypeError("unknown key type");
    },
  } as unknown as typeof openssl;
  assert.deepEqual(missingPrimitives(withoutKem), ["ML-KEM-768", "Argon2id"]);
  assert.throws(
    () => requireRuntime(withoutKem),
    (error) => isTalosError(error, "UNSUPPORTED_RUNTIME") && error.message.includes("ML-KEM-768, Argon2id"),
  );
});

test("raw keys leave the limit of stack traces as it was, also when they are refused", () => {
  const limit = Error.stackTraceLimit;
  using key = nodeCrypto.generateKemKey();
  nodeCrypto.encapsulate(key.publicKey);
  assert.throws(() => nodeCrypto.encapsulate(new Uint8Array(1184).fill(0xff)), code("MALFORMED"));
  assert.equal(Error.stackTraceLimit, limit);
});

test("texts of every length around the pieces in which they are opened come back whole", () => {
  for (const algorithm of ALGORITHMS) {
    using key = nodeCrypto.randomSecret(32);
    const nonce = nodeCrypto.randomBytes(12);
    for (const length of [1, 999, 1000, 1001, 1999, 2000, 2001, 15_999, 16_000, 16_001, 40_000]) {
      const text = nodeCrypto.randomBytes(length);
      const sealed = nodeCrypto.aeadSeal(algorithm, key, nonce, text, utf8("context"));
      const opened = nodeCrypto.aeadOpen(algorithm, key, nonce, sealed, utf8("context"));
      assert.ok(equalBytes(opened, text), `${length}`);
      assert.equal(opened.buffer.byteLength, length);
    }
  }
});
