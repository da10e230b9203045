/**
 * Public keys that no honest party has and that OpenSSL accepts in part: encodings that are not canonical, and points
 * of small order, under which a shared secret or a signature is worth nothing. Pure arithmetic on tables of constants;
 * knows no OpenSSL. Sources: RFC 7748, section 6.1; RFC 8032, section 5.1.3; SEC 1, section 2.3.3.
 */
import { fromHex } from "../bytes/hex.ts";
import { talosError } from "../errors/talos-error.ts";

const KEY_BYTES = 32;

/** p = 2^255 - 19, little endian. Both curves live over this field. */
const FIELD_PRIME: Uint8Array = fromHex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");

/** L = 2^252 + 27742317777372353535851937790883648493, the order of Ed25519's base point, little endian. */
const ED25519_ORDER: Uint8Array = fromHex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");

/** The order n of P-256, half of it rounded down; big endian. A signature with s above it has a twin below it. */
const P256_ORDER: Uint8Array = fromHex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
const P256_HALF_ORDER: Uint8Array = fromHex("7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8");

/**
 * The u-coordinates below p of the points of order 1, 2, 4 and 8 on Curve25519 and its twist. Their other encodings
 * (p, p + 1, and all with the high bit set) are not canonical and refused as such.
 */
const X25519_SMALL_ORDER: readonly Uint8Array[] = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
].map(fromHex);

/**
 * The y-coordinates of the eight points of small order on Edwards25519: 1 (order 1), -1 (order 2), 0 (order 4, two
 * points), and two of order 8 (two points each). Compared without the sign bit, so that "-0" encodings fall too.
 */
const ED25519_SMALL_ORDER: readonly Uint8Array[] = [
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "0000000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
].map(fromHex);

/**
 * Refuses an X25519 public key that is not canonical (u >= p or the high bit set) or of small order.
 *
 * @throws TalosError MALFORMED for a length other than 32; WEAK_PUBLIC_KEY
 */
export function checkAgreementPublicKey(publicKey: Uint8Array): void {
  if (publicKey.length !== KEY_BYTES) throw wrongLength("X25519");
  if (!isBelow(publicKey, FIELD_PRIME)) throw talosError("WEAK_PUBLIC_KEY");
  for (const point of X25519_SMALL_ORDER) {
    if (matches(publicKey, point, 0xff)) throw talosError("WEAK_PUBLIC_KEY");
  }
}

/**
 * Refuses an Ed25519 public key that is not canonical (y >= p) or of small order. A key that is no point at all passes
 * here; no signature verifies under it.
 *
 * @throws TalosError MALFORMED for a length other than 32; WEAK_PUBLIC_KEY
 */
export function checkSigningPublicKey(publicKey: Uint8Array): void {
  if (publicKey.length !== KEY_BYTES) throw wrongLength("Ed25519");
  if (!isStrictEdwardsPoint(publicKey)) throw talosError("WEAK_PUBLIC_KEY");
}

/** 32 bytes at `offset` are a canonical y (with any sign) that is not of small order. */
export function isStrictEdwardsPoint(bytes: Uint8Array, offset: number = 0): boolean {
  const encoded = bytes.subarray(offset, offset + KEY_BYTES);
  if (!isBelow(encoded, FIELD_PRIME, 0x7f)) return false;
  return !ED25519_SMALL_ORDER.some((point) => matches(encoded, point, 0x7f));
}

/** The second half of a 64-byte Ed25519 signature is below L; else the signature could be changed into another. */
export function isStrictEdwardsScalar(signature: Uint8Array): boolean {
  return isBelow(signature.subarray(32, 64), ED25519_ORDER);
}

/** A 64-byte ES256 signature r || s has 0 < r < n and 0 < s <= n/2. */
export function isStrictEs256Signature(signature: Uint8Array): boolean {
  const r = signature.subarray(0, 32);
  const s = signature.subarray(32, 64);
  return !isZero(r) && !isZero(s) && isBelowBigEndian(r, P256_ORDER) && !isBelowBigEndian(P256_HALF_ORDER, s);
}

/** Little endian; `topMask` is applied to the last byte first. */
function isBelow(value: Uint8Array, bound: Uint8Array, topMask: number = 0xff): boolean {
  for (let i = KEY_BYTES - 1; i >= 0; i--) {
    const byte = (value[i] as number) & (i === KEY_BYTES - 1 ? topMask : 0xff);
    const limit = bound[i] as number;
    if (byte !== limit) return byte < limit;
  }
  return false;
}

function isBelowBigEndian(value: Uint8Array, bound: Uint8Array): boolean {
  for (let i = 0; i < KEY_BYTES; i++) {
    const byte = value[i] as number;
    const limit = bound[i] as number;
    if (byte !== limit) return byte < limit;
  }
  return false;
}

function matches(value: Uint8Array, point: Uint8Array, topMask: number): boolean {
  for (let i = 0; i < KEY_BYTES - 1; i++) {
    if (value[i] !== point[i]) return false;
  }
  return ((value[31] as number) & topMask) === point[31];
}

function isZero(value: Uint8Array): boolean {
  return value.every((byte) => byte === 0);
}

function wrongLength(kind: string): Error {
  return talosError("MALFORMED", `The ${kind} public key does not have 32 bytes.`, { details: { reason: "key length" } });
}
