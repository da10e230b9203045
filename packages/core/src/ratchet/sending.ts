// The sending half of the ratchet: the key and the position of the next message.
// Source: Signal's Double Ratchet, sections 3.4 and 3.5, with the sender's step deferred to its first message.
import { talosError } from "../errors/talos-error.ts";
import type { Crypto } from "../primitives/crypto.ts";
import { RATCHET_BOUNDS } from "./bounds.ts";
import type { RatchetPosition } from "./header.ts";
import { deriveChain, deriveRoot } from "./kdf.ts";
import { RatchetKeyPair } from "./key-pair.ts";
import { wipeAll, type RatchetState, type Transition, type Turn } from "./state.ts";

export interface Sending extends Transition {
  readonly header: RatchetPosition;
}

type SendingTurn = Extract<Turn, { kind: "sending" }>;

/** Number of the chain that the next message belongs to. */
export function nextSendingChain(state: RatchetState): number {
  return state.turn.kind === "sending" ? state.sendingChains - 1 : state.sendingChains;
}

/** Counter of the next message in that chain. */
export function nextSendingCounter(state: RatchetState): number {
  return state.turn.kind === "sending" ? state.turn.counter : 0;
}

/**
 * The next message's key and position. Takes this side's step first, where the peer has taken one.
 *
 * @throws TalosError SESSION_EXHAUSTED after `maxUnanswered` messages in one chain; INVALID_ARGUMENT before the responder has opened
 *   the first message; WEAK_PUBLIC_KEY
 */
export function nextSending(state: RatchetState, crypto: Crypto): Sending {
  const { turn } = state;
  if (turn.kind === "prekey") throw talosError("INVALID_ARGUMENT", "Nothing is sent before the first message was opened.");
  if (turn.kind === "sending") return sendInChain(state, turn, crypto, [], []);

  const { receiving } = state;
  if (receiving === undefined) throw talosError("INTERNAL", "A ratchet that listens has heard nothing.");
  const fresh: Disposable[] = [];
  try {
    const key = RatchetKeyPair.generate(crypto);
    fresh.push(key);
    using shared = key.agree(receiving.ratchetKey, crypto);
    const { rootKey, chainKey } = deriveRoot(state.rootKey, shared, crypto);
    fresh.push(rootKey, chainKey);
    const stepped = { ...state, rootKey, sendingChains: state.sendingChains + 1 };
    return sendInChain(stepped, { kind: "sending", key, chainKey, counter: 0 }, crypto, [state.rootKey], fresh);
  } catch (error) {
    wipeAll(fresh);
    throw error;
  }
}

function sendInChain(
  state: RatchetState,
  turn: SendingTurn,
  crypto: Crypto,
  used: readonly Disposable[],
  fresh: readonly Disposable[],
): Sending {
  if (turn.counter >= RATCHET_BOUNDS.maxUnanswered) {
    throw talosError("SESSION_EXHAUSTED", undefined, { details: { maxUnanswered: RATCHET_BOUNDS.maxUnanswered } });
  }
  const { messageKey, chainKey } = deriveChain(turn.chainKey, crypto);
  return {
    next: { ...state, turn: { ...turn, chainKey, counter: turn.counter + 1 } },
    messageKey,
    header: { ratchetKey: turn.key.publicKey, previousChainLength: state.previousChainLength, counter: turn.counter },
    chain: state.sendingChains - 1,
    used: [...used, turn.chainKey],
    fresh: [...fresh, chainKey],
  };
}
