// The bare primitives of node:crypto, each in the fastest form that it offers: secret keys as key objects, private keys made once.
// What an operation of ours is measured against is a sum of these, over as many bytes as ours handles.
import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  createSecretKey,
  decapsulate,
  diffieHellman,
  encapsulate,
  generateKeyPairSync,
  hash,
  hkdfSync,
  randomFillSync,
  sign,
  verify,
  type Cipheriv,
  type KeyObject,
} from "node:crypto";

export const SECRET_BYTES = 32;
export const TAG_BYTES = 16;
const NONCE_BYTES = 12;
const NO_SALT = new Uint8Array(0);
const OPTIONS = { authTagLength: TAG_BYTES };

/** HKDF-SHA-256. */
export function derive(key: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", createSecretKey(key), NO_SALT, info, length));
}

export interface Sealed {
  readonly nonce: Uint8Array;
  /** ciphertext || tag */
  readonly sealed: Uint8Array;
}

/** ChaCha20-Poly1305 under a fresh nonce. */
export function seal(key: Uint8Array, plaintext: Uint8Array, associatedData: Uint8Array): Sealed {
  const nonce = randomFillSync(new Uint8Array(NONCE_BYTES));
  const cipher = createCipheriv("chacha20-poly1305", createSecretKey(key), nonce, OPTIONS);
  cipher.setAAD(associatedData, { plaintextLength: plaintext.length });
  return finishSealing(cipher, nonce, plaintext);
}

/** AES-256-GCM under a fresh nonce and a key that lives longer than a message. */
export function sealAtRest(key: KeyObject, plaintext: Uint8Array, associatedData: Uint8Array): Sealed {
  const nonce = randomFillSync(new Uint8Array(NONCE_BYTES));
  const cipher = createCipheriv("aes-256-gcm", key, nonce, OPTIONS);
  cipher.setAAD(associatedData);
  return finishSealing(cipher, nonce, plaintext);
}

function finishSealing(cipher: Cipheriv & { getAuthTag(): Buffer }, nonce: Uint8Array, plaintext: Uint8Array): Sealed {
  const sealed = new Uint8Array(plaintext.length + TAG_BYTES);
  sealed.set(cipher.update(plaintext));
  cipher.final();
  sealed.set(cipher.getAuthTag(), plaintext.length);
  return { nonce, sealed };
}

export function open(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, associatedData: Uint8Array): Uint8Array {
  const length = sealed.length - TAG_BYTES;
  const decipher = createDecipheriv("chacha20-poly1305", createSecretKey(key), nonce, OPTIONS);
  decipher.setAAD(associatedData, { plaintextLength: length });
  decipher.setAuthTag(sealed.subarray(length));
  const plaintext = decipher.update(sealed.subarray(0, length));
  decipher.final();
  return plaintext;
}

export function sha256(bytes: Uint8Array): Uint8Array {
  return hash("sha256", bytes, "buffer");
}

export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** As it travels. */
  readonly raw: Uint8Array;
}

export function keyPair(type: "x25519" | "ed25519" | "ml-kem-768"): KeyPair {
  const { privateKey, publicKey } = type === "x25519" ? generateKeyPairSync("x25519") : generateOther(type);
  return { privateKey, publicKey, raw: publicKey.export({ format: "raw-public" }) };
}

function generateOther(type: "ed25519" | "ml-kem-768"): { privateKey: KeyObject; publicKey: KeyObject } {
  return type === "ed25519" ? generateKeyPairSync("ed25519") : generateKeyPairSync("ml-kem-768");
}

export function remoteKey(type: "x25519" | "ed25519" | "ml-kem-768", raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.from(raw.buffer, raw.byteOffset, raw.length), format: "raw-public", asymmetricKeyType: type });
}

export function agree(privateKey: KeyObject, remote: KeyObject): Uint8Array {
  return diffieHellman({ privateKey, publicKey: remote });
}

export { createSecretKey, decapsulate, encapsulate, sign, verify };
