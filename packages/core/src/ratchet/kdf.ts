// The derivations of the Double Ratchet, and nothing else. Arguments stay the caller's; what is made on the way is wiped here.
// Source: docs/protocol/ratchet.md; Signal's Double Ratchet, section 5.2 (KDF_RK, KDF_CK).
import { settledBytes } from "../bytes/bytes.ts";
import { utf8 } from "../bytes/utf8.ts";
import type { Crypto } from "../primitives/crypto.ts";
import { revealSecret, SecretBytes } from "../secret/secret-bytes.ts";

const ROOT_INFO: Uint8Array = utf8("talos-double-ratchet-root");
// Each with the block counter of HKDF-Expand behind it (RFC 5869, 2.3): 32 bytes are the first block and nothing else.
const MESSAGE_BLOCK: Uint8Array = utf8("talos-double-ratchet-message\u0001");
const CHAIN_BLOCK: Uint8Array = utf8("talos-double-ratchet-chain\u0001");
/** HKDF-Extract without a salt (RFC 5869, 2.2). */
const NO_SALT: SecretBytes = SecretBytes.take(new Uint8Array(32));

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
  const joined = settledBytes(2 * RATCHET_SECRET_BYTES);
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

/**
 * KDF_CK: the key of this message, and the chain key of the next. `chainKey` has 32 bytes. Both are `derive(chainKey, label, 32)`; written
 * out as HMACs, since they share HKDF's extraction, and this is the step that every message takes on both sides.
 */
export function deriveChain(chainKey: SecretBytes, crypto: Pick<Crypto, "hmacSha256">): ChainStep {
  using extracted = crypto.hmacSha256(NO_SALT, revealSecret(chainKey));
  return { messageKey: crypto.hmacSha256(extracted, MESSAGE_BLOCK), chainKey: crypto.hmacSha256(extracted, CHAIN_BLOCK) };
}

/** The half of KDF_CK that passes a message over whose key nobody will ask for. */
export function deriveNextChainKey(chainKey: SecretBytes, crypto: Pick<Crypto, "hmacSha256">): SecretBytes {
  using extracted = crypto.hmacSha256(NO_SALT, revealSecret(chainKey));
  return crypto.hmacSha256(extracted, CHAIN_BLOCK);
}
