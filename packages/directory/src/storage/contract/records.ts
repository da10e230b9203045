/**
 * What a directory stores, as plain values. Everything here was verified before it got here; a store looks into none of
 * it. Times are milliseconds since 1970, by the server's clock where the server decides.
 */
import type { AgentId, EnvelopeId, EnvelopeKind, LogHead, PrekeyKind } from "@talos/core";

/** One use of a signed request. Recorded in the same transaction as the effect of the request. */
export interface RequestMark {
  /** Who signed. */
  readonly agentId: AgentId;
  /** 16 bytes, never taken a second time of this agent before `expiresAt`. */
  readonly nonce: Uint8Array;
  /** From here on the request is refused for its age, so the nonce may be forgotten. */
  readonly expiresAt: number;
}

export interface EventRecord {
  readonly seq: number;
  /** Event hash, 32 bytes. */
  readonly hash: Uint8Array;
  /** As it came. */
  readonly wire: Uint8Array;
}

/** Events that the caller verified against the head that it names, and what they end. */
export interface AcceptedEvents {
  /** At least one, ascending by seq. What stands from the first one's seq on is cut off, with everything made under it. */
  readonly events: readonly EventRecord[];
  /** Certificate and batch at a head with a lower seq are void, and dropped; 0: none. */
  readonly voidBelow: number;
  /** Whether the last event revokes the agent. */
  readonly revoked: boolean;
}

/** When an event that stands was accepted. */
export interface AcceptedEvent {
  readonly seq: number;
  readonly at: number;
}

/** An event that does not stand, and was well signed: a branch that a recovery event cut off, or one that came second. */
export interface EvidenceRecord extends EventRecord {
  readonly kind: "cut-off" | "contender";
  readonly seenAt: number;
}

export interface CertificateRecord {
  /** Of the log head in the certificate. */
  readonly seq: number;
  readonly generation: number;
  /** Ed25519, 32 bytes. */
  readonly instanceKey: Uint8Array;
  /** Certificate hash, 32 bytes. */
  readonly hash: Uint8Array;
  readonly from: number;
  readonly to: number;
  readonly wire: Uint8Array;
}

export interface AgentRecord {
  readonly head: LogHead;
  readonly revoked: boolean;
  /** Ascending by seq. */
  readonly events: readonly EventRecord[];
  readonly certificate: CertificateRecord | undefined;
}

/**
 * `registered`: `certificate` is the one that stands now, be it the given or an equal one with a later `from`. `moved`: the log
 * has another head than the one that the caller verified against; nothing was done.
 */
export type CertificateOutcome =
  | { readonly kind: "moved" }
  | { readonly kind: "registered"; readonly certificate: CertificateRecord }
  | { readonly kind: "superseded" | "conflict"; readonly certificate: CertificateRecord };

/** A leaf of a batch's tree. */
export interface PrekeyLeaf {
  /** 8 bytes. */
  readonly id: Uint8Array;
  /** 32 bytes, the hash of the leaf. */
  readonly leafHash: Uint8Array;
}

export interface PrekeyRecord extends PrekeyLeaf {
  readonly kind: PrekeyKind;
  readonly to: number;
  /** As it came. */
  readonly statement: Uint8Array;
}

/** What a store knows of an id that it has seen, for good. */
export interface SeenPrekey extends PrekeyLeaf {
  readonly kind: PrekeyKind;
}

/** What tells a batch from the live one. */
export interface LiveBatch {
  /** Of the log head in the batch. */
  readonly seq: number;
  readonly root: Uint8Array;
  /** As it came. */
  readonly wire: Uint8Array;
  readonly from: number;
}

export interface BatchRecord {
  /** Of the log head in the batch. */
  readonly seq: number;
  readonly root: Uint8Array;
  readonly wire: Uint8Array;
  readonly from: number;
  readonly to: number;
  /** Of all statements, ascending by id. */
  readonly leaves: readonly PrekeyLeaf[];
}

export interface BatchReplacement extends BatchRecord {
  readonly signedPrekey: PrekeyRecord;
  /** Ids of one-time prekeys that earlier batches brought. */
  readonly carried: readonly Uint8Array[];
  readonly added: readonly PrekeyRecord[];
}

/**
 * `unchanged`: the live batch has this root, and no lower seq: the same prekeys are signed anew only under a later head. `moved`: the
 * log has another head than the one that the caller verified against; nothing was done, and the mark is not used.
 */
export type ReplaceOutcome =
  | { readonly kind: "moved" }
  | { readonly kind: "replaced"; readonly oneTimePrekeys: number }
  | { readonly kind: "unchanged"; readonly oneTimePrekeys: number }
  | { readonly kind: "stale" | "id-reused" | "id-unknown" };

export interface PrekeyStock {
  /** Unclaimed and not expired. */
  readonly oneTimePrekeys: number;
  readonly batch: { readonly root: Uint8Array; readonly to: number } | undefined;
  /** Ids of the live batch that are no longer handed out. */
  readonly claimed: readonly Uint8Array[];
}

export type ClaimOutcome =
  | { readonly kind: "agent-unknown" | "agent-revoked" | "no-prekeys" }
  | {
      readonly kind: "claimed";
      readonly events: readonly EventRecord[];
      readonly certificate: CertificateRecord;
      readonly batch: BatchRecord;
      readonly signedPrekey: ClaimedPrekey;
      readonly oneTimePrekey: ClaimedPrekey | undefined;
    };

export interface ClaimedPrekey {
  readonly id: Uint8Array;
  readonly statement: Uint8Array;
}

export interface NewItem {
  /** The owner of the mailbox. */
  readonly mailbox: AgentId;
  readonly envelopeId: EnvelopeId;
  readonly kind: EnvelopeKind;
  readonly bytes: Uint8Array;
}

export interface MailboxQuota {
  /** Of kind message, in one mailbox. */
  readonly messages: number;
  readonly messageBytes: number;
  /** Of kind event, and again of kind notice, by one depositor in one mailbox. */
  readonly slotsPerDepositor: number;
}

export type DepositOutcome =
  | { readonly kind: "stored" | "known"; readonly receivedAt: number }
  | { readonly kind: "agent-unknown" | "agent-revoked" | "full" };

export interface PageBounds {
  /** Number of items. */
  readonly limit: number;
  /** Sum of their bytes; the first item is given whatever its size. */
  readonly maxBytes: number;
}
