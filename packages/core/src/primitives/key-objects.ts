/**
 * Private keys as OpenSSL key objects, made once and kept as long as the key lives: making one from raw bytes costs as
 * much as using it. Their raw bytes leave only through the `export...` methods.
 */
import type { KeyObject } from "node:crypto";

import { talosError } from "../errors/talos-error.ts";
import { revealSecret, SecretBytes } from "../secret/secret-bytes.ts";
import type { AgreementKey, KemKey, SigningKey } from "./crypto.ts";
import { ownBytes } from "./own-bytes.ts";
import { openssl } from "./openssl.ts";
import { checkAgreementPublicKey } from "./points.ts";
import { privateKeyFromRaw, publicKeyFromRaw, type KeyType, type RawPrivateFormat } from "./raw-keys.ts";

const SEED_BYTES = 32;
const KEM_SEED_BYTES = 64;
const KEM_PUBLIC_KEY_BYTES = 1184;
const KEM_CIPHERTEXT_BYTES = 1088;

/** A private key object that can be let go; OpenSSL wipes it when the last reference is collected. */
class PrivateKey implements Disposable {
  readonly publicKey: Uint8Array;
  #key: KeyObject | undefined;

  constructor(key: KeyObject, publicKey: Uint8Array) {
    this.#key = key;
    this.publicKey = publicKey;
  }

  protected get live(): KeyObject {
    if (this.#key === undefined) throw talosError("SECRET_DISPOSED");
    return this.#key;
  }

  protected exportRaw(format: RawPrivateFormat): SecretBytes {
    return SecretBytes.take(ownBytes(this.live.export({ format })));
  }

  [Symbol.dispose](): void {
    this.#key = undefined;
  }
}

class Ed25519Key extends PrivateKey implements SigningKey {
  sign(message: Uint8Array): Uint8Array {
    return ownBytes(openssl.sign(null, message, this.live));
  }

  exportSeed(): SecretBytes {
    return this.exportRaw("raw-private");
  }
}

class X25519Key extends PrivateKey implements AgreementKey {
  agree(remotePublicKey: Uint8Array): SecretBytes {
    checkAgreementPublicKey(remotePublicKey);
    const publicKey = remoteAgreementKey(remotePublicKey);
    return sharedSecret(() => openssl.diffieHellman({ privateKey: this.live, publicKey }));
  }

  exportPrivate(): SecretBytes {
    return this.exportRaw("raw-private");
  }
}

class MlKemKey extends PrivateKey implements KemKey {
  decapsulate(ciphertext: Uint8Array): SecretBytes {
    if (ciphertext.length !== KEM_CIPHERTEXT_BYTES) {
      throw talosError("MALFORMED", "The KEM ciphertext does not have 1088 bytes.", { details: { reason: "ciphertext length" } });
    }
    return SecretBytes.take(ownBytes(openssl.decapsulate(this.live, ciphertext)));
  }

  exportSeed(): SecretBytes {
    return this.exportRaw("raw-seed");
  }
}

export function generateSigningKey(): SigningKey {
  const { privateKey, publicKey } = openssl.generateKeyPairSync("ed25519");
  return new Ed25519Key(privateKey, rawPublic(publicKey));
}

export function signingKeyFromSeed(seed: SecretBytes): SigningKey {
  return fromRaw(seed, SEED_BYTES, "ed25519", (key, publicKey) => new Ed25519Key(key, publicKey));
}

export function generateAgreementKey(): AgreementKey {
  const { privateKey, publicKey } = openssl.generateKeyPairSync("x25519");
  return new X25519Key(privateKey, rawPublic(publicKey));
}

export function agreementKeyFromPrivate(privateKey: SecretBytes): AgreementKey {
  return fromRaw(privateKey, SEED_BYTES, "x25519", (key, publicKey) => new X25519Key(key, publicKey));
}

export function generateKemKey(): KemKey {
  const { privateKey, publicKey } = openssl.generateKeyPairSync("ml-kem-768");
  return new MlKemKey(privateKey, rawPublic(publicKey));
}

export function kemKeyFromSeed(seed: SecretBytes): KemKey {
  return fromRaw(seed, KEM_SEED_BYTES, "ml-kem-768", (key, publicKey) => new MlKemKey(key, publicKey));
}

export function encapsulate(publicKey: Uint8Array): { ciphertext: Uint8Array; sharedSecret: SecretBytes } {
  if (publicKey.length !== KEM_PUBLIC_KEY_BYTES) throw malformedKemKey("key length");
  let key: KeyObject;
  try {
    // OpenSSL checks here that every coefficient is reduced (FIPS 203, 7.2); a test holds it to that.
    key = publicKeyFromRaw("ml-kem-768", publicKey);
  } catch (cause) {
    throw malformedKemKey("key not reduced", cause);
  }
  const { ciphertext, sharedKey } = openssl.encapsulate(key);
  return { ciphertext: ownBytes(ciphertext), sharedSecret: SecretBytes.take(ownBytes(sharedKey)) };
}

function malformedKemKey(reason: string, cause?: unknown): Error {
  return talosError("MALFORMED", "The ML-KEM-768 public key is not valid.", { details: { reason }, cause });
}

function fromRaw<K>(secret: SecretBytes, length: number, type: KeyType, make: (key: KeyObject, publicKey: Uint8Array) => K): K {
  if (secret.length !== length) throw talosError("INVALID_ARGUMENT", `A private key of this kind has ${length} bytes.`);
  const key = privateKeyFromRaw(type, revealSecret(secret));
  return make(key, rawPublic(openssl.createPublicKey(key)));
}

function rawPublic(key: KeyObject): Uint8Array {
  return ownBytes(key.export({ format: "raw-public" }));
}

/** A turn of the ratchet agrees twice with one remote key; the second time its key object is still here. */
let lastRemote: { readonly bytes: Uint8Array; readonly key: KeyObject } | undefined;

function remoteAgreementKey(bytes: Uint8Array): KeyObject {
  if (lastRemote !== undefined && Buffer.compare(lastRemote.bytes, bytes) === 0) return lastRemote.key;
  const copy = new Uint8Array(bytes);
  const key = publicKeyFromRaw("x25519", copy);
  lastRemote = { bytes: copy, key };
  return key;
}

/** The choke point of every X25519 result: OpenSSL refuses all-zero ones by itself, and so does this. */
function sharedSecret(agree: () => Uint8Array): SecretBytes {
  let bytes: Uint8Array;
  try {
    bytes = ownBytes(agree());
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ERR_OSSL_FAILED_DURING_DERIVATION") {
      throw talosError("WEAK_PUBLIC_KEY", undefined, { cause });
    }
    throw cause;
  }
  let bits = 0;
  for (const byte of bytes) bits |= byte;
  if (bits === 0) throw talosError("WEAK_PUBLIC_KEY");
  return SecretBytes.take(bytes);
}
