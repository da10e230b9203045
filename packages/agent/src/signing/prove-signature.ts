/**
 * The proof that a signature of this agent was on record when its key ended: for whoever has the signature and did not see it before.
 * Reads only.
 */
import {
  decodeAuditEntry,
  decodeUserSignature,
  encodeSignatureProof,
  endOfKey,
  equalBytes,
  eventHeads,
  logAt,
  makeSignatureProof,
  proofToText,
  provesSignature,
  recordsSignature,
  resumedRecord,
  signatureFromText,
  strangeEvents,
  talosError,
  TreeWalk,
  verifyLog,
  type AgentId,
  type AuditHead,
  type Crypto,
  type EndOfKey,
  type IdentityLog,
  type UserSignature,
} from "@talos/core";
import type { ReadTransaction } from "../vault/index.ts";

export interface ProvedSignature {
  /** The bytes that travel beside the signature. */
  readonly wire: Uint8Array;
  /** The same as text, base64url. */
  readonly text: string;
  /** Seq of the event that retired the key. */
  readonly retiredBy: number;
}

/** @throws TalosError INVALID_ARGUMENT for what is neither; MALFORMED and others for what is no signature */
export function readSignature(given: unknown, crypto: Crypto): UserSignature {
  if (typeof given === "string") return signatureFromText(given, crypto);
  if (given instanceof Uint8Array) return decodeUserSignature(given, crypto);
  throw talosError("INVALID_ARGUMENT", "A signature is given as its bytes or as base64url text.", { details: { argument: "signature" } });
}

/**
 * @throws TalosError PROOF_NOT_POSSIBLE with `details.reason`: `key-in-force` (needs none yet), `not-on-record`, `no-audit-head` (the event
 *   that retired the key carries none, or it is of an earlier record), `after-the-end`, `suspect`; HEAD_UNKNOWN, SIGNATURE_INVALID (another
 *   agent's), AUDIT_INVALID, and others of a damaged vault
 */
export function proveSignature(tx: ReadTransaction, agentId: AgentId, signature: UserSignature, crypto: Crypto): ProvedSignature {
  if (!equalBytes(signature.agentId, agentId)) throw talosError("SIGNATURE_INVALID", undefined, { details: { reason: "other-agent" } });
  const events = tx.log.events().map(({ wire }) => wire);
  const { log } = verifyLog(undefined, events, 0, crypto, agentId);
  const end = endOfKey(log, logAt(log, signature.head));
  if (end === undefined) throw notPossible("key-in-force");
  const entries = tx.audit.stored();
  const index = entries.findIndex((entry) => recordsSignature(entry, signature));
  if (index < 0) throw notPossible("not-on-record");
  if (index >= end.suspectFrom) throw notPossible("suspect");
  if (end.auditHeads.length === 0) throw notPossible("no-audit-head");
  const newest = newestHeld(entries, log, end, crypto);
  if (index >= newest.size) throw notPossible(newest === end.auditHeads.at(-1) ? "after-the-end" : "no-audit-head");
  const proof = makeSignatureProof(entries.slice(0, newest.size), index, crypto);
  if (!provesSignature(proof, signature, newest, crypto))
    throw talosError("AUDIT_INVALID", undefined, { details: { reason: "event-head-differs" } });
  return { wire: encodeSignatureProof(proof), text: proofToText(proof), retiredBy: end.seq };
}

/** Of the heads that may prove it. Those of a record that is lost prove nothing here. */
function newestHeld(entries: readonly Uint8Array[], log: IdentityLog, { auditHeads, seq }: EndOfKey, crypto: Crypto): AuditHead {
  const walk = new TreeWalk(crypto, eventHeads(log));
  for (const entry of entries) walk.append(entry);
  const newest = auditHeads.findLast((head) => walk.holds(head));
  const read = entries.map((entry, index) => decodeAuditEntry(entry, index + 1));
  const facts = { began: read[0]?.at ?? 0, resumed: read.flatMap((entry) => resumedRecord(entry) ?? []) };
  const { wrong } = strangeEvents(log, { holds: (head) => walk.holds(head), ...facts });
  if (wrong.some(({ head }) => head.seq <= seq))
    throw talosError("AUDIT_INVALID", undefined, { details: { reason: "event-head-differs" } });
  if (newest === undefined) throw notPossible("no-audit-head");
  return newest;
}

function notPossible(reason: string): Error {
  return talosError("PROOF_NOT_POSSIBLE", undefined, { details: { reason } });
}
