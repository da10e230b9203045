/**
 * A `Crypto` that shows every secret that it makes or is given to an observer. Works like the one it wraps in every other
 * way. Keeps nothing: what becomes of a secret is the observer's.
 */
import { nodeCrypto, revealSecret, utf8, type Crypto, type SecretBytes } from "@talos/core";
import { observeAgreementKey, observeKemKey, observeSigningKey } from "./wrapped-keys.ts";

/** Is shown a live view of each secret, which it must not keep. */
export type SecretWitness = (kind: string, bytes: Uint8Array) => void;

export interface ObservingCryptoOptions {
  readonly inner?: Crypto | undefined;
  /** Info strings of derivations whose output is public (ids, commitments); those are not shown. */
  readonly publicInfos?: readonly string[] | undefined;
}

/** Derived from a secret, but travels in the clear (docs/protocol/encoding.md). */
const PUBLIC_INFOS: readonly string[] = ["talos-session-id"];

const LABEL: Uint8Array = utf8("talos");

export function observingCrypto(
  witness: SecretWitness,
  { inner = nodeCrypto, publicInfos = PUBLIC_INFOS }: ObservingCryptoOptions = {},
): Crypto {
  const observe = (kind: string, secret: SecretBytes): SecretBytes => {
    witness(kind, revealSecret(secret));
    return secret;
  };

  return {
    randomBytes: (length) => inner.randomBytes(length),
    randomSecret: (length) => observe("random secret", inner.randomSecret(length)),
    sha256: (...parts) => inner.sha256(...parts),
    hmacSha256: (key, data) => observe(`HMAC ${label(data)}`, inner.hmacSha256(key, data)),
    deriveKey: (ikm, info, length, salt) => {
      const derived = inner.deriveKey(ikm, info, length, salt);
      return publicInfos.includes(latin1(info)) ? derived : observe(`derived key ${label(info)}`, derived);
    },
    aeadSeal: (algorithm, key, nonce, plaintext, associatedData) => {
      observe("encryption key", key);
      return inner.aeadSeal(algorithm, key, nonce, plaintext, associatedData);
    },
    aeadOpen: (algorithm, key, nonce, ciphertext, associatedData) => {
      observe("encryption key", key);
      return inner.aeadOpen(algorithm, key, nonce, ciphertext, associatedData);
    },
    generateSigningKey: () => observeSigningKey(inner.generateSigningKey(), observe),
    signingKeyFromSeed: (seed) => observeSigningKey(inner.signingKeyFromSeed(seed), observe),
    verifySignature: (algorithm, publicKey, message, signature) => inner.verifySignature(algorithm, publicKey, message, signature),
    generateAgreementKey: () => observeAgreementKey(inner.generateAgreementKey(), observe),
    agreementKeyFromPrivate: (privateKey) => observeAgreementKey(inner.agreementKeyFromPrivate(privateKey), observe),
    generateKemKey: () => observeKemKey(inner.generateKemKey(), observe),
    kemKeyFromSeed: (seed) => observeKemKey(inner.kemKeyFromSeed(seed), observe),
    encapsulate: (publicKey) => {
      const encapsulation = inner.encapsulate(publicKey);
      observe("KEM secret", encapsulation.sharedSecret);
      return encapsulation;
    },
    argon2id: (password, salt, parameters) => {
      observe("password", password);
      return observe("password hash", inner.argon2id(password, salt, parameters));
    },
  };
}

/** Without a copy in Buffer's pool. Only labels become strings: see `label`. */
function latin1(info: Uint8Array): string {
  const isLabel = LABEL.every((byte, at) => info[at] === byte);
  return isLabel ? Buffer.from(info.buffer, info.byteOffset, info.length).toString("latin1") : "";
}

/** The readable beginning of a label of ours. Anything else that is hashed may be a secret itself. */
function label(info: Uint8Array): string {
  return /^talos[\x20-\x7e]*/.exec(latin1(info))?.[0] ?? "";
}
