/**
 * The cryptography that everything above stands on: synchronous, on raw bytes, with secrets only in `SecretBytes`.
 * An interface, so that tests can record and replay; production has one implementation, `node-crypto.ts`. Returned
 * arrays and secrets belong to the caller; arguments are never kept or changed.
 */
import type { SecretBytes } from "../secret/secret-bytes.ts";

/** Signature algorithms by their number on the wire: 1 Ed25519, 4 ES256. */
export type SignatureAlgorithm = 1 | 4;

export type AeadAlgorithm = "chacha20-poly1305" | "aes-256-gcm";

/** Ed25519. Every method throws SECRET_DISPOSED after disposal; `publicKey` stays readable. */
export interface SigningKey extends Disposable {
  /** 32 bytes */
  readonly publicKey: Uint8Array;
  /** 64 bytes, deterministic (RFC 8032) */
  sign(message: Uint8Array): Uint8Array;
  /** 32 bytes */
  exportSeed(): SecretBytes;
}

/** X25519. Every method throws SECRET_DISPOSED after disposal; `publicKey` stays readable. */
export interface AgreementKey extends Disposable {
  /** 32 bytes */
  readonly publicKey: Uint8Array;
  /**
   * The shared secret, 32 bytes (RFC 7748).
   *
   * @throws TalosError MALFORMED for a wrong length; WEAK_PUBLIC_KEY for a small-order or non-canonical key or an
   *   all-zero result
   */
  agree(remotePublicKey: Uint8Array): SecretBytes;
  /** 32 bytes */
  exportPrivate(): SecretBytes;
}

/** ML-KEM-768. Every method throws SECRET_DISPOSED after disposal; `publicKey` stays readable. */
export interface KemKey extends Disposable {
  /** 1184 bytes */
  readonly publicKey: Uint8Array;
  /**
   * The shared secret, 32 bytes. A forged ciphertext of the right length gives a secret that nobody knows (implicit
   * rejection, FIPS 203, 6.3), not an error.
   *
   * @param ciphertext 1088 bytes
   * @throws TalosError MALFORMED for a wrong length
   */
  decapsulate(ciphertext: Uint8Array): SecretBytes;
  /** 64 bytes, d || z */
  exportSeed(): SecretBytes;
}

export interface Encapsulation {
  /** 1088 bytes */
  readonly ciphertext: Uint8Array;
  /** 32 bytes */
  readonly sharedSecret: SecretBytes;
}

export interface Argon2idParameters {
  readonly memoryKiB: number;
  readonly passes: number;
  readonly lanes: number;
  /** of the output, in bytes */
  readonly length: number;
  /** K of RFC 9106, kept outside the store */
  readonly secret?: SecretBytes | undefined;
  /** X of RFC 9106 */
  readonly associatedData?: Uint8Array | undefined;
}

export interface Crypto {
  /** Public randomness: ids and nonces. */
  randomBytes(length: number): Uint8Array;
  randomSecret(length: number): SecretBytes;

  /** Of the parts one after the other; 32 bytes. */
  sha256(...parts: readonly Uint8Array[]): Uint8Array;
  /** 32 bytes */
  hmacSha256(key: SecretBytes, data: Uint8Array): SecretBytes;
  /**
   * HKDF-SHA-256 (RFC 5869), extract then expand; without a salt the salt is 32 zero bytes.
   *
   * @param length 1 to 8160 bytes
   * @throws TalosError INVALID_ARGUMENT for another length
   */
  deriveKey(ikm: SecretBytes, info: Uint8Array, length: number, salt?: Uint8Array): SecretBytes;

  /**
   * @param key 32 bytes
   * @param nonce 12 bytes, never twice under one key
   * @returns ciphertext || 16-byte tag
   * @throws TalosError INVALID_ARGUMENT for a wrong length of key or nonce
   */
  aeadSeal(algorithm: AeadAlgorithm, key: SecretBytes, nonce: Uint8Array, plaintext: Uint8Array, associatedData: Uint8Array): Uint8Array;
  /**
   * @param ciphertext with its tag
   * @throws TalosError DECRYPTION_FAILED, one and the same for every reason; INVALID_ARGUMENT for a wrong length of key or nonce
   */
  aeadOpen(algorithm: AeadAlgorithm, key: SecretBytes, nonce: Uint8Array, ciphertext: Uint8Array, associatedData: Uint8Array): Uint8Array;

  generateSigningKey(): SigningKey;
  /** @param seed 32 bytes, copied @throws TalosError INVALID_ARGUMENT for another length */
  signingKeyFromSeed(seed: SecretBytes): SigningKey;
  /**
   * True if the signature verifies; false for anything else, weak keys and malformed input included. Ed25519 is strict
   * (S < L, no small-order or non-canonical key or R); ES256 takes r || s with s <= n/2 and a compressed point.
   */
  verifySignature(algorithm: SignatureAlgorithm, publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;

  generateAgreementKey(): AgreementKey;
  /** @param privateKey 32 bytes, copied @throws TalosError INVALID_ARGUMENT for another length */
  agreementKeyFromPrivate(privateKey: SecretBytes): AgreementKey;

  generateKemKey(): KemKey;
  /** @param seed 64 bytes, d || z, copied @throws TalosError INVALID_ARGUMENT for another length */
  kemKeyFromSeed(seed: SecretBytes): KemKey;
  /**
   * @param publicKey 1184 bytes
   * @throws TalosError MALFORMED for a wrong length or a coefficient that is not reduced (FIPS 203, 7.2)
   */
  encapsulate(publicKey: Uint8Array): Encapsulation;

  /**
   * Argon2id (RFC 9106), version 0x13. What parameters are acceptable is the caller's policy.
   *
   * @throws TalosError INVALID_ARGUMENT for parameters outside the RFC
   */
  argon2id(password: SecretBytes, salt: Uint8Array, parameters: Argon2idParameters): SecretBytes;
}
