/** What the vault takes and gives, apart from the class itself. */
import type { AgentId, AuditHead, Crypto, ErrorCode, KeyId, SecretBytes } from "@talos/core";
import type { LockHolder } from "./lock.ts";
import type { StoredKeyKind } from "./store/inventory.ts";
import type { ReadTransaction, Transaction } from "./store/transaction.ts";
import type { KdfParameters } from "./slots/kdf-bounds.ts";
import type { UnlockKind } from "./slots/slot-record.ts";
import type { UnlockWith } from "./slots/unlock-slots.ts";

/** Kind of a key that is being made: a next identity key is stored as an identity key, under another name. */
export type NewKeyKind = StoredKeyKind | "next-identity";

/** The key files, for whoever makes and uses private parts: the software backend, and prekeys. */
export interface KeyFileStore {
  /**
   * Seals a private part into a staged file. It counts once a committed inventory names its id; what never does is
   * removed at close and at the next open. Copies the secret.
   *
   * @throws TalosError STORAGE_FAILED
   */
  stage(kind: NewKeyKind, keyId: KeyId, secret: SecretBytes): void;
  /**
   * The private part; the caller disposes it.
   *
   * @throws TalosError KEY_FILE_MISSING, KEY_FILE_CORRUPT, KEY_FILE_SWAPPED, UNSUPPORTED_VERSION, STORAGE_FAILED
   */
  load(kind: StoredKeyKind, keyId: KeyId): SecretBytes;
}

/** Entries as they were stored, oldest first, and the head over all of them. */
export interface EarlierAudit {
  readonly entries: readonly Uint8Array[];
  readonly head: AuditHead;
}

/** What `create` is to store first, once the keys exist. */
export interface FirstContent {
  readonly agentId: AgentId;
  /** Of this opening, where the agent had others before: at least 1, which is the default. */
  readonly generation?: number;
  /** Of a life before, to which this vault's own entries are added. */
  readonly earlierAudit?: EarlierAudit;
  /** Runs inside the first transaction. */
  write(tx: Transaction): void;
}

export interface CreateVaultOptions {
  readonly dataDir: string;
  readonly name: string;
  readonly unlock: UnlockWith;
  /** Of the first unlock slot; of a credential its name. Default: empty. */
  readonly slotLabel?: string;
  readonly crypto: Crypto;
  /** milliseconds since 1970 */
  readonly now: number;
  /** Makes the first keys and stages their private parts. Awaited while the lock is held; nothing is committed yet. */
  build(files: KeyFileStore): Promise<FirstContent>;
  /** Of a password; never below the floor; tests use the floor itself. */
  readonly kdf?: KdfParameters;
}

export interface OpenVaultOptions {
  readonly dataDir: string;
  readonly unlock: UnlockWith;
  readonly crypto: Crypto;
  readonly now: number;
  /** VAULT_FOREIGN where the folder holds another agent, before the password is tried. */
  readonly expectAgentId?: AgentId;
  /** What the parameters of a password slot are raised to where they are below; default: DEFAULT_KDF. */
  readonly kdf?: KdfParameters;
}

export interface InspectVaultOptions {
  readonly dataDir: string;
  /** Checked when given, and then sealed columns can be read. */
  readonly unlock?: UnlockWith | undefined;
  readonly crypto: Crypto;
}

/** An unlock slot, as it may be shown. */
export interface SlotInfo {
  /** 1 to 8; a removed number may be used again. */
  readonly number: number;
  readonly kind: UnlockKind;
  /** Of a credential its name; may be empty. */
  readonly label: string;
  readonly createdAt: number;
  readonly vaultKeyNumber: number;
  /** Of passwords. */
  readonly kdf?: KdfParameters | undefined;
  /** Whether this opening used it. */
  readonly opened: boolean;
}

export interface ChangePasswordOptions {
  /** Of any password slot: that one is replaced. */
  readonly current: SecretBytes;
  readonly next: SecretBytes;
  readonly now: number;
  /** Makes a new vault key too and seals everything anew; all other slots go. */
  readonly rekey?: boolean;
}

export interface PasswordChange {
  readonly slot: SlotInfo;
  /** With `rekey`: the slots that went; whoever needs them adds them again. */
  readonly toAddAgain: readonly SlotInfo[];
}

/** Something about the folder that an operator should know, and that does not stop the agent. */
export interface VaultFinding {
  readonly code: ErrorCode | "QUARANTINED" | "METADATA_REWRITTEN";
  /** Relative to the data directory. */
  readonly file: string;
  readonly keyId?: KeyId | undefined;
  readonly kind?: StoredKeyKind | undefined;
  /** Of a key file: what exactly is wrong with it, as in the error's details. */
  readonly reason?: string | undefined;
  readonly message: string;
}

export interface VaultFacts {
  readonly agentId: AgentId;
  readonly name: string;
  readonly dataDir: string;
  readonly createdAt: number;
  readonly generation: number;
  readonly vaultKeyNumber: number;
}

/** A vault that is only looked at. Closes what it opened when disposed. */
export interface VaultInspection extends VaultFacts, Disposable {
  /** Who has it open; undefined where nobody has, as far as can be told without asking for the lock. */
  readonly holder: LockHolder | undefined;
  readonly findings: readonly VaultFinding[];
  /** By number; `opened` is the one that this look used. */
  slots(): readonly SlotInfo[];
  /** One consistent state. Sealed columns throw PASSWORD_REQUIRED unless `unlock` was given. */
  read<T>(fn: (tx: ReadTransaction) => T): T;
  close(): void;
}
