/**
 * Keys whose use is observed: each wraps a real key and shows every secret that comes out of it. Knows nothing of what
 * the observer does with them.
 */
import type { AgreementKey, KemKey, SecretBytes, SigningKey } from "@talos/core";

/** Is shown each secret and returns it (or another in its place). */
export type SecretObserver = (kind: string, secret: SecretBytes) => SecretBytes;

export function observeSigningKey(key: SigningKey, observe: SecretObserver): SigningKey {
  observe("signing seed", key.exportSeed()).dispose();
  return {
    publicKey: key.publicKey,
    sign: (message) => key.sign(message),
    exportSeed: () => observe("signing seed", key.exportSeed()),
    [Symbol.dispose]: () => key[Symbol.dispose](),
  };
}

export function observeAgreementKey(key: AgreementKey, observe: SecretObserver): AgreementKey {
  observe("agreement private key", key.exportPrivate()).dispose();
  return {
    publicKey: key.publicKey,
    agree: (remotePublicKey) => observe("agreed secret", key.agree(remotePublicKey)),
    exportPrivate: () => observe("agreement private key", key.exportPrivate()),
    [Symbol.dispose]: () => key[Symbol.dispose](),
  };
}

export function observeKemKey(key: KemKey, observe: SecretObserver): KemKey {
  observe("KEM seed", key.exportSeed()).dispose();
  return {
    publicKey: key.publicKey,
    decapsulate: (ciphertext) => observe("KEM secret", key.decapsulate(ciphertext)),
    exportSeed: () => observe("KEM seed", key.exportSeed()),
    [Symbol.dispose]: () => key[Symbol.dispose](),
  };
}
