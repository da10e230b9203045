import type { AgentId } from "@talos/core";
import type { ReadTransaction, Transaction } from "./store/transaction.ts";
import type { CreateVaultOptions, InspectVaultOptions, KeyFileStore, OpenVaultOptions, VaultFacts, VaultFinding, VaultInspection } from "./types.ts";

/** An open vault: one process, one generation. */
export declare class Vault implements VaultFacts, Disposable {
  static create(options: CreateVaultOptions): Promise<Vault>;
  static open(options: OpenVaultOptions): Promise<Vault>;
  static inspect(options: InspectVaultOptions): Promise<VaultInspection>;
  /** Whether a committed agent is in that folder; reads only. */
  static exists(dataDir: string): boolean;
  readonly agentId: AgentId;
  readonly name: string;
  readonly dataDir: string;
  readonly createdAt: number;
  readonly generation: number;
  readonly vaultKeyNumber: number;
  /** What opening noticed and did not stop at. */
  readonly findings: readonly VaultFinding[];
  readonly files: KeyFileStore;
  /** Synchronous; commits durably or throws and changes nothing. COMMIT_FAILED, GENERATION_FENCED, or what `fn` threw. Key files are placed and cleared after it. */
  transaction<T>(fn: (tx: Transaction) => T): T;
  read<T>(fn: (tx: ReadTransaction) => T): T;
  /** Truncates the WAL, which keeps old rows; for idle times. */
  checkpoint(): void;
  close(): void;
  [Symbol.dispose](): void;
}
