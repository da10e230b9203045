// The derivations of the Double Ratchet, and nothing else. Arguments stay the caller's; what is made on the way is wiped here.
// Source: docs/protocol/ratchet.md; Signal's Double Ratchet, section 5.2 (KDF_RK, KDF_CK).
import { utf8 } from "../bytes/utf8.ts";
import type { Crypto } from "../primitives/crypto.ts";
import { revealSecret, SecretBytes } from "../secret/secret-bytes.ts";

const ROOT_INFO: Uint8Array = utf8("talos-double-ratchet-root");
const MESSAGE_INFO: Uint8Array = utf8("talos-double-ratchet-message");
const CHAIN_INFO: Uint8Array = utf8("talos-double-ratchet-chain");

export const RATCHET_SECRET_BYTES = 32;

export interface RootStep {
  /** 32 bytes */
  readonly rootKey: SecretBytes;
  /** 32 bytes */
  readonly chainKey: SecretBytes;
}

export interface ChainStep {
  /** 32 bytes, for one message */
  readonly messageKey: SecretBytes;
  /** 32 bytes */
  readonly chainKey: SecretBytes;
}

/** KDF_RK: `derive(rk || dh, "talos-double-ratchet-root", 64)`, cut in two. Both arguments have 32 bytes. */
export function deriveRoot(rootKey: SecretBytes, sharedSecret: SecretBytes, crypto: Pick<Crypto, "deriveKey">): RootStep {
  const joined = new Uint8Array(2 * RATCHET_SECRET_BYTES);
  joined.set(revealSecret(rootKey));
  joined.set(revealSecret(sharedSecret), RATCHET_SECRET_BYTES);
  using input = SecretBytes.take(joined);
  using output = crypto.deriveKey(input, ROOT_INFO, 2 * RATCHET_SECRET_BYTES);
  const bytes = revealSecret(output);
  return {
    rootKey: SecretBytes.from(bytes.subarray(0, RATCHET_SECRET_BYTES)),
    chainKey: SecretBytes.from(bytes.subarray(RATCHET_SECRET_BYTES)),
  };
}

/** KDF_CK: the key of this message, and the chain key of the next. `chainKey` has 32 bytes. */
export function deriveChain(chainKey: SecretBytes, crypto: Pick<Crypto, "deriveKey">): ChainStep {
  return { messageKey: crypto.deriveKey(chainKey, MESSAGE_INFO, RATCHET_SECRET_BYTES), chainKey: deriveNextChainKey(chainKey, crypto) };
}

/** The half of KDF_CK that passes a message over whose key nobody will ask for. */
export function deriveNextChainKey(chainKey: SecretBytes, crypto: Pick<Crypto, "deriveKey">): SecretBytes {
  return crypto.deriveKey(chainKey, CHAIN_INFO, RATCHET_SECRET_BYTES);
}
