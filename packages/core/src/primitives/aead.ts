/** Authenticated encryption with a 12-byte nonce and a 16-byte tag at the end of the ciphertext. */
import type { Decipheriv, KeyObject } from "node:crypto";

import { settledBytes } from "../bytes/bytes.ts";
import { talosError, type TalosError } from "../errors/talos-error.ts";
import { revealSecret, type SecretBytes } from "../secret/secret-bytes.ts";
import type { AeadAlgorithm } from "./crypto.ts";
import { ownBytes } from "./own-bytes.ts";
import { openssl } from "./openssl.ts";

export const AEAD_KEY_BYTES = 32;
export const AEAD_NONCE_BYTES = 12;
export const AEAD_TAG_BYTES = 16;

/** What Node frees stays in glibc's list of its size. */
const PIECE_BYTES = 1000;
const MAX_SWEPT_BYTES = 16_000;
/** Its output is noise that nobody needs. */
const sweeper = openssl.createCipheriv("aes-256-ctr", openssl.randomBytes(32), openssl.randomBytes(16));

// Both AEADs are one API in Node; the type of one of them serves for both.
const OPTIONS = { authTagLength: AEAD_TAG_BYTES };

export function aeadSeal(
  algorithm: AeadAlgorithm,
  key: SecretBytes,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  associatedData: Uint8Array,
): Uint8Array {
  checkLengths(key, nonce);
  const cipher = openssl.createCipheriv(algorithm as "chacha20-poly1305", keyObject(key), nonce, OPTIONS);
  cipher.setAAD(associatedData, { plaintextLength: plaintext.length });
  const sealed = new Uint8Array(plaintext.length + AEAD_TAG_BYTES);
  sealed.set(cipher.update(plaintext), 0);
  cipher.final();
  sealed.set(cipher.getAuthTag(), plaintext.length);
  return sealed;
}

export function aeadOpen(
  algorithm: AeadAlgorithm,
  key: SecretBytes,
  nonce: Uint8Array,
  ciphertext: Uint8Array,
  associatedData: Uint8Array,
): Uint8Array {
  checkLengths(key, nonce);
  const length = ciphertext.length - AEAD_TAG_BYTES;
  if (length < 0) throw decryptionFailed();
  const decipher = openssl.createDecipheriv(algorithm as "chacha20-poly1305", keyObject(key), nonce, OPTIONS);
  decipher.setAAD(associatedData, { plaintextLength: length });
  decipher.setAuthTag(ciphertext.subarray(length));
  const plaintext = decrypt(decipher, ciphertext.subarray(0, length));
  try {
    decipher.final();
  } catch {
    plaintext.fill(0);
    throw decryptionFailed();
  }
  return plaintext;
}

/**
 * Node decrypts into one buffer, copies that into another which it returns, and frees the first as it is. Memory that is freed is
 * given out again first where its size is the same (glibc keeps lists up to 1,032 bytes), so another operation of the same size
 * overwrites it. Longer values go in pieces; very long ones are worth no fourfold time, but for their beginning, where a backup has its keys.
 */
function decrypt(decipher: Decipheriv, ciphertext: Uint8Array): Uint8Array {
  const { length } = ciphertext;
  if (length <= PIECE_BYTES) {
    const plaintext = ownBytes(decipher.update(ciphertext));
    sweeper.update(ciphertext);
    return plaintext;
  }
  const plaintext = settledBytes(length);
  const swept = length > MAX_SWEPT_BYTES ? PIECE_BYTES : length;
  for (let at = 0; at < swept; at += PIECE_BYTES) {
    const piece = decipher.update(ciphertext.subarray(at, at + PIECE_BYTES));
    plaintext.set(piece, at);
    piece.fill(0);
  }
  sweeper.update(ciphertext.subarray(0, PIECE_BYTES));
  if (swept < length) plaintext.set(decipher.update(ciphertext.subarray(swept)), swept);
  else sweeper.update(ciphertext.subarray(length - (length % PIECE_BYTES)));
  return plaintext;
}

/** Half the cost of a sealed message is saved by not handing Node the raw key (see `hkdf.ts`). */
function keyObject(key: SecretBytes): KeyObject {
  return openssl.createSecretKey(revealSecret(key));
}

/** The cause is left out on purpose: every failure looks alike. */
function decryptionFailed(): TalosError {
  return talosError("DECRYPTION_FAILED");
}

function checkLengths(key: SecretBytes, nonce: Uint8Array): void {
  if (key.length !== AEAD_KEY_BYTES) throw talosError("INVALID_ARGUMENT", "An encryption key has 32 bytes.");
  if (nonce.length !== AEAD_NONCE_BYTES) throw talosError("INVALID_ARGUMENT", "A nonce has 12 bytes.");
}
