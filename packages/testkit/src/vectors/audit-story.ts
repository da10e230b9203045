// What alice has on record in the vectors, and what she signed: an audit of six entries, of which two put signatures on record.
import {
  auditLeaf,
  encodeAuditEntry,
  encodeSigned,
  nodeCrypto,
  prepareUserSignature,
  signatureAuditEntry,
  treeRoot,
  utf8,
  type AuditDetails,
  type AuditHead,
  type AuditKind,
  type UserSignatureInput,
} from "@talos/core";
import { inceptionOf, logOfBranch, type Branch } from "./branch.ts";
import { signAll, STORY_START, type Signer } from "./cast.ts";

export const NAMESPACE = "git@example";
export const MESSAGE: Uint8Array = utf8("Ship it.");
export const start: Branch = inceptionOf("alice");

/** What a signature of that message under the head of that branch says. */
export function signatureInput(branch: Branch, namespace: string = NAMESPACE, message: Uint8Array = MESSAGE): UserSignatureInput {
  const { agentId } = logOfBranch({ ...branch, wires: branch.wires.slice(0, 1) });
  return { agentId, head: branch.head, namespace, digest: nodeCrypto.sha256(message) };
}

/** By the key of the branch, unless another signs in its name. */
export function signatureUnder(branch: Branch, by: Signer = branch.identity, namespace?: string, message?: Uint8Array): Uint8Array {
  const prepared = prepareUserSignature(signatureInput(branch, namespace, message));
  return encodeSigned(prepared.body, signAll(prepared, { 1: by }));
}

export function entryOf(kind: AuditKind, details: AuditDetails, at: number = 0): Uint8Array {
  return encodeAuditEntry({ kind, at: STORY_START + at, details }, 1);
}

const OTHER: Uint8Array = utf8("Do not ship it.");

export const entries: readonly Uint8Array[] = [
  entryOf("vault-created", { slot: 1, unlock: "password", label: "of the operator" }),
  entryOf("event-signed", { seq: 0, event: "inception" }, 1),
  encodeAuditEntry(signatureAuditEntry(signatureInput(start), STORY_START + 2), 1),
  entryOf("unlocked", { slot: 1, unlock: "password" }, 3),
  encodeAuditEntry(signatureAuditEntry(signatureInput(start, NAMESPACE, OTHER), STORY_START + 4), 2),
  entryOf("file-quarantined", { file: 'a "b" \\ \u0001\n\u007f \u2028 ñ 🗝', as: "" }, 5),
];

/** Places of the two signatures in it. */
export const ON_RECORD = 2;
export const OTHER_ON_RECORD = 4;

export function headOf(size: number, all: readonly Uint8Array[] = entries): AuditHead {
  const leaves = all.slice(0, size).map((entry) => auditLeaf(entry, nodeCrypto));
  return { size, root: treeRoot(nodeCrypto, leaves) };
}
