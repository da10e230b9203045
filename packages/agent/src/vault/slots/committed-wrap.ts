/**
 * A secret sealed under a stretched password or key, with a commitment that is checked before anything is decrypted: AES-GCM alone
 * would open one ciphertext under several keys. Unlock slots, recovery kits and backups are made of it. Knows no format: what is bound,
 * and under which labels, is the caller's.
 */
import { AEAD_KEY_BYTES, AEAD_NONCE_BYTES, concatBytes, type Crypto, revealSecret, SecretBytes, secureCompare } from "@talos/core";

/** Domain labels, each with its closing zero byte; one set for one purpose. */
export interface WrapLabels {
  /** Of the key-encryption key. */
  readonly key: Uint8Array;
  readonly commitment: Uint8Array;
  /** Of the associated data. */
  readonly wrap: Uint8Array;
}

export interface CommittedWrap {
  /** 32 bytes */
  readonly commitment: Uint8Array;
  /** 12 bytes */
  readonly nonce: Uint8Array;
  /** The length of the secret and 16 bytes. */
  readonly wrapped: Uint8Array;
}

/**
 * @param secret of any length
 * @param stretched 32 bytes, of the password or key
 * @param bound everything else that the reader goes by, at most 960 bytes: the key-encryption key, the commitment and the wrap cover it
 */
export function wrapCommitted(
  secret: SecretBytes,
  stretched: SecretBytes,
  bound: Uint8Array,
  labels: WrapLabels,
  crypto: Crypto,
): CommittedWrap {
  const nonce = crypto.randomBytes(AEAD_NONCE_BYTES);
  using kek = crypto.deriveKey(stretched, concatBytes(labels.key, bound), AEAD_KEY_BYTES);
  const commitment = commitTo(stretched, bound, labels, crypto);
  const wrapped = crypto.aeadSeal("aes-256-gcm", kek, nonce, revealSecret(secret), concatBytes(labels.wrap, bound));
  return { commitment, nonce, wrapped };
}

/**
 * Undefined when it was not sealed under that secret, or what is bound was changed: nothing is decrypted then.
 *
 * @throws TalosError DECRYPTION_FAILED where the commitment fits and the wrap does not open: it was damaged or exchanged
 */
export function openCommitted(
  { commitment, nonce, wrapped }: CommittedWrap,
  stretched: SecretBytes,
  bound: Uint8Array,
  labels: WrapLabels,
  crypto: Crypto,
): SecretBytes | undefined {
  if (!secureCompare(commitTo(stretched, bound, labels, crypto), commitment)) return undefined;
  using kek = crypto.deriveKey(stretched, concatBytes(labels.key, bound), AEAD_KEY_BYTES);
  return SecretBytes.take(crypto.aeadOpen("aes-256-gcm", kek, nonce, wrapped, concatBytes(labels.wrap, bound)));
}

/** SHA-256 over a key of its own, so that what is stored tells nothing of the key-encryption key and fits one secret only. */
function commitTo(stretched: SecretBytes, bound: Uint8Array, { commitment }: WrapLabels, crypto: Crypto): Uint8Array {
  using key = crypto.deriveKey(stretched, commitment, AEAD_KEY_BYTES);
  return crypto.sha256(commitment, bound, revealSecret(key));
}
