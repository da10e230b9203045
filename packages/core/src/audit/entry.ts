// Audit entries to bytes and back, and their place in the agent's audit tree: one RFC 6962 tree over all entries, in their order.
// Must not know where entries are kept or what follows from one. Source: docs/protocol/audit.md.
import { malformedField } from "../codec/fields.ts";
import { encodeStruct, StructReader } from "../codec/struct.ts";
import { leafHash, type TreeHash } from "../merkle/hashes.ts";

/** What an entry can be about; docs/protocol/audit.md says what each one means and carries. */
export const AUDIT_KINDS = [
  "vault-created",
  "vault-rescued",
  "vault-key-replaced",
  "slot-added",
  "slot-removed",
  "password-changed",
  "kdf-raised",
  "file-quarantined",
  "unlocked",
  "unlock-failed",
  "key-created",
  "key-first-used",
  "key-rotated",
  "key-retired",
  "key-ended",
  "key-exported",
  "key-restored",
  "certificate-signed",
  "batch-signed",
  "signature-made",
  "event-signed",
  "peer-event",
  "takeover",
  "recovery-kit-created",
  "recovery-kit-checked",
  "backup-created",
  "backup-verified",
  "backup-restored",
  "emergency",
  "session-replaced",
  "identity-moved",
  "identity-recovered",
] as const;
export type AuditKind = (typeof AUDIT_KINDS)[number];

/** Who and what, in names of the kind's own. Public: never a secret. */
export type AuditDetails = Readonly<Record<string, string | number>>;

export interface NewAuditEntry {
  readonly kind: AuditKind;
  /** By the owner's clock, milliseconds since 1970. */
  readonly at: number;
  /** At most 32; names and texts of at most 1,024 bytes, numbers unsigned. No name begins with a digit. */
  readonly details: AuditDetails;
}

export interface AuditEntry {
  /** 1 and up, without gaps; the index in the tree is one less. */
  readonly order: number;
  /** An `AuditKind`, or one of a later release. */
  readonly kind: string;
  readonly at: number;
  /** Of the opening that wrote it. */
  readonly generation: number;
  readonly details: AuditDetails;
}

const STRUCTURE = "audit entry";
const MAX_KIND_BYTES = 64;
const DETAILS = { maxEntries: 32, maxBytes: 1024 } as const;

/** @throws TalosError MALFORMED for what could not be read again */
export function encodeAuditEntry({ kind, at, details }: NewAuditEntry, generation: number): Uint8Array {
  const entry = encodeStruct(
    new Map<number, string | number | ReadonlyMap<string, string | number>>([
      [2, kind],
      [3, at],
      [4, generation],
      [5, new Map(Object.entries(details))],
    ]),
  );
  decodeAuditEntry(entry, 1);
  return entry;
}

/** @throws TalosError MALFORMED, UNSUPPORTED_VERSION, UNSUPPORTED_SUITE, UNSUPPORTED_EXTENSION */
export function decodeAuditEntry(entry: Uint8Array, order: number): AuditEntry {
  const reader = new StructReader(entry, STRUCTURE);
  const fields: AuditEntry = {
    order,
    kind: reader.text(2, { maxBytes: MAX_KIND_BYTES }),
    at: reader.uint(3),
    generation: reader.uint(4),
    details: Object.fromEntries(reader.textMap(5, DETAILS)),
  };
  reader.finish();
  // An object of JavaScript puts names that are numbers first, in whatever order they came: an export would say it in another order.
  if (Object.keys(fields.details).some((name) => /^[0-9]/.test(name))) throw malformedField(reader.place(5), "a name begins with a digit");
  return fields;
}

/** The leaf hash of an entry as it is stored, 32 bytes. */
export function auditLeaf(entry: Uint8Array, crypto: TreeHash): Uint8Array {
  return leafHash(crypto, entry);
}
