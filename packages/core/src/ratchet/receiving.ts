// The receiving half of the ratchet: the key of a message from its header, on a copy. Nothing here is authenticated yet: the caller
// opens the message with the key, and throws `next` away if that fails.
// Source: Signal's Double Ratchet, sections 3.5 and 3.6.
import { equalBytes, settledBytes } from "../bytes/bytes.ts";
import { talosError } from "../errors/talos-error.ts";
import type { Crypto } from "../primitives/crypto.ts";
import { revealSecret, SecretBytes } from "../secret/secret-bytes.ts";
import { RATCHET_BOUNDS } from "./bounds.ts";
import type { RatchetPosition } from "./header.ts";
import { deriveChain, deriveNextChainKey, deriveRoot, RATCHET_SECRET_BYTES } from "./kdf.ts";
import {
  addSkippedRuns,
  expireSkippedKeys,
  forgetOldChains,
  MAX_RUN_KEYS,
  skippedChain,
  takeSkippedKey,
  type ChainName,
  type SkippedChange,
  type SkippedKeys,
  type SkippedRun,
} from "./skipped-keys.ts";
import { wipeAll, type RatchetState, type ReceivingChain, type Transition } from "./state.ts";

export interface Receiving extends Transition {
  /** True if the message is the first seen of a new chain: the peer has answered this side's newest chain. */
  readonly stepped: boolean;
}

/** Collects what a transition makes and what it replaces. */
interface Ledger {
  readonly crypto: Crypto;
  readonly now: number;
  readonly used: Disposable[];
  readonly fresh: Disposable[];
}

/**
 * The key of the message at this position, and the state after it.
 *
 * @param now milliseconds: for the age of skipped keys
 * @throws TalosError TOO_MANY_SKIPPED, before anything is derived, if the message is too far ahead; DECRYPTION_FAILED if its key is not
 *   there (opened before, dropped, or of a chain that cannot be); MALFORMED if the header carries KEM parts; WEAK_PUBLIC_KEY
 */
export function advance(state: RatchetState, header: RatchetPosition, crypto: Crypto, now: number): Receiving {
  // No session of this release negotiates post-quantum steps: parts that nobody asked for are not skipped over.
  if (header.kem !== undefined) {
    throw talosError("MALFORMED", undefined, { details: { structure: "ratchet header", reason: "KEM parts were not negotiated" } });
  }
  const ledger: Ledger = { crypto, now, used: [], fresh: [] };
  try {
    return locate(state, header, ledger);
  } catch (error) {
    wipeAll(ledger.fresh);
    throw error;
  }
}

function locate(state: RatchetState, header: RatchetPosition, ledger: Ledger): Receiving {
  const current = state.receiving;
  if (current !== undefined && equalBytes(header.ratchetKey, current.ratchetKey)) {
    if (header.counter < current.counter) return openLate(state, current, header.counter, ledger);
    return followChain(state, current, header.counter, ledger);
  }
  const old = skippedChain(state.skipped, header.ratchetKey);
  if (old !== undefined) return openLate(state, old, header.counter, ledger);
  return takeStep(state, header, ledger);
}

/** A message that others have overtaken. */
function openLate(state: RatchetState, chain: ChainName, counter: number, ledger: Ledger): Receiving {
  const kept = note(expireSkippedKeys(state.skipped, ledger.now), ledger);
  const taken = takeSkippedKey(kept, chain.index, counter);
  if (taken === undefined) throw talosError("DECRYPTION_FAILED");
  return finish({ ...state, skipped: note(taken, ledger) }, taken.messageKey, chain.index, false, ledger);
}

/** A message at or after the head of the peer's newest chain. */
function followChain(state: RatchetState, chain: ReceivingChain, counter: number, ledger: Ledger): Receiving {
  checkJump(counter - chain.counter);
  return openAhead(state, chain, counter, note(expireSkippedKeys(state.skipped, ledger.now), ledger), false, ledger);
}

/** The first message seen of a new chain: the rest of the old chain is skipped, then the root key moves on. */
function takeStep(state: RatchetState, header: RatchetPosition, ledger: Ledger): Receiving {
  const { turn, receiving: old } = state;
  // While this side listens the peer has nothing new to answer, so no honest step can come.
  if (turn.kind === "listening") throw talosError("DECRYPTION_FAILED");
  const missing = header.previousChainLength - (old?.counter ?? 0);
  // A chain that ends before what was already received of it is another copy's; before the first chain there was none.
  if (missing < 0 || (old === undefined && missing > 0)) throw talosError("DECRYPTION_FAILED");
  checkJump(missing + header.counter);

  using shared = turn.kind === "sending" ? turn.key.agree(header.ratchetKey, ledger.crypto) : turn.key.agree(header.ratchetKey);
  const { rootKey, chainKey } = deriveRoot(state.rootKey, shared, ledger.crypto);
  ledger.fresh.push(rootKey, chainKey);

  let skipped = note(expireSkippedKeys(state.skipped, ledger.now), ledger);
  if (old !== undefined) {
    const room = Math.max(0, RATCHET_BOUNDS.maxSkippedKeys - header.counter);
    const { runs, chainKey: rest } = walk(old, header.previousChainLength, room, ledger);
    skipped = note(addSkippedRuns(skipped, runs), ledger);
    ledger.used.push(old.chainKey, rest);
  }
  const chain: ReceivingChain = { index: (old?.index ?? -1) + 1, ratchetKey: header.ratchetKey, chainKey, counter: 0 };
  skipped = note(forgetOldChains(skipped, chain.index), ledger);

  ledger.used.push(state.rootKey);
  if (turn.kind === "sending") ledger.used.push(turn.key, turn.chainKey);
  const stepped: RatchetState = {
    ...state,
    rootKey,
    turn: { kind: "listening" },
    previousChainLength: turn.kind === "sending" ? turn.counter : 0,
  };
  return openAhead(stepped, chain, header.counter, skipped, true, ledger);
}

/** Skips up to `counter`, then derives the key of the message there. */
function openAhead(
  state: RatchetState,
  chain: ReceivingChain,
  counter: number,
  skipped: SkippedKeys,
  stepped: boolean,
  ledger: Ledger,
): Receiving {
  const walked = walk(chain, counter, RATCHET_BOUNDS.maxSkippedKeys, ledger);
  const kept = walked.runs.length === 0 ? skipped : note(addSkippedRuns(skipped, walked.runs), ledger);
  const { messageKey, chainKey } = deriveChain(walked.chainKey, ledger.crypto);
  ledger.fresh.push(chainKey);
  ledger.used.push(chain.chainKey, walked.chainKey);
  const receiving: ReceivingChain = { index: chain.index, ratchetKey: chain.ratchetKey, chainKey, counter: counter + 1 };
  return finish({ ...state, receiving, skipped: kept }, messageKey, chain.index, stepped, ledger);
}

function finish(next: RatchetState, messageKey: SecretBytes, chain: number, stepped: boolean, ledger: Ledger): Receiving {
  return { next, messageKey, chain, stepped, used: ledger.used, fresh: ledger.fresh };
}

/** The total of one message, whichever chains it lies in. */
function checkJump(skippedMessages: number): void {
  if (skippedMessages > RATCHET_BOUNDS.maxJump) {
    throw talosError("TOO_MANY_SKIPPED", undefined, { details: { skippedMessages, maxJump: RATCHET_BOUNDS.maxJump } });
  }
}

/**
 * Passes over the messages up to `end`, keeping the keys of the last `room` of them: the others would be dropped as the oldest.
 * Returns the chain key at `end`; it is the chain's own where nothing was passed over.
 */
function walk(chain: ReceivingChain, end: number, room: number, ledger: Ledger): { runs: SkippedRun[]; chainKey: SecretBytes } {
  const { crypto, now } = ledger;
  const runs: SkippedRun[] = [];
  const name: ChainName = { index: chain.index, ratchetKey: chain.ratchetKey };
  const keepFrom = Math.max(chain.counter, end - room);
  // The chain's own key belongs to the state before; only the ones made here are wiped on the way.
  let made: SecretBytes | undefined;
  const replaceBy = (nextChainKey: SecretBytes): void => {
    made?.dispose();
    made = nextChainKey;
  };
  for (let counter = chain.counter; counter < keepFrom; counter++) replaceBy(deriveNextChainKey(made ?? chain.chainKey, crypto));
  for (let first = keepFrom; first < end; first += MAX_RUN_KEYS) {
    const count = Math.min(MAX_RUN_KEYS, end - first);
    const keys = SecretBytes.take(settledBytes(count * RATCHET_SECRET_BYTES));
    ledger.fresh.push(keys);
    for (let i = 0; i < count; i++) {
      const step = deriveChain(made ?? chain.chainKey, crypto);
      revealSecret(keys).set(revealSecret(step.messageKey), i * RATCHET_SECRET_BYTES);
      step.messageKey.dispose();
      replaceBy(step.chainKey);
    }
    runs.push({ chain: name, first, count, storedAt: now, keys });
  }
  if (made !== undefined) ledger.fresh.push(made);
  return { runs, chainKey: made ?? chain.chainKey };
}

function note(change: SkippedChange, ledger: Ledger): SkippedKeys {
  ledger.used.push(...change.used);
  ledger.fresh.push(...change.fresh);
  return change.skipped;
}
