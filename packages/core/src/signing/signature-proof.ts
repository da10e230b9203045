// That a signature was on record: its entry in the signer's audit tree, and the path from there to a root that an event carries.
// Must not know which event that is. Source: docs/protocol/signatures.md.
import { auditLeaf, decodeAuditEntry, type NewAuditEntry } from "../audit/entry.ts";
import { fromBase64Url, toBase64Url } from "../bytes/base64url.ts";
import { toHex } from "../bytes/hex.ts";
import { encodeStruct, StructReader } from "../codec/struct.ts";
import { talosError } from "../errors/talos-error.ts";
import type { AuditHead } from "../keys/heads.ts";
import type { TreeHash } from "../merkle/hashes.ts";
import { inclusionPath } from "../merkle/tree.ts";
import { verifyInclusion } from "../merkle/verify.ts";
import type { UserSignatureInput } from "./user-signature.ts";

const STRUCTURE = "signature proof";
const MAX_ENTRY_BYTES = 1024;
/** A tree of 2^53 leaves is no deeper. */
const MAX_PATH = 53;

export interface SignatureProof {
  /** The audit entry as it is stored. */
  readonly entry: Uint8Array;
  /** Of the entry in the tree, from 0. */
  readonly index: number;
  /** Of the tree whose root the event carries. */
  readonly size: number;
  /** RFC 6962, lowest first. */
  readonly path: readonly Uint8Array[];
}

/** What the signer's audit says of a signature: everything that its body says. */
export function signatureAuditEntry({ namespace, digest, head }: UserSignatureInput, at: number): NewAuditEntry {
  return { kind: "signature-made", at, details: { namespace, digest: toHex(digest), seq: head.seq } };
}

/** Whether that entry puts this signature on record. Throws as `decodeAuditEntry`. */
export function recordsSignature(entry: Uint8Array, signature: UserSignatureInput): boolean {
  const { kind, details } = decodeAuditEntry(entry, 1);
  const expected = signatureAuditEntry(signature, 0);
  const names = Object.keys(expected.details);
  return kind === expected.kind && names.every((name) => details[name] === expected.details[name]);
}

/** @param entries the first entries of the audit, as many as the tree that the event names has. Throws INVALID_ARGUMENT for an index outside */
export function makeSignatureProof(entries: readonly Uint8Array[], index: number, crypto: TreeHash): SignatureProof {
  const leaves = entries.map((entry) => auditLeaf(entry, crypto));
  const path = inclusionPath(crypto, leaves, index);
  return { entry: entries[index] as Uint8Array, index, size: entries.length, path };
}

/** Whether the proof shows that this signature stands in the tree of that head. */
export function provesSignature(proof: SignatureProof, signature: UserSignatureInput, head: AuditHead, crypto: TreeHash): boolean {
  const { entry, index, size, path } = proof;
  if (size !== head.size || !recordsSignature(entry, signature)) return false;
  return verifyInclusion(crypto, { leafHash: auditLeaf(entry, crypto), index, size, path, root: head.root });
}

export function encodeSignatureProof({ entry, index, size, path }: SignatureProof): Uint8Array {
  return encodeStruct(
    new Map<number, Uint8Array | number | readonly Uint8Array[]>([
      [2, entry],
      [3, index],
      [4, size],
      [5, path],
    ]),
  );
}

/** Throws MALFORMED, UNSUPPORTED_VERSION, UNSUPPORTED_SUITE, UNSUPPORTED_EXTENSION. */
export function decodeSignatureProof(bytes: Uint8Array): SignatureProof {
  const reader = new StructReader(bytes, STRUCTURE, { limits: { maxBytes: 4096 } });
  const entry = reader.bytes(2, { max: MAX_ENTRY_BYTES });
  const index = reader.uint(3);
  const size = reader.uint(4, { min: 1 });
  const list = reader.array(5, { max: MAX_PATH });
  const path: Uint8Array[] = [];
  while (list.remaining > 0) path.push(list.bytes({ length: 32 }));
  reader.finish();
  if (index >= size) throw talosError("MALFORMED", "The entry is outside its tree.", { details: { structure: STRUCTURE } });
  decodeAuditEntry(entry, index + 1);
  return { entry, index, size, path };
}

/** The form in files and on command lines: base64url. */
export function proofToText(proof: SignatureProof): string {
  return toBase64Url(encodeSignatureProof(proof));
}

/** Throws as `decodeSignatureProof`; blanks around the text do not count. */
export function proofFromText(text: string): SignatureProof {
  return decodeSignatureProof(fromBase64Url(text.trim()));
}
