// What a signature is worth, judged from the signer's log as this verifier knows it. Pure; takes no clock, neither the signer's nor the
// verifier's. Must not know where logs, proofs and records come from. Source: docs/protocol/signatures.md, "Verdicts".
import { equalBytes } from "../bytes/bytes.ts";
import { talosError } from "../errors/talos-error.ts";
import type { IdentityLog, LogState } from "../identity/log.ts";
import { decodeEvent } from "../identity/signed-event.ts";
import { sameHead, type AuditHead, type LogHead } from "../keys/heads.ts";
import { samePublicKey, type PublicKey, type SigningAlgorithm } from "../keys/public-key.ts";
import type { Crypto } from "../primitives/crypto.ts";
import { provesSignature, type SignatureProof } from "./signature-proof.ts";
import { verifyUserSignature, type UserSignature } from "./user-signature.ts";

/**
 * `valid`: by the key in force. `valid-then-retired`: by a former key, and shown to be from before its end. `unproved`: by a former key, and
 * anyone who has it by now could have made it. `disowned`: by a key that only events brought in which the owner cut off. `unknown-key`: it
 * names an event that this log does not have.
 */
export type SignatureVerdict = "valid" | "valid-then-retired" | "unproved" | "disowned" | "unknown-key";

/** Why. */
export type SignatureGround =
  | "in-force"
  | "on-record"
  | "seen-before"
  /** Nothing shows that it is from before the key's end. */
  | "no-proof"
  /** The proof is not of this signature, or not under a head that an event in time carries. */
  | "proof-does-not-fit"
  /** On record, but after the point from which the owner suspects the key. */
  | "suspect"
  /** It names an event after the key's end. */
  | "after-the-end"
  /** It, or what proves it, is of one of several histories that contend. */
  | "forked"
  | "cut-off"
  | "no-such-event";

export interface SignatureJudgement {
  readonly verdict: SignatureVerdict;
  readonly ground: SignatureGround;
}

export interface JudgementInput {
  readonly signature: UserSignature;
  /** The signer's. */
  readonly log: IdentityLog;
  /** Events of the signer that a recovery event cut off, as they travelled; in any order. */
  readonly cutOff?: readonly Uint8Array[];
  readonly proof?: SignatureProof | undefined;
  /** The verifier found the same signature `valid`, and wrote that down, before it learned of the event that retired the key. */
  readonly seenBefore?: boolean;
  /** Number of the first event in the log with which another one contends, as long as nobody has decided between them. */
  readonly forkedFrom?: number | undefined;
}

interface InForce {
  readonly identityKey: PublicKey<SigningAlgorithm>;
}

/**
 * @throws TalosError SIGNATURE_INVALID when the key that it names did not make it, or the log is another agent's; MALFORMED and others for
 *   a cut-off event that is none
 */
export function judgeSignature(input: JudgementInput, crypto: Pick<Crypto, "sha256" | "verifySignature">): SignatureJudgement {
  const { signature, log, cutOff = [] } = input;
  if (!equalBytes(signature.agentId, log.agentId)) {
    throw talosError("SIGNATURE_INVALID", "The signature is another agent's.", { details: { reason: "other-agent" } });
  }
  const state = log.states[signature.head.seq];
  if (state !== undefined && sameHead(state.head, signature.head)) {
    verifyUserSignature(signature, state.identityKey, crypto);
    return judgeStanding(input, state, crypto);
  }
  const key = keyOfCutOff(signature.head, cutOff, log, crypto);
  if (key === undefined) return { verdict: "unknown-key", ground: "no-such-event" };
  verifyUserSignature(signature, key, crypto);
  // A key of the log itself is not disowned with the branch; but nobody who honestly had it then names that branch.
  const isOfLog = log.states.some(({ identityKey }) => samePublicKey(identityKey, key));
  return isOfLog ? { verdict: "unproved", ground: "after-the-end" } : { verdict: "disowned", ground: "cut-off" };
}

function judgeStanding(input: JudgementInput, state: LogState, crypto: Pick<Crypto, "sha256">): SignatureJudgement {
  const { signature, log, proof, seenBefore = false, forkedFrom = log.states.length } = input;
  if (state.event === "revocation") return { verdict: "unproved", ground: "after-the-end" };
  // Whose key that is, nobody knows.
  if (state.head.seq >= forkedFrom) return { verdict: "unproved", ground: "forked" };
  const end = endOfKey(log, state);
  if (end === undefined) return { verdict: "valid", ground: "in-force" };
  if (seenBefore) return { verdict: "valid-then-retired", ground: "seen-before" };
  if (proof === undefined) return { verdict: "unproved", ground: "no-proof" };
  const proves = (head: AuditHead): boolean => provesSignature(proof, signature, head, crypto);
  if (!end.auditHeads.some(proves)) return { verdict: "unproved", ground: "proof-does-not-fit" };
  if (proof.index >= end.suspectFrom) return { verdict: "unproved", ground: "suspect" };
  // Who made an event that is contended may have laid any tree under it.
  if (!auditHeadsOf(log.states.slice(state.head.seq + 1, Math.min(end.seq + 1, forkedFrom))).some(proves)) {
    return { verdict: "unproved", ground: "forked" };
  }
  return { verdict: "valid-then-retired", ground: "on-record" };
}

/** How a key ended, as far as it matters for what was signed with it. */
export interface EndOfKey {
  /** Seq of the event that retired it: a rotation to another key, or the revocation. */
  readonly seq: number;
  /** Carried by that event, and by events before it while the key was in force; in order. */
  readonly auditHeads: readonly AuditHead[];
  /** What stands on record from this index on is in doubt, by this or any later event. Infinity: nothing. */
  readonly suspectFrom: number;
}

/** How the key ended that was in force at that state of the log; undefined while it is in force. */
export function endOfKey(log: IdentityLog, state: LogState): EndOfKey | undefined {
  const later = log.states.slice(state.head.seq + 1);
  const ended = later.findIndex(({ event, identityKey }) => event === "revocation" || !samePublicKey(identityKey, state.identityKey));
  if (ended < 0) return undefined;
  const auditHeads = auditHeadsOf(later.slice(0, ended + 1));
  const suspectFrom = Math.min(...later.map((event) => event.suspectFrom ?? Number.POSITIVE_INFINITY));
  return { seq: state.head.seq + 1 + ended, auditHeads, suspectFrom };
}

function auditHeadsOf(states: readonly LogState[]): AuditHead[] {
  return states.flatMap(({ auditHead }) => (auditHead === undefined ? [] : [auditHead]));
}

/** The key that the named event put in force, or left in force, where it is one of those that were cut off. */
function keyOfCutOff(
  head: LogHead,
  cutOff: readonly Uint8Array[],
  log: IdentityLog,
  crypto: Pick<Crypto, "sha256">,
): PublicKey<SigningAlgorithm> | undefined {
  const events = cutOff.map((wire) => decodeEvent(wire, crypto));
  const find = (seq: number, hash: Uint8Array): InForce | undefined => {
    const state = log.states[seq];
    if (state !== undefined && equalBytes(state.head.hash, hash)) return state;
    const found = events.find(({ event, hash: own }) => event.kind !== "inception" && event.seq === seq && equalBytes(own, hash))?.event;
    if (found === undefined || found.kind === "inception") return undefined;
    return found.kind === "rotation" ? found : find(seq - 1, found.previous);
  };
  return find(head.seq, head.hash)?.identityKey;
}
