// Public keys, signatures and agreement (encoding.md, Keys and signatures) on node:crypto, with the strictness of curves.ts before it.
import { createPrivateKey, createPublicKey, decapsulate as nodeDecapsulate, diffieHellman, verify, type KeyObject } from "node:crypto";
import { hex, join, u16, u8, unhex } from "./bytes.ts";
import {
  bigEndian,
  ED25519_ORDER,
  isGoodEdwardsPoint,
  isGoodEncapsulationKey,
  isGoodMontgomeryPoint,
  isGoodP256Point,
  littleEndian,
  P256_ORDER,
} from "./curves.ts";
import { demand, refuse } from "./refusal.ts";

export const ED25519 = 1;
export const X25519 = 2;
export const ML_KEM_768 = 3;
export const ES256 = 4;

export interface PublicKey {
  readonly algorithm: number;
  readonly key: string;
}

const SPKI: ReadonlyMap<number, string> = new Map([
  [ED25519, "302a300506032b6570032100"],
  [X25519, "302a300506032b656e032100"],
  [ES256, "3039301306072a8648ce3d020106082a8648ce3d030107032200"],
]);
const PKCS8: ReadonlyMap<number, string> = new Map([
  [ED25519, "302e020100300506032b657004220420"],
  [X25519, "302e020100300506032b656e04220420"],
  [ML_KEM_768, "3054020100300b060960864801650304040204428040"],
]);
const LENGTHS: ReadonlyMap<number, number> = new Map([
  [ED25519, 32],
  [X25519, 32],
  [ML_KEM_768, 1184],
  [ES256, 33],
]);

/** Length and validity of a public key of one of the allowed algorithms. */
export function checkPublicKey(algorithm: number, bytes: Uint8Array, allowed: readonly number[]): PublicKey {
  demand(allowed.includes(algorithm), `key algorithm ${algorithm} is not allowed here`);
  demand(bytes.length === LENGTHS.get(algorithm), `a key of algorithm ${algorithm} has ${bytes.length} bytes`);
  if (!isGoodKey(algorithm, bytes)) refuse("weak-public-key", `no valid key of algorithm ${algorithm}`);
  return { algorithm, key: hex(bytes) };
}

function isGoodKey(algorithm: number, bytes: Uint8Array): boolean {
  if (algorithm === ED25519) return isGoodEdwardsPoint(bytes);
  if (algorithm === X25519) return isGoodMontgomeryPoint(bytes);
  if (algorithm === ML_KEM_768) return isGoodEncapsulationKey(bytes);
  return isGoodP256Point(bytes);
}

/** `key(k)` of the binary layouts. */
export function keyBytes({ algorithm, key }: PublicKey): Uint8Array {
  const bytes = unhex(key);
  return join(u8(algorithm), u16(bytes.length), bytes);
}

export function sameKey(a: PublicKey, b: PublicKey): boolean {
  return a.algorithm === b.algorithm && a.key === b.key;
}

/** Refuses as `signature-invalid`, strictly: canonical S and R, no small order, low s of ES256. */
export function checkSignature(key: PublicKey, message: Uint8Array, signature: Uint8Array): void {
  if (!isGoodSignature(key, message, signature)) refuse("signature-invalid", "a signature does not verify");
}

function isGoodSignature({ algorithm, key }: PublicKey, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== 64) return false;
  const bytes = unhex(key);
  const first = signature.subarray(0, 32);
  const second = signature.subarray(32);
  if (algorithm === ED25519) {
    if (!isGoodEdwardsPoint(bytes) || !isGoodEdwardsPoint(first) || littleEndian(second) >= ED25519_ORDER) return false;
    return verify(null, message, publicKeyObject(ED25519, bytes), signature);
  }
  if (algorithm !== ES256 || !isGoodP256Point(bytes)) return false;
  const r = bigEndian(first);
  const s = bigEndian(second);
  if (r === 0n || r >= P256_ORDER || s === 0n || s > P256_ORDER / 2n) return false;
  return verify("sha256", message, { key: publicKeyObject(ES256, bytes), dsaEncoding: "ieee-p1363" }, signature);
}

export function publicKeyObject(algorithm: number, bytes: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.from(join(unhex(SPKI.get(algorithm) ?? ""), bytes)), format: "der", type: "spki" });
}

/** Private keys: Ed25519 and X25519 their 32 bytes, ML-KEM-768 the 64 bytes of d || z (FIPS 203). */
export function privateKeyObject(algorithm: number, bytes: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.from(join(unhex(PKCS8.get(algorithm) ?? ""), bytes)), format: "der", type: "pkcs8" });
}

export function publicOf(algorithm: number, secret: Uint8Array): PublicKey {
  const spki = createPublicKey(privateKeyObject(algorithm, secret)).export({ format: "der", type: "spki" });
  return { algorithm, key: hex(spki.subarray(spki.length - (LENGTHS.get(algorithm) ?? 0))) };
}

/** X25519 (RFC 7748); refuses bad points and an all-zero result. */
export function agree(secret: Uint8Array, publicKey: Uint8Array): Uint8Array {
  checkPublicKey(X25519, publicKey, [X25519]);
  const shared = diffieHellman({ privateKey: privateKeyObject(X25519, secret), publicKey: publicKeyObject(X25519, publicKey) });
  if (shared.every((byte) => byte === 0)) refuse("weak-public-key", "an all-zero agreement");
  return new Uint8Array(shared);
}

export function decapsulate(seed: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  demand(ciphertext.length === 1088, "an ML-KEM-768 ciphertext has 1,088 bytes");
  return new Uint8Array(nodeDecapsulate(privateKeyObject(ML_KEM_768, seed), ciphertext));
}
