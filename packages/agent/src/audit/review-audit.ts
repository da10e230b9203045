/**
 * What happened since some day, sorted for a person: who came in, what became of keys, what was signed and under which of them, what was
 * heard of peers. Reads only; judges nothing.
 */
import type { AuditEntry, AuditKind } from "@talos/core";
import type { ReadTransaction } from "../vault/index.ts";

export const AUDIT_THEMES = ["access", "keys", "signed", "peers", "recovery", "other"] as const;
export type AuditTheme = (typeof AUDIT_THEMES)[number];

/** What the identity key of one event of the log signed. */
export interface SignedUnder {
  readonly seq: number;
  readonly certificates: number;
  readonly batches: number;
  readonly events: number;
  readonly signatures: number;
  readonly firstAt: number;
  readonly lastAt: number;
}

export interface AuditReview {
  readonly since: number;
  /** From the first entry of that time or later on, also those of a clock that went back after it. */
  readonly entries: number;
  readonly signedUnder: readonly SignedUnder[];
  /** Oldest first within each. */
  readonly themes: Readonly<Record<AuditTheme, readonly AuditEntry[]>>;
}

const THEMES: Readonly<Record<AuditKind, AuditTheme>> = {
  "vault-created": "access",
  "vault-rescued": "recovery",
  "vault-key-replaced": "access",
  "slot-added": "access",
  "slot-removed": "access",
  "password-changed": "access",
  "kdf-raised": "access",
  "file-quarantined": "access",
  unlocked: "access",
  "unlock-failed": "access",
  "key-created": "keys",
  "key-first-used": "keys",
  "key-rotated": "keys",
  "key-retired": "keys",
  "key-ended": "keys",
  "key-exported": "keys",
  "key-restored": "keys",
  "certificate-signed": "signed",
  "batch-signed": "signed",
  "signature-made": "signed",
  "event-signed": "signed",
  "peer-event": "peers",
  takeover: "recovery",
  "recovery-kit-created": "recovery",
  "recovery-kit-checked": "recovery",
  "backup-created": "recovery",
  "backup-verified": "recovery",
  "backup-restored": "recovery",
  emergency: "recovery",
  "session-replaced": "peers",
  "identity-moved": "recovery",
  "identity-recovered": "recovery",
};

const COUNTED: Readonly<Record<string, "certificates" | "batches" | "events" | "signatures">> = {
  "certificate-signed": "certificates",
  "batch-signed": "batches",
  "event-signed": "events",
  "signature-made": "signatures",
};

/** @param since milliseconds since 1970 @throws TalosError VAULT_CORRUPT */
export function reviewAudit(tx: ReadTransaction, since: number): AuditReview {
  const entries = tx.audit.page({ after: tx.audit.indexSince(since), limit: Number.MAX_SAFE_INTEGER });
  const themeOf = ({ kind }: AuditEntry): AuditTheme => (Object.hasOwn(THEMES, kind) ? THEMES[kind as AuditKind] : "other");
  const of = (theme: AuditTheme): AuditEntry[] => entries.filter((entry) => themeOf(entry) === theme);
  const themes = {
    access: of("access"),
    keys: of("keys"),
    signed: of("signed"),
    peers: of("peers"),
    recovery: of("recovery"),
    other: of("other"),
  };
  return { since, entries: entries.length, signedUnder: countSigned(themes.signed), themes };
}

function countSigned(entries: readonly AuditEntry[]): SignedUnder[] {
  const bySeq = new Map<number, SignedUnder>();
  for (const { kind, at, details } of entries) {
    const seq = details["seq"];
    const counted = COUNTED[kind];
    if (typeof seq !== "number" || counted === undefined) continue;
    const before = bySeq.get(seq) ?? { seq, certificates: 0, batches: 0, events: 0, signatures: 0, firstAt: at, lastAt: at };
    const [firstAt, lastAt] = [Math.min(before.firstAt, at), Math.max(before.lastAt, at)];
    bySeq.set(seq, { ...before, [counted]: before[counted] + 1, firstAt, lastAt });
  }
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq);
}
