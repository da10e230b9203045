/** The tables of refused points, checked against the curves themselves and not against another table. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { concatBytes } from "../bytes/bytes.ts";
import { fromHex, toHex } from "../bytes/hex.ts";
import { utf8 } from "../bytes/utf8.ts";
import { isTalosError } from "../errors/talos-error.ts";
import { SecretBytes } from "../secret/secret-bytes.ts";
import { nodeCrypto } from "./node-crypto.ts";
import { openssl } from "./openssl.ts";
import { checkAgreementPublicKey, checkSigningPublicKey, isStrictEdwardsPoint } from "./points.ts";
import { publicKeyFromRaw } from "./raw-keys.ts";

const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const HIGH_BIT = 2n ** 255n;

const isWeak = (error: unknown): boolean => isTalosError(error, "WEAK_PUBLIC_KEY");
const isMalformed = (error: unknown): boolean => isTalosError(error, "MALFORMED");

function mod(value: bigint): bigint {
  return ((value % P) + P) % P;
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  let square = mod(base);
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = mod(result * square);
    square = mod(square * square);
  }
  return result;
}

function inverse(value: bigint): bigint {
  return power(value, P - 2n);
}

/** Square roots modulo p (RFC 8032, section 5.1.3); both or none. */
function roots(square: bigint): bigint[] {
  const candidate = power(square, (P + 3n) / 8n);
  for (const root of [candidate, mod(candidate * power(2n, (P - 1n) / 4n))]) {
    if (mod(root * root) === mod(square)) return [root, mod(-root)];
  }
  return [];
}

const D = mod(-121665n * inverse(121666n));

/** y of the points of order 8: doubling gives y = 0, that is d y^4 + 2 y^2 - 1 = 0. */
const ORDER_8_Y: bigint[] = roots(1n + D).flatMap((root) => roots((root - 1n) * inverse(D)));

function littleEndian(value: bigint): Uint8Array {
  return fromHex(value.toString(16).padStart(64, "0")).toReversed();
}

/** All encodings, canonical or not, of the eight points of small order on Edwards25519. */
const SMALL_ORDER_EDWARDS: Uint8Array[] = [0n, 1n, P - 1n, ...ORDER_8_Y]
  .flatMap((y) => [y, y + P])
  .filter((y) => y < HIGH_BIT)
  .flatMap((y) => [y, y + HIGH_BIT])
  .map(littleEndian);

/** u = (1 + y) / (1 - y) takes them to Curve25519; 0, 1 and -1 come from its twist and the point at infinity too. */
const SMALL_ORDER_MONTGOMERY: Uint8Array[] = [0n, 1n, P - 1n, ...ORDER_8_Y.map((y) => mod((1n + y) * inverse(1n - y)))]
  .flatMap((u) => [u, u + P])
  .filter((u) => u < HIGH_BIT)
  .flatMap((u) => [u, u + HIGH_BIT])
  .map(littleEndian);

/** p to 2^255 - 1, as they are and with the high bit. */
const NOT_REDUCED: Uint8Array[] = Array.from({ length: 19 }, (_, i) => P + BigInt(i))
  .flatMap((value) => [value, value + HIGH_BIT])
  .map(littleEndian);

test("the tests know the curves: two y of order 8, fourteen encodings of small order on each", () => {
  assert.equal(ORDER_8_Y.length, 2);
  assert.equal(SMALL_ORDER_EDWARDS.length, 14);
  assert.equal(SMALL_ORDER_MONTGOMERY.length, 14);
});

test("failure 4: every encoding of a small-order or non-canonical X25519 key is refused, before and in the agreement", () => {
  using key = nodeCrypto.generateAgreementKey();
  for (const publicKey of [...SMALL_ORDER_MONTGOMERY, ...NOT_REDUCED]) {
    assert.throws(() => checkAgreementPublicKey(publicKey), isWeak, toHex(publicKey));
    assert.throws(() => key.agree(publicKey), isWeak, toHex(publicKey));
  }
});

test("failure 4: a key with the high bit set is another encoding of an honest one, and refused", () => {
  const { publicKey } = nodeCrypto.generateAgreementKey();
  const twin = new Uint8Array(publicKey);
  twin[31] = (twin[31] as number) | 0x80;
  checkAgreementPublicKey(publicKey);
  assert.throws(() => checkAgreementPublicKey(twin), isWeak);
});

test("failure 4: an all-zero result is refused at the choke point even if a bad key got past the table", (t) => {
  using key = nodeCrypto.generateAgreementKey();
  using remote = nodeCrypto.generateAgreementKey();
  t.mock.method(openssl, "diffieHellman", () => Buffer.alloc(32));
  assert.throws(() => key.agree(remote.publicKey), isWeak);
});

test("failure 4: what OpenSSL itself refuses in a derivation has the same code", (t) => {
  using key = nodeCrypto.generateAgreementKey();
  using remote = nodeCrypto.generateAgreementKey();
  const { diffieHellman } = openssl;
  const zero = publicKeyFromRaw("x25519", new Uint8Array(32));
  t.mock.method(openssl, "diffieHellman", (options: Parameters<typeof diffieHellman>[0]) => diffieHellman({ ...options, publicKey: zero }));
  assert.throws(() => key.agree(remote.publicKey), isWeak);
});

test("failure 5: every encoding of a small-order or non-canonical Ed25519 key is refused", () => {
  for (const publicKey of [...SMALL_ORDER_EDWARDS, ...NOT_REDUCED]) {
    assert.throws(() => checkSigningPublicKey(publicKey), isWeak, toHex(publicKey));
  }
});

/**
 * (R, S) = ([a]B, a): under the point of order 1 it verifies every message, under the others every second to eighth.
 * OpenSSL 3.0 takes it; newer runtimes refuse small-order keys by themselves, which is theirs to change.
 */
function fixedSignature(): Uint8Array {
  const key = openssl.generateKeyPairSync("ed25519");
  const scalar = openssl
    .createHash("sha512")
    .update(key.privateKey.export({ format: "raw-private" }))
    .digest()
    .subarray(0, 32);
  scalar[0] = (scalar[0] as number) & 0xf8;
  scalar[31] = ((scalar[31] as number) & 0x7f) | 0x40;
  const s = BigInt(`0x${toHex(scalar.toReversed())}`) % L;
  return concatBytes(key.publicKey.export({ format: "raw-public" }), littleEndian(s));
}

test("failure 5: a fixed signature verifies no message under any small-order key", () => {
  const signature = fixedSignature();
  for (const publicKey of [...SMALL_ORDER_EDWARDS, ...NOT_REDUCED]) {
    for (let i = 0; i < 16; i++) assert.ok(!nodeCrypto.verifySignature(1, publicKey, utf8(`message ${i}`), signature));
  }
});

test("failure 5: small-order and non-canonical A and R, and S >= L, are refused whatever OpenSSL says", (t) => {
  t.mock.method(openssl, "verify", () => true);
  const message = utf8("message");
  const publicKey = nodeCrypto.generateSigningKey().publicKey;
  const r = nodeCrypto.generateSigningKey().publicKey;
  const s = littleEndian(L - 1n);
  assert.ok(nodeCrypto.verifySignature(1, publicKey, message, concatBytes(r, s)));
  for (const point of [...SMALL_ORDER_EDWARDS, ...NOT_REDUCED]) {
    assert.ok(!nodeCrypto.verifySignature(1, point, message, concatBytes(r, s)), toHex(point));
    assert.ok(!nodeCrypto.verifySignature(1, publicKey, message, concatBytes(point, s)), toHex(point));
  }
  for (const scalar of [L, L + 1n, 2n ** 253n, 2n ** 256n - 1n]) {
    assert.ok(!nodeCrypto.verifySignature(1, publicKey, message, concatBytes(r, littleEndian(scalar))));
  }
});

test("failure 5: a signature has no second form: S + L, other lengths, swapped halves, flipped bits", () => {
  using key = nodeCrypto.generateSigningKey();
  const message = utf8("message");
  const signature = key.sign(message);
  const verify = (candidate: Uint8Array): boolean => nodeCrypto.verifySignature(1, key.publicKey, message, candidate);
  assert.ok(verify(signature));
  const s = BigInt(`0x${toHex(signature.slice(32).reverse())}`);
  for (let multiple = s + L; multiple < 2n ** 256n; multiple += L) {
    assert.ok(!verify(concatBytes(signature.subarray(0, 32), littleEndian(multiple))));
  }
  assert.ok(!verify(signature.subarray(0, 63)));
  assert.ok(!verify(concatBytes(signature, Uint8Array.of(0))));
  assert.ok(!verify(concatBytes(signature.subarray(32), signature.subarray(0, 32))));
  for (let bit = 0; bit < 512; bit += 7) {
    const flipped = new Uint8Array(signature);
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    assert.ok(!verify(flipped));
  }
});

test("a verifier answers false to malformed keys, it does not throw", () => {
  const message = utf8("message");
  const signature = new Uint8Array(64).fill(1);
  for (const length of [0, 31, 33, 65, 1000]) {
    assert.ok(!nodeCrypto.verifySignature(1, new Uint8Array(length).fill(2), message, signature));
    assert.ok(!nodeCrypto.verifySignature(4, new Uint8Array(length).fill(2), message, signature));
  }
  // y = 2 is on no point of the curve; x = 5 with an even y is on none of P-256 with prefix 4.
  assert.ok(!nodeCrypto.verifySignature(1, littleEndian(2n), message, signature));
  assert.ok(!nodeCrypto.verifySignature(4, concatBytes(Uint8Array.of(4), new Uint8Array(32).fill(5)), message, signature));
  assert.ok(!nodeCrypto.verifySignature(4, concatBytes(Uint8Array.of(2), new Uint8Array(32).fill(0xff)), message, signature));
  assert.ok(!nodeCrypto.verifySignature(2 as 1, littleEndian(9n), message, signature));
});

test("ES256 scalars outside their range are refused", () => {
  const order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
  const publicKey = fromHex("0360fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6");
  const one = "01".padStart(64, "0");
  const zero = "00".repeat(32);
  for (const [r, s] of [
    [zero, one],
    [one, zero],
    [order, one],
    [one, order],
    ["ff".repeat(32), one],
  ]) {
    assert.ok(!nodeCrypto.verifySignature(4, publicKey, utf8("x"), fromHex(`${r}${s}`)));
  }
});

test("wrong lengths are malformed, honest keys pass", () => {
  for (const length of [0, 31, 33]) {
    assert.throws(() => checkAgreementPublicKey(new Uint8Array(length)), isMalformed);
    assert.throws(() => checkSigningPublicKey(new Uint8Array(length)), isMalformed);
    assert.throws(() => nodeCrypto.generateAgreementKey().agree(new Uint8Array(length)), isMalformed);
  }
  for (let i = 0; i < 50; i++) {
    checkAgreementPublicKey(nodeCrypto.generateAgreementKey().publicKey);
    checkSigningPublicKey(nodeCrypto.generateSigningKey().publicKey);
  }
  // The neighbours of what is refused.
  for (const value of [2n, 9n, P - 2n]) checkAgreementPublicKey(littleEndian(value));
  for (const value of [2n, P - 2n, P - 2n + HIGH_BIT]) assert.ok(isStrictEdwardsPoint(littleEndian(value)));
});

test("a private key of the wrong length is refused", () => {
  const isInvalid = (error: unknown): boolean => isTalosError(error, "INVALID_ARGUMENT");
  for (const length of [0, 31, 33, 64]) {
    const secret = SecretBytes.take(new Uint8Array(length));
    assert.throws(() => nodeCrypto.signingKeyFromSeed(secret), isInvalid);
    assert.throws(() => nodeCrypto.agreementKeyFromPrivate(secret), isInvalid);
    if (length !== 64) assert.throws(() => nodeCrypto.kemKeyFromSeed(secret), isInvalid);
  }
});
