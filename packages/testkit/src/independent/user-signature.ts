// Signatures of applications, proofs that they were on record, and what they are worth (signatures.md).
import { decodeAuditEntry } from "./audit.ts";
import { hex } from "./bytes.ts";
import { decodeIdentityEvent, REVOCATION, type IdentityEvent, type IdentityLog } from "./identity.ts";
import { labelledHash, sha256 } from "./hashes.ts";
import { sameKey, type PublicKey } from "./keys.ts";
import { rootOfPath } from "./prekeys.ts";
import { demand, Refusal, refuse } from "./refusal.ts";
import { checkRole, checkRoles, HOLDER, splitSigned, type Signed } from "./signed.ts";
import { asBytes, asTuple, asUint, Fields, type AuditHead, type LogHead } from "./structure.ts";

const LONGEST_SIGNATURE = 1024;
const LONGEST_PROOF = 4096;
const LONGEST_ENTRY = 1024;
const LONGEST_PATH = 53;
const LAST_SEQ = 9_999;

export interface UserSignature {
  readonly hash: string;
  readonly agentId: string;
  readonly head: LogHead;
  readonly namespace: string;
  readonly digest: string;
  readonly signed: Signed;
}

/** Form alone. */
export function decodeUserSignature(bytes: Uint8Array): UserSignature {
  const signed = splitSigned(bytes, LONGEST_SIGNATURE);
  const fields = new Fields(signed.body);
  const agentId = fields.hex(2, 32);
  const [seq, event] = asTuple(fields.raw(3), 2);
  const signature: UserSignature = {
    hash: hex(labelledHash("user-signature", signed.body)),
    agentId,
    head: { seq: asUint(seq, 0, LAST_SEQ), hash: hex(asBytes(event, 32)) },
    namespace: fields.text(4, 64),
    digest: fields.hex(5, 32),
    signed,
  };
  fields.end();
  demand(/^[\u0021-\u007e]{1,64}$/u.test(signature.namespace), "a namespace of visible ASCII");
  return signature;
}

/** Verifier's own namespace and message. */
export function checkSubject({ namespace, digest }: UserSignature, wantedNamespace: string, message: Uint8Array): void {
  if (namespace !== wantedNamespace) refuse("signature-invalid", "another namespace");
  if (digest !== hex(sha256(message))) refuse("signature-invalid", "another message");
}

export interface SignatureProof {
  readonly entry: Uint8Array;
  readonly index: number;
  readonly size: number;
  readonly path: readonly Uint8Array[];
}

export function decodeSignatureProof(bytes: Uint8Array): SignatureProof {
  demand(bytes.length <= LONGEST_PROOF, "at most 4,096 bytes");
  const fields = new Fields(bytes);
  const path = fields.raw(5);
  demand(Array.isArray(path) && path.length <= LONGEST_PATH, "at most 53 hashes");
  const proof: SignatureProof = {
    entry: fields.bytes(2),
    index: fields.uint(3),
    size: fields.uint(4),
    path: (path as readonly Uint8Array[]).map((hash) => asBytes(hash, 32)),
  };
  fields.end();
  demand(proof.entry.length <= LONGEST_ENTRY, "an entry of at most 1,024 bytes");
  demand(proof.index < proof.size, "the index is outside the tree");
  decodeAuditEntry(proof.entry);
  return proof;
}

/** Whether the entry puts this signature on record, and stands in the tree of that head. */
export function proves({ entry, index, size, path }: SignatureProof, signature: UserSignature, head: AuditHead): boolean {
  const { kind, details } = decodeAuditEntry(entry);
  const said = new Map(details);
  const records =
    kind === "signature-made" &&
    said.get("namespace") === signature.namespace &&
    said.get("digest") === signature.digest &&
    said.get("seq") === signature.head.seq;
  if (!records || size !== head.size) return false;
  try {
    return hex(rootOfPath(entry, index, size, path)) === head.root;
  } catch (error) {
    if (error instanceof Refusal) return false;
    throw error;
  }
}

export interface Evidence {
  readonly cutOff: readonly Uint8Array[];
  readonly proof: SignatureProof | undefined;
  readonly seenBefore: boolean;
  /** The first contended event of the log, while nobody has decided. */
  readonly forkedFrom: number | undefined;
}

export type SignatureVerdict = "valid" | "valid-then-retired" | "unproved" | "disowned" | "unknown-key";

/** One of five verdicts; refuses as `signature-invalid` what the key of the named event did not make. */
export function verdictOf(signature: UserSignature, log: IdentityLog, evidence: Evidence): SignatureVerdict {
  const { agentId, head, signed } = signature;
  if (agentId !== log.agentId) refuse("signature-invalid", "another agent's log");
  const stands = log.events[head.seq]?.hash === head.hash;
  const key = stands ? keyOf(log, head.seq) : keyOfCutOff(log, evidence.cutOff, head);
  if (key === undefined) return "unknown-key";
  checkRoles(signed.signatures, [HOLDER]);
  checkRole("user", signed, HOLDER, key);
  if (stands) return amongStanding(signature, log, key, evidence);
  return log.events.some(({ installed }) => installed !== null && sameKey(installed.identityKey, key)) ? "unproved" : "disowned";
}

function amongStanding(signature: UserSignature, log: IdentityLog, key: PublicKey, evidence: Evidence): SignatureVerdict {
  const { seq } = signature.head;
  const { proof, forkedFrom = log.events.length } = evidence;
  if (log.events[seq]?.kind === REVOCATION || seq >= forkedFrom) return "unproved";
  const later = log.events.slice(seq + 1);
  const end = later.find(({ kind, installed }) => kind === REVOCATION || (installed !== null && !sameKey(installed.identityKey, key)));
  if (end === undefined) return "valid";
  if (evidence.seenBefore) return "valid-then-retired";
  if (proof === undefined) return "unproved";
  const isDoubted = later.some(
    ({ following }) => following !== null && following.suspectFrom !== null && proof.index >= following.suspectFrom,
  );
  const inTime = later.filter((event) => event.seq <= end.seq && event.seq < forkedFrom).map(auditHeadOf);
  return !isDoubted && inTime.some((head) => head !== null && proves(proof, signature, head)) ? "valid-then-retired" : "unproved";
}

function auditHeadOf({ following }: IdentityEvent): AuditHead | null {
  return following?.auditHead ?? null;
}

/** The identity key in force after an event of the log; after a revocation that of before. */
function keyOf(log: IdentityLog, seq: number): PublicKey | undefined {
  return log.events.slice(0, seq + 1).findLast(({ installed }) => installed !== null)?.installed?.identityKey;
}

/** The same of an event that was cut off; a revocation leaves the key of the event before it in force. */
function keyOfCutOff(log: IdentityLog, cutOff: readonly Uint8Array[], { seq, hash }: LogHead): PublicKey | undefined {
  if (log.events[seq]?.hash === hash) return keyOf(log, seq);
  const event = cutOff.map((bytes) => decodeIdentityEvent(bytes)).find((candidate) => candidate.seq === seq && candidate.hash === hash);
  if (event === undefined || event.following === null) return undefined;
  return event.installed?.identityKey ?? keyOfCutOff(log, cutOff, { seq: seq - 1, hash: event.following.previous });
}
