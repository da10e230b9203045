/**
 * Project Wycheproof's vectors through our own wrappers. Where Wycheproof calls a case "acceptable", we decide: X25519
 * keys that are of small order or not canonical are refused (RFC 7748, section 7 leaves it open; a protocol that binds
 * keys into a transcript must not let one key have two encodings), points on the twist are taken.
 */
import assert from "node:assert/strict";
import { test } from "node:test";

import { absentVectors, readOutsideVectors } from "../../../testkit/src/outside-vectors.ts";
import { equalBytes } from "../bytes/bytes.ts";
import { fromHex, toHex } from "../bytes/hex.ts";
import { isTalosError } from "../errors/talos-error.ts";
import { revealSecret, SecretBytes } from "../secret/secret-bytes.ts";
import type { AeadAlgorithm } from "./crypto.ts";
import { nodeCrypto } from "./node-crypto.ts";

type Result = "valid" | "invalid" | "acceptable";

interface Case {
  readonly tcId: number;
  readonly comment?: string;
  readonly flags: readonly string[];
  readonly result: Result;
}

interface Group<C extends Case> {
  readonly tests: readonly C[];
  readonly [property: string]: unknown;
}

const skip: string | false = absentVectors("wycheproof");

function* casesOf<C extends Case>(file: string, take: (group: Group<C>) => boolean = () => true): Generator<C & { group: Group<C> }> {
  const { testGroups } = readOutsideVectors("wycheproof", file) as { testGroups: readonly Group<C>[] };
  for (const group of testGroups.filter((candidate) => take(candidate))) {
    for (const vector of group.tests) yield { ...vector, group };
  }
}

function secret(hex: string): SecretBytes {
  return SecretBytes.take(fromHex(hex));
}

function hexOf(bytes: SecretBytes): string {
  return toHex(revealSecret(bytes));
}

/** Counts how many of each result were met, so that an empty or filtered file cannot pass unseen. */
class Tally {
  readonly #met = new Map<Result, number>();

  add({ result }: Case): void {
    this.#met.set(result, (this.#met.get(result) ?? 0) + 1);
  }

  atLeast(counts: Partial<Record<Result, number>>): void {
    for (const [result, least] of Object.entries(counts)) {
      assert.ok((this.#met.get(result as Result) ?? 0) >= least, `fewer than ${least} ${result} vectors`);
    }
  }
}

test("failure 4: Wycheproof X25519, with small-order and non-canonical keys refused", { skip }, () => {
  interface Xdh extends Case {
    readonly public: string;
    readonly private: string;
    readonly shared: string;
  }
  const refusedFlags = ["LowOrderPublic", "ZeroSharedSecret", "NonCanonicalPublic", "SmallPublicKey"];
  const tally = new Tally();
  let refused = 0;
  for (const vector of casesOf<Xdh>("x25519_test.json")) {
    tally.add(vector);
    const key = nodeCrypto.agreementKeyFromPrivate(secret(vector.private));
    const agree = (): SecretBytes => key.agree(fromHex(vector.public));
    if (vector.flags.some((flag) => refusedFlags.includes(flag))) {
      assert.equal(vector.result, "acceptable");
      assert.throws(agree, (error) => isTalosError(error, "WEAK_PUBLIC_KEY"), `case ${vector.tcId}`);
      refused++;
    } else {
      assert.equal(hexOf(agree()), vector.shared, `case ${vector.tcId}`);
    }
  }
  tally.atLeast({ valid: 264, acceptable: 254 });
  assert.ok(refused >= 44);
});

test("failure 5: Wycheproof Ed25519", { skip }, () => {
  interface Eddsa extends Case {
    readonly msg: string;
    readonly sig: string;
  }
  const tally = new Tally();
  for (const vector of casesOf<Eddsa>("ed25519_test.json")) {
    tally.add(vector);
    const { pk } = vector.group["publicKey"] as { pk: string };
    const verified = nodeCrypto.verifySignature(1, fromHex(pk), fromHex(vector.msg), fromHex(vector.sig));
    assert.equal(verified, vector.result === "valid", `case ${vector.tcId}`);
  }
  tally.atLeast({ valid: 88, invalid: 63 });
});

interface Aead extends Case {
  readonly key: string;
  readonly iv: string;
  readonly aad: string;
  readonly msg: string;
  readonly ct: string;
  readonly tag: string;
}

function checkAead(algorithm: AeadAlgorithm, vector: Aead): void {
  const where = `case ${vector.tcId}`;
  const key = secret(vector.key);
  const [nonce, associatedData, plaintext] = [fromHex(vector.iv), fromHex(vector.aad), fromHex(vector.msg)];
  const sealed = fromHex(vector.ct + vector.tag);
  if (nonce.length !== 12) {
    const isRefused = (error: unknown): boolean => isTalosError(error, "INVALID_ARGUMENT");
    assert.throws(() => nodeCrypto.aeadSeal(algorithm, key, nonce, plaintext, associatedData), isRefused, where);
    assert.throws(() => nodeCrypto.aeadOpen(algorithm, key, nonce, sealed, associatedData), isRefused, where);
  } else if (vector.result === "valid") {
    assert.equal(toHex(nodeCrypto.aeadSeal(algorithm, key, nonce, plaintext, associatedData)), toHex(sealed), where);
    assert.equal(toHex(nodeCrypto.aeadOpen(algorithm, key, nonce, sealed, associatedData)), toHex(plaintext), where);
  } else {
    assert.throws(
      () => nodeCrypto.aeadOpen(algorithm, key, nonce, sealed, associatedData),
      (error) => isTalosError(error, "DECRYPTION_FAILED") && error.cause === undefined,
      where,
    );
  }
}

test("Wycheproof AES-256-GCM; every nonce length but 12 is refused", { skip }, () => {
  const tally = new Tally();
  for (const vector of casesOf<Aead>("aes_gcm_test.json", (group) => group["keySize"] === 256 && group["tagSize"] === 128)) {
    tally.add(vector);
    checkAead("aes-256-gcm", vector);
  }
  tally.atLeast({ valid: 70, invalid: 25 });
});

test("Wycheproof ChaCha20-Poly1305", { skip }, () => {
  const tally = new Tally();
  for (const vector of casesOf<Aead>("chacha20_poly1305_test.json")) {
    tally.add(vector);
    checkAead("chacha20-poly1305", vector);
  }
  tally.atLeast({ valid: 256, invalid: 69 });
});

test("Wycheproof HKDF-SHA-256", { skip }, () => {
  interface Hkdf extends Case {
    readonly ikm: string;
    readonly salt: string;
    readonly info: string;
    readonly size: number;
    readonly okm: string;
  }
  const tally = new Tally();
  for (const vector of casesOf<Hkdf>("hkdf_sha256_test.json")) {
    tally.add(vector);
    const derive = (salt: Uint8Array | undefined): SecretBytes =>
      nodeCrypto.deriveKey(secret(vector.ikm), fromHex(vector.info), vector.size, salt);
    if (vector.result === "valid") {
      assert.equal(hexOf(derive(fromHex(vector.salt))), vector.okm, `case ${vector.tcId}`);
      if (vector.salt === "") assert.equal(hexOf(derive(undefined)), vector.okm, `case ${vector.tcId}`);
    } else {
      assert.throws(
        () => derive(fromHex(vector.salt)),
        (error) => isTalosError(error, "INVALID_ARGUMENT"),
        `case ${vector.tcId}`,
      );
    }
  }
  tally.atLeast({ valid: 83, invalid: 3 });
});

test("Wycheproof HMAC-SHA-256; shorter tags are the beginning of ours", { skip }, () => {
  interface Mac extends Case {
    readonly key: string;
    readonly msg: string;
    readonly tag: string;
  }
  const tally = new Tally();
  for (const vector of casesOf<Mac>("hmac_sha256_test.json")) {
    tally.add(vector);
    const expected = fromHex(vector.tag);
    const tag = revealSecret(nodeCrypto.hmacSha256(secret(vector.key), fromHex(vector.msg))).subarray(0, expected.length);
    assert.equal(equalBytes(tag, expected), vector.result === "valid", `case ${vector.tcId}`);
  }
  tally.atLeast({ valid: 66, invalid: 108 });
});

test("Wycheproof ML-KEM-768 (FIPS 203): keys from seeds, decapsulation, wrong lengths", { skip }, () => {
  interface MlKem extends Case {
    readonly seed: string;
    readonly ek?: string;
    readonly c: string;
    readonly K: string;
  }
  const tally = new Tally();
  for (const vector of casesOf<MlKem>("mlkem_768_test.json")) {
    tally.add(vector);
    const decapsulate = (): string => {
      const key = nodeCrypto.kemKeyFromSeed(secret(vector.seed));
      if (vector.ek !== undefined) assert.equal(toHex(key.publicKey), vector.ek, `case ${vector.tcId}`);
      return hexOf(key.decapsulate(fromHex(vector.c)));
    };
    if (vector.result === "valid") assert.equal(decapsulate(), vector.K, `case ${vector.tcId}`);
    else assert.throws(decapsulate, (error) => isTalosError(error), `case ${vector.tcId}`);
  }
  tally.atLeast({ valid: 153, invalid: 40 });
});
