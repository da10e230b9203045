/** What a check is given to look at. Nothing in it can change anything. */
import type { Crypto } from "@talos/core";
import type { DatabaseSync } from "node:sqlite";
import type { StoredFacts } from "../vault/database.ts";
import type { LockHolder } from "../vault/lock.ts";
import type { Sealer } from "../vault/sealer.ts";
import type { ReadTransaction } from "../vault/store/transaction.ts";
import type { Store } from "../vault/store/store.ts";
import type { DoctorFinding } from "./finding.ts";

export interface DiskState {
  /** For who runs this. */
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** The number of the kind of file system. */
  readonly type: number;
}

export interface Look {
  readonly dataDir: string;
  readonly crypto: Crypto;
  /** milliseconds since 1970 */
  readonly now: number;
  /** Asked of the file system, or given by a test. */
  readonly disk: (path: string) => DiskState;
}

/** A folder that is there. */
export type FolderCheck = (look: Look) => readonly DoctorFinding[];

/** One consistent state of a `state.db` that opens. */
export interface StateLook extends Look {
  readonly database: DatabaseSync;
  readonly store: Store;
  readonly tx: ReadTransaction;
  readonly facts: StoredFacts;
  /** Absent without a password. */
  readonly sealer: Sealer | undefined;
  /** A process that may be running. */
  readonly holder: LockHolder | undefined;
}

export type StateCheck = (look: StateLook) => readonly DoctorFinding[];
