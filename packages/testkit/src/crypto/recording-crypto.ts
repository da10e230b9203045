/**
 * A `Crypto` that remembers a copy of every secret it made, so that a test can search files, databases and output for
 * them afterwards. Works like the one it wraps in every other way.
 */
import { nodeCrypto, revealSecret, toHex, type Crypto, type SecretBytes } from "@talos/core";

import { findSecrets, type FoundSecret, type RecordedSecret } from "./find-secrets.ts";
import { observeAgreementKey, observeKemKey, observeSigningKey } from "./wrapped-keys.ts";

export interface RecordingCrypto extends Crypto {
  /** Each secret once, in the order of making. */
  readonly secrets: readonly RecordedSecret[];
  /** Remembers a secret that was not made here: a password, a planted canary. */
  remember(kind: string, bytes: Uint8Array): void;
  /** Where any remembered secret stands in these bytes: raw, hex (either case), base64 or base64url. */
  findSecretsIn(haystack: Uint8Array): FoundSecret[];
}

export interface RecordingCryptoOptions {
  readonly inner?: Crypto | undefined;
  /** Info strings of derivations whose output is public (ids, commitments); those are not remembered. */
  readonly publicInfos?: readonly string[] | undefined;
}

/** Derived from a secret, but travels in the clear (docs/protocol/encoding.md). */
const PUBLIC_INFOS: readonly string[] = ["talos-session-id"];

/** Shorter ones would be found by chance. */
const MIN_SECRET_BYTES = 8;

export function recordingCrypto({ inner = nodeCrypto, publicInfos = PUBLIC_INFOS }: RecordingCryptoOptions = {}): RecordingCrypto {
  const secrets: RecordedSecret[] = [];
  const known = new Set<string>();

  const remember = (kind: string, bytes: Uint8Array): void => {
    const name = toHex(bytes);
    if (bytes.length < MIN_SECRET_BYTES || known.has(name)) return;
    known.add(name);
    secrets.push({ kind, bytes: new Uint8Array(bytes) });
  };
  const observe = (kind: string, secret: SecretBytes): SecretBytes => {
    remember(kind, revealSecret(secret));
    return secret;
  };

  return {
    secrets,
    remember,
    findSecretsIn: (haystack) => findSecrets(secrets, haystack),

    randomBytes: (length) => inner.randomBytes(length),
    randomSecret: (length) => observe("random secret", inner.randomSecret(length)),
    sha256: (...parts) => inner.sha256(...parts),
    hmacSha256: (key, data) => observe("HMAC", inner.hmacSha256(key, data)),
    deriveKey: (ikm, info, length, salt) => {
      const derived = inner.deriveKey(ikm, info, length, salt);
      return publicInfos.includes(Buffer.from(info).toString("latin1")) ? derived : observe(`derived key ${label(info)}`, derived);
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

/** The readable beginning of an info string. */
function label(info: Uint8Array): string {
  return /^[\x20-\x7e]*/.exec(Buffer.from(info).toString("latin1"))?.[0] ?? "";
}
