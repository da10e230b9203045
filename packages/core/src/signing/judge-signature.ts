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
  const { log, proof, seenBefore = false } = input;
  if (state.event === "revocation") return { verdict: "unproved", ground: "after-the-end" };
  const retiring = log.states.findIndex((later) => later.head.seq > state.head.seq && ends(later, state));
  if (retiring < 0) return { verdict: "valid", ground: "in-force" };
  if (seenBefore) return { verdict: "valid-then-retired", ground: "seen-before" };
  if (proof === undefined) return { verdict: "unproved", ground: "no-proof" };
  return judgeProof(input, proof, log.states.slice(state.head.seq + 1), retiring, crypto);
}

function ends(later: LogState, state: LogState): boolean {
  return later.event === "revocation" || !samePublicKey(later.identityKey, state.identityKey);
}

/** @param later the events after the one that the signature names; of these, the ones up to the retiring event were signed in time */
function judgeProof(
  { signature }: JudgementInput,
  proof: SignatureProof,
  later: readonly LogState[],
  retiring: number,
  crypto: Pick<Crypto, "sha256">,
): SignatureJudgement {
  const heads = later.filter(({ head }) => head.seq <= retiring).flatMap(({ auditHead }): AuditHead[] => (auditHead ? [auditHead] : []));
  if (!heads.some((head) => provesSignature(proof, signature, head, crypto))) return { verdict: "unproved", ground: "proof-does-not-fit" };
  const suspectFrom = Math.min(...later.map((state) => state.suspectFrom ?? Number.POSITIVE_INFINITY));
  if (proof.index >= suspectFrom) return { verdict: "unproved", ground: "suspect" };
  return { verdict: "valid-then-retired", ground: "on-record" };
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
