// This side's ratchet key: the private bytes for the store, and the handle that makes an agreement cheap.
// Must not know whose key it is or what is derived from an agreement.
import { equalBytes } from "../bytes/bytes.ts";
import { talosError } from "../errors/talos-error.ts";
import type { AgreementKey, Crypto } from "../primitives/crypto.ts";
import type { SecretBytes } from "../secret/secret-bytes.ts";

/**
 * An X25519 key pair of one ratchet step. A handle costs as much as an agreement, so one that comes from the store is made when the
 * key is used, and most stored keys are only read to be written again.
 */
export class RatchetKeyPair implements Disposable {
  /** 32 bytes */
  readonly publicKey: Uint8Array;
  /** 32 bytes */
  readonly privateKey: SecretBytes;
  #handle: AgreementKey | undefined;

  private constructor(publicKey: Uint8Array, privateKey: SecretBytes, handle: AgreementKey | undefined) {
    this.publicKey = publicKey;
    this.privateKey = privateKey;
    this.#handle = handle;
  }

  static generate(crypto: Pick<Crypto, "generateAgreementKey">): RatchetKeyPair {
    const handle = crypto.generateAgreementKey();
    return new RatchetKeyPair(handle.publicKey, handle.exportPrivate(), handle);
  }

  /** From the store; takes over both arrays. */
  static restore(publicKey: Uint8Array, privateKey: SecretBytes): RatchetKeyPair {
    return new RatchetKeyPair(publicKey, privateKey, undefined);
  }

  /**
   * The shared secret, 32 bytes.
   *
   * @throws TalosError WEAK_PUBLIC_KEY as AgreementKey.agree; MALFORMED if the store paired a private key with a foreign public one;
   *   SECRET_DISPOSED
   */
  agree(remotePublicKey: Uint8Array, crypto: Pick<Crypto, "agreementKeyFromPrivate">): SecretBytes {
    this.#handle ??= this.#makeHandle(crypto);
    return this.#handle.agree(remotePublicKey);
  }

  [Symbol.dispose](): void {
    this.privateKey.dispose();
    this.#handle?.[Symbol.dispose]();
  }

  #makeHandle(crypto: Pick<Crypto, "agreementKeyFromPrivate">): AgreementKey {
    const handle = crypto.agreementKeyFromPrivate(this.privateKey);
    if (!equalBytes(handle.publicKey, this.publicKey)) {
      handle[Symbol.dispose]();
      throw talosError("MALFORMED", "A stored ratchet key does not fit its public part.");
    }
    return handle;
  }
}
