// The identity events as values: inception, rotation, revocation. Must not know their encoding or a log.
// Source: docs/protocol/identity.md.
import type { Extension } from "../codec/struct.ts";
import type { AuditHead } from "../keys/heads.ts";
import type { ProtectionLevel } from "../keys/key-state.ts";
import type { RemoteKey } from "../keys/public-key.ts";

/** Who may change an identity: the online key (pre-rotation), and above it the recovery key. */
export const AUTHORITY_CODES = { online: 1, recovery: 3 } as const;
export type Authority = keyof typeof AUTHORITY_CODES;

export const REASON_CODES = { planned: 0, compromise: 1, lost: 2, decommissioned: 3 } as const;
export type EventReason = keyof typeof REASON_CODES;
export type RotationReason = "planned" | "compromise" | "lost";
export type RevocationReason = "compromise" | "lost" | "decommissioned";

/** 30 days. */
export const MAX_MIGRATION_SECONDS = 2_592_000;

/** Commitments (32 bytes each) to the keys that may sign the next event. */
export interface NextCommitments {
  readonly online: Uint8Array;
  readonly recovery?: Uint8Array;
}

/** The keys that an inception or a rotation puts in force. */
export interface InstalledKeys {
  readonly identityKey: RemoteKey<"identity">;
  readonly identityProtection: ProtectionLevel;
  readonly encryptionKey: RemoteKey<"encryption">;
  readonly encryptionProtection: ProtectionLevel;
  readonly next: NextCommitments;
}

interface EventCommon {
  /** Milliseconds since 1970, by the owner's clock; informative. */
  readonly time: number;
  readonly extensions: readonly Extension[];
}

/** What every event after the inception has. */
export interface Successor {
  readonly seq: number;
  /** Event hash of the event before, 32 bytes. */
  readonly previous: Uint8Array;
  readonly authority: Authority;
  readonly revealedKey: RemoteKey<"next-identity"> | RemoteKey<"recovery">;
  /** An index into the owner's audit tree: what stands from there on is in doubt. */
  readonly suspectFrom?: number;
  readonly auditHead?: AuditHead;
}

export interface InceptionEvent extends EventCommon, InstalledKeys {
  readonly kind: "inception";
}

export interface RotationEvent extends EventCommon, InstalledKeys, Successor {
  readonly kind: "rotation";
  readonly reason: RotationReason;
  readonly migrationSeconds: number;
}

export interface RevocationEvent extends EventCommon, Successor {
  readonly kind: "revocation";
  readonly reason: RevocationReason;
}

export type IdentityEvent = InceptionEvent | RotationEvent | RevocationEvent;
