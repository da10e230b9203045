/** `Crypto` over OpenSSL as Node brings it: the only implementation outside tests. */
import { settledBytes } from "../bytes/bytes.ts";
import { revealSecret, SecretBytes } from "../secret/secret-bytes.ts";
import { aeadOpen, aeadSeal } from "./aead.ts";
import { argon2id } from "./argon2id.ts";
import type { Crypto } from "./crypto.ts";
import { hkdfSha256, hmacSha256 } from "./hkdf.ts";
import {
  agreementKeyFromPrivate,
  encapsulate,
  generateAgreementKey,
  generateKemKey,
  generateSigningKey,
  kemKeyFromSeed,
  signingKeyFromSeed,
} from "./key-objects.ts";
import { openssl } from "./openssl.ts";
import { requireRuntime } from "./runtime.ts";
import { sha256 } from "./sha256.ts";
import { verifySignature } from "./signatures.ts";

requireRuntime();

export const nodeCrypto: Crypto = Object.freeze({
  randomBytes,
  randomSecret: (length) => SecretBytes.take(randomBytes(length)),
  sha256,
  hmacSha256: (key, data) => SecretBytes.take(hmacSha256(revealSecret(key), data)),
  deriveKey: (ikm, info, length, salt) => SecretBytes.take(hkdfSha256(revealSecret(ikm), info, length, salt)),
  aeadSeal,
  aeadOpen,
  generateSigningKey,
  signingKeyFromSeed,
  verifySignature,
  generateAgreementKey,
  agreementKeyFromPrivate,
  generateKemKey,
  kemKeyFromSeed,
  encapsulate,
  argon2id,
} satisfies Crypto);

/**
 * HKDF-SHA-256 (RFC 5869) without a salt.
 *
 * @param length 1 to 8160 bytes
 * @throws TalosError INVALID_ARGUMENT for another length; SECRET_DISPOSED
 */
export function deriveKey(ikm: SecretBytes, info: Uint8Array, length: number): SecretBytes {
  return nodeCrypto.deriveKey(ikm, info, length);
}

function randomBytes(length: number): Uint8Array {
  return openssl.randomFillSync(settledBytes(length));
}
