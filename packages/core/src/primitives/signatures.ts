/** Verification of signatures, strict: one signature per message and key, and no key that verifies everything. */
import type { KeyObject } from "node:crypto";

import type { SignatureAlgorithm } from "./crypto.ts";
import { openssl } from "./openssl.ts";
import { isStrictEdwardsPoint, isStrictEdwardsScalar, isStrictEs256Signature } from "./points.ts";
import { p256KeyFromPoint, publicKeyFromRaw } from "./raw-keys.ts";

const ED25519_KEY_BYTES = 32;
const COMPRESSED_P256_BYTES = 33;
const SIGNATURE_BYTES = 64;

/** False for whatever is not a valid signature; never throws on input from outside. */
export function verifySignature(algorithm: SignatureAlgorithm, publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_BYTES) return false;
  if (algorithm === 1) return verifyEd25519(publicKey, message, signature);
  return algorithm === 4 && verifyEs256(publicKey, message, signature);
}

function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== ED25519_KEY_BYTES) return false;
  if (!isStrictEdwardsPoint(publicKey) || !isStrictEdwardsPoint(signature) || !isStrictEdwardsScalar(signature)) return false;
  const key = publicKeyObject(() => publicKeyFromRaw("ed25519", publicKey));
  return key !== undefined && openssl.verify(null, message, key, signature);
}

function verifyEs256(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  // 02 and 03 are the compressed forms; the length alone would let no other form of P-256 pass, this says so.
  if (publicKey.length !== COMPRESSED_P256_BYTES || (publicKey[0] !== 2 && publicKey[0] !== 3)) return false;
  if (!isStrictEs256Signature(signature)) return false;
  const key = publicKeyObject(() => p256KeyFromPoint(publicKey));
  return key !== undefined && openssl.verify("sha256", message, { key, dsaEncoding: "ieee-p1363" }, signature);
}

/** Undefined for bytes that are no point of the curve. */
function publicKeyObject(make: () => KeyObject): KeyObject | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}
