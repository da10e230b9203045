// The state of a Double Ratchet: an immutable value. Knows no peer, no handshake and no envelope: two secrets and two keys begin it.
// Source: Signal's Double Ratchet, section 3; docs/protocol/ratchet.md.
import type { AgreementKey, Crypto } from "../primitives/crypto.ts";
import type { SecretBytes } from "../secret/secret-bytes.ts";
import { deriveRoot } from "./kdf.ts";
import type { RatchetKeyPair } from "./key-pair.ts";
import { NO_SKIPPED_KEYS, type ChainName, type SkippedKeys } from "./skipped-keys.ts";

/**
 * Whose turn it is.
 *
 * - `sending`: there is a sending chain, made against the peer's newest ratchet key.
 * - `listening`: the peer has taken a step since; this side's next message makes a new key. Until then there is no own private key at
 *   all: the old one can do nothing more, and one that does not exist cannot be stolen.
 * - `prekey`: the responder before the first message; the key is lent by its owner and never wiped here.
 */
export type Turn =
  | { readonly kind: "sending"; readonly key: RatchetKeyPair; readonly chainKey: SecretBytes; readonly counter: number }
  | { readonly kind: "listening" }
  | { readonly kind: "prekey"; readonly key: AgreementKey };

/** The peer's newest chain. */
export interface ReceivingChain extends ChainName {
  readonly chainKey: SecretBytes;
  /** Of the next message that was not derived yet. */
  readonly counter: number;
}

export interface RatchetState {
  readonly rootKey: SecretBytes;
  readonly turn: Turn;
  /** Sending chains made so far; the number of the current one is one less. */
  readonly sendingChains: number;
  /** Length of the last finished sending chain. */
  readonly previousChainLength: number;
  readonly receiving: ReceivingChain | undefined;
  readonly skipped: SkippedKeys;
}

/** What every transition returns beside its own results. */
export interface Transition {
  readonly next: RatchetState;
  /** 32 bytes, for one message; the caller's to wipe, whether the message succeeds or not. */
  readonly messageKey: SecretBytes;
  /** Number of the chain, from 0; both sides count alike, since each step answers the one before. */
  readonly chain: number;
  /** Secrets that the state before has and `next` has not. To be wiped once `next` is stored. */
  readonly used: readonly Disposable[];
  /** Secrets that `next` has and the state before has not. To be wiped if `next` is thrown away. */
  readonly fresh: readonly Disposable[];
}

/** Wipes each of them. */
export function wipeAll(secrets: Iterable<Disposable>): void {
  for (const secret of secrets) secret[Symbol.dispose]();
}

/**
 * The initiator's state: its first ratchet key was made before the handshake, which binds it, and it takes the first step at once.
 *
 * @param rootKey 32 bytes; used up
 * @param key belongs to the state from now on, and is wiped if this throws
 * @param remoteRatchetKey 32 bytes
 * @throws TalosError WEAK_PUBLIC_KEY, MALFORMED
 */
export function initiatorRatchet(rootKey: SecretBytes, key: RatchetKeyPair, remoteRatchetKey: Uint8Array, crypto: Crypto): RatchetState {
  using before = rootKey;
  try {
    using shared = key.agree(remoteRatchetKey, crypto);
    const step = deriveRoot(before, shared, crypto);
    return {
      rootKey: step.rootKey,
      turn: { kind: "sending", key, chainKey: step.chainKey, counter: 0 },
      sendingChains: 1,
      previousChainLength: 0,
      receiving: undefined,
      skipped: NO_SKIPPED_KEYS,
    };
  } catch (error) {
    key[Symbol.dispose]();
    throw error;
  }
}

/**
 * The responder's state before the first message.
 *
 * @param rootKey 32 bytes; belongs to the state from now on
 * @param ownRatchetKey lent
 */
export function responderRatchet(rootKey: SecretBytes, ownRatchetKey: AgreementKey): RatchetState {
  return {
    rootKey,
    turn: { kind: "prekey", key: ownRatchetKey },
    sendingChains: 0,
    previousChainLength: 0,
    receiving: undefined,
    skipped: NO_SKIPPED_KEYS,
  };
}

/** Wipes every secret of a state that nobody will use any more. */
export function wipeRatchet(state: RatchetState): void {
  state.rootKey.dispose();
  if (state.turn.kind === "sending") wipeAll([state.turn.key, state.turn.chainKey]);
  state.receiving?.chainKey.dispose();
  wipeAll(state.skipped.runs.map((run) => run.keys));
}
