/** What an open vault is made of, shared by creating, opening, the vault itself and its larger operations. */
import type { DatabaseSync } from "node:sqlite";
import type { Crypto, SecretBytes } from "@talos/core";
import type { KdfParameters } from "./slots/kdf-bounds.ts";
import type { KeyFolder } from "./keys/key-folder.ts";
import type { Lock } from "./lock.ts";
import type { Sealer } from "./sealer.ts";
import type { Store } from "./store/store.ts";
import type { Transaction } from "./store/transaction.ts";
import type { VaultFacts, VaultFinding } from "./types.ts";

/** The unlock slot that was used, and what its secret was stretched to: a new vault key can be wrapped in it without asking again. */
export interface OpenedWay {
  readonly number: number;
  readonly stretched: SecretBytes;
}

/** What is not read-only changes while the vault is open. */
export interface VaultParts {
  facts: VaultFacts;
  readonly database: DatabaseSync;
  readonly store: Store;
  sealer: Sealer;
  readonly folder: KeyFolder;
  readonly lock: Lock;
  readonly findings: readonly VaultFinding[];
  readonly crypto: Crypto;
  /** Undefined once that slot was removed. */
  way: OpenedWay | undefined;
  /** What passwords are hashed with from now on. */
  readonly kdf: KdfParameters;
  /** Files do not follow the inventory yet: the disk refused, and it is tried again after the next commit. */
  unsettled: boolean;
  /**
   * The last commit failed in its last step. It is not in force, but its pages may lie whole in the log, and a crash before
   * the next commit would bring it back: until then nothing that was staged is removed.
   */
  doubtful: boolean;
}

/** A vault while it is open, for the operations that are more than one transaction. */
export interface OpenVault {
  readonly parts: VaultParts;
  /**
   * As `Vault.transaction`.
   *
   * @param committed runs when the change is durable, before the files follow it
   */
  commit<T>(work: (tx: Transaction) => T, committed?: () => void): T;
}
