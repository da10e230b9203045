/**
 * What a backup holds, as values: made from an open vault, sealed into a file, and put into an empty vault again. Knows no bytes and no file.
 * What is not here is not in a backup: no prekey of any kind, no session, no inbox or outbox, no recovery key.
 */
import type { AgentId, Algorithm, AuditHead, KeyId, LogHead, ProtectionLevel, SecretBytes } from "@talos/core";
import type { BackendKeyKind, BackendName } from "../backends/index.ts";
import type { Conflict, CutOffEvent, Peer, PeerEvent, PeerFork } from "../vault/index.ts";

/** What can be read of a backup without a password. All of it is bound by the seal. Times are in milliseconds since 1970. */
export interface BackupFacts {
  readonly agentName: string;
  readonly agentId: AgentId;
  readonly createdAt: number;
  /** Of the agent's log when it was made. */
  readonly head: LogHead;
}

/** The identity, next and encryption key. */
export interface BackupKey {
  readonly kind: BackendKeyKind;
  readonly keyId: KeyId;
  readonly algorithm: Algorithm;
  readonly publicKey: Uint8Array;
  readonly createdAt: number;
  readonly dueAt?: number | undefined;
  readonly backend: BackendName;
  readonly protection: ProtectionLevel;
  /** 32 bytes. Absent: its backend does not give it away, and it is in the backup by its name only. */
  readonly secret?: SecretBytes | undefined;
}

/** A peer with its log, what was decided about it, and the evidence against it. */
export interface BackupPeer {
  readonly peer: Peer;
  readonly events: readonly PeerEvent[];
  /** Where histories have contended, also those about which somebody has decided: that keeps them from being raised again. */
  readonly forks: readonly PeerFork[];
  readonly conflicts: readonly Conflict[];
}

export interface LeftOut {
  readonly peers: number;
}

/** Disposing it wipes the keys. */
export interface BackupContent extends BackupFacts, Disposable {
  /** Of the vault that it was made from; whoever lives on has to be above it. */
  readonly generation: number;
  /** The agent's own log, inception first, as the events travel. */
  readonly events: readonly Uint8Array[];
  /** The newest instance certificate that was made. */
  readonly certificate: Uint8Array;
  readonly keys: readonly BackupKey[];
  readonly peers: readonly BackupPeer[];
  /** Events that recovery events have cut off, of the agent itself and of peers. */
  readonly cutOff: readonly CutOffEvent[];
  /** Against agents that are no peers any more. */
  readonly evidence: readonly Conflict[];
  /** Agents that are known to the vault, and of which nothing is here: the backup would have become too large. */
  readonly leftOut: LeftOut;
  /** By name; those that belong to the agent and not to the machine. */
  readonly settings: ReadonlyMap<string, string>;
  /** Entries of the audit trail as they are stored, oldest first. */
  readonly audit: readonly Uint8Array[];
  /** Size and root over them. */
  readonly auditHead: AuditHead;
}
