/**
 * An open vault: one process, one generation, one commit point. Everything durable an agent does goes through
 * `transaction`; the key files follow each commit by themselves. Knows no message and no directory.
 */
import type { StatementSync } from "node:sqlite";
import { type AgentId, type SecretBytes, isTalosError, talosError } from "@talos/core";
import { readSlots } from "./database.ts";
import { createParts, holdsAgent } from "./create.ts";
import { inspectVault } from "./inspect.ts";
import { openParts } from "./open.ts";
import type { OpenVault, VaultParts } from "./parts.ts";
import { replaceVaultKeyUnasked } from "./rekey.ts";
import { settle } from "./settle.ts";
import { addSlot, changePassword, removeSlot } from "./slots/slot-changes.ts";
import { isWayIn } from "./slots/known-secret.ts";
import { slotInfos } from "./slots/slot-info.ts";
import { fromSqlite } from "./sqlite-error.ts";
import { Inventory } from "./store/inventory.ts";
import { type ReadTransaction, type Transaction, transactionOver } from "./store/transaction.ts";
import type {
  ChangePasswordOptions,
  CreateVaultOptions,
  InspectVaultOptions,
  KeyFileStore,
  OpenVaultOptions,
  PasswordChange,
  SlotInfo,
  VaultFacts,
  VaultFinding,
  VaultInspection,
} from "./types.ts";
import { checkTime } from "./times.ts";
import type { KdfParameters } from "./slots/kdf-bounds.ts";
import type { UnlockWith } from "./slots/unlock-slots.ts";

export class Vault implements VaultFacts, Disposable {
  readonly #parts: VaultParts;
  readonly #tx: Transaction;
  readonly #statements: {
    readonly begin: StatementSync;
    readonly fence: StatementSync;
    readonly commit: StatementSync;
    readonly rollback: StatementSync;
  };
  #inside = false;
  #closed = false;

  /** Takes over what `create` and `open` made; everybody else calls those. */
  constructor(parts: VaultParts) {
    this.#parts = parts;
    this.#tx = transactionOver(parts.store);
    const { database } = parts;
    this.#statements = {
      begin: database.prepare("BEGIN IMMEDIATE"),
      fence: database.prepare("SELECT generation FROM vault WHERE id = 1"),
      commit: database.prepare("COMMIT"),
      rollback: database.prepare("ROLLBACK"),
    };
  }

  /**
   * Makes a vault with its first keys, as one commit, and leaves it open with the generation of its first content.
   *
   * @throws as `createParts`
   */
  static async create(options: CreateVaultOptions): Promise<Vault> {
    return new Vault(await createParts(options));
  }

  /**
   * Opens a vault: takes the lock, unlocks it (with a password: one Argon2id run), raises the generation durably, and brings the key
   * files in step with the inventory.
   *
   * @throws as `openParts`
   */
  static async open(options: OpenVaultOptions): Promise<Vault> {
    return new Vault(openParts(options));
  }

  /** Looks and changes nothing. @throws as `inspectVault` */
  static async inspect(options: InspectVaultOptions): Promise<VaultInspection> {
    return inspectVault(options);
  }

  /** Whether a committed agent is in that folder; reads only. @throws as `holdsAgent` */
  static exists(dataDir: string): boolean {
    return holdsAgent(dataDir);
  }

  get agentId(): AgentId {
    return this.#parts.facts.agentId;
  }

  get name(): string {
    return this.#parts.facts.name;
  }

  get dataDir(): string {
    return this.#parts.facts.dataDir;
  }

  get createdAt(): number {
    return this.#parts.facts.createdAt;
  }

  /** Of this opening; the number in its instance certificate. */
  get generation(): number {
    return this.#parts.facts.generation;
  }

  get vaultKeyNumber(): number {
    return this.#parts.facts.vaultKeyNumber;
  }

  /** What opening noticed and did not stop at. */
  get findings(): readonly VaultFinding[] {
    return this.#parts.findings;
  }

  get files(): KeyFileStore {
    return this.#parts.folder;
  }

  /**
   * Runs `fn` as one change, durable when this returns. Synchronous: nothing else runs meanwhile, and `fn` must not
   * return a promise. Where the inventory, the slots, the own log or the home directory
   * changed, key files are placed and cleared and `metadata.json` is rewritten afterwards.
   *
   * @throws TalosError COMMIT_FAILED, GENERATION_FENCED, VAULT_CORRUPT, CLIENT_CLOSED, or what `fn` threw; then nothing
   *   has changed
   */
  transaction<T>(fn: (tx: Transaction) => T): T {
    return this.#commit(fn);
  }

  /** Reads one state of the store. @throws TalosError VAULT_CORRUPT, CLIENT_CLOSED, or what `fn` threw */
  read<T>(fn: (tx: ReadTransaction) => T): T {
    this.#checkOpen();
    try {
      return fn(this.#tx);
    } catch (error) {
      throw fromSqlite(error, "STORAGE_FAILED");
    }
  }

  /**
   * As `transaction`, and in the same commit this opening gets another generation: it is to stand above one that exists elsewhere.
   *
   * @param generation above the present one, at most 2^53 - 1
   */
  transactionAt<T>(generation: number, fn: (tx: Transaction) => T): T {
    const parts = this.#parts;
    if (!Number.isSafeInteger(generation) || generation <= parts.facts.generation) throw talosError("INTERNAL");
    return this.#commit(
      (tx) => {
        parts.store.run("UPDATE vault SET generation = ? WHERE id = 1", generation);
        return fn(tx);
      },
      () => {
        parts.facts = { ...parts.facts, generation };
      },
    );
  }

  /** The ways in, by number. @throws TalosError STORAGE_FAILED, VAULT_CORRUPT, CLIENT_CLOSED */
  slots(): readonly SlotInfo[] {
    return this.read(() => slotInfos(readSlots(this.#parts.database), this.#parts.way?.number, this.#parts.crypto));
  }

  /** Whether that secret is a way in. @throws TalosError STORAGE_FAILED, GENERATION_FENCED, CLIENT_CLOSED */
  opensWith(unlock: UnlockWith): boolean {
    return this.#operate((open) => isWayIn(open, unlock));
  }

  /** What passwords are hashed with from now on. */
  get kdf(): KdfParameters {
    return this.#parts.kdf;
  }

  /** One more way in. @param label at most 64 bytes; of a credential its name @throws as `addSlot` of slot-changes.ts; INVALID_ARGUMENT for a time before 1970 */
  addSlot(unlock: UnlockWith, label: string, now: number): SlotInfo {
    checkTime(now);
    return this.#operate((open) => addSlot(open, unlock, label, now));
  }

  /** One way in less; never the last. @throws as `removeSlot` of slot-changes.ts; INVALID_ARGUMENT as `addSlot` */
  removeSlot(number: number, now: number): void {
    checkTime(now);
    this.#operate((open) => {
      removeSlot(open, number, now);
    });
    this.checkpoint();
  }

  /**
   * Another password in place of one; copies that were taken before still open with the old one. With `rekey` a new vault
   * key too.
   *
   * @throws as `changePassword` of slot-changes.ts; INVALID_ARGUMENT as `addSlot`; then nothing has changed but the audit, where a wrong
   *   password is on record
   */
  changePassword(options: ChangePasswordOptions): PasswordChange {
    checkTime(options.now);
    try {
      const change = this.#operate((open) => changePassword(open, options));
      this.checkpoint();
      return change;
    } catch (error) {
      if (isTalosError(error, "WRONG_PASSWORD")) this.#noteFailedUnlock(options.now);
      throw error;
    }
  }

  /**
   * A new vault key, in the slot that opened this vault, or in one for the new password; all other slots go.
   *
   * @throws as `replaceVaultKeyUnasked` of rekey.ts; INVALID_ARGUMENT as `addSlot`; then nothing has changed
   */
  replaceVaultKey(now: number, newPassword?: SecretBytes): PasswordChange {
    checkTime(now);
    const change = this.#operate((open) => replaceVaultKeyUnasked(open, now, newPassword));
    this.checkpoint();
    return change;
  }

  /** Moves the write-ahead log into the database and truncates it, since it keeps old rows. For idle times; never fails. */
  checkpoint(): void {
    this.#checkOpen();
    try {
      this.#parts.database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    } catch {
      // Somebody reads just now, or the disk is full: the log is still valid and is truncated another time.
    }
  }

  /** Truncates the write-ahead log, frees the lock, and wipes the vault key and what wraps it. May be called again. */
  close(): void {
    if (this.#closed) return;
    const { database, folder, lock, sealer, way } = this.#parts;
    using cleanup = new DisposableStack();
    cleanup.use(sealer);
    cleanup.use(way?.stretched);
    cleanup.use(lock);
    cleanup.defer(() => {
      database.close();
    });
    cleanup.defer(() => {
      if (this.#parts.doubtful) folder.forgetUncommitted();
      else folder.dropUncommitted();
    });
    this.checkpoint();
    this.#closed = true;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Somebody guesses with the vault open. The refusal stands, whether it can be written down or not. */
  #noteFailedUnlock(now: number): void {
    try {
      this.#commit((tx) => tx.audit.append({ kind: "unlock-failed", at: now, details: { unlock: "password", when: "password-change" } }));
    } catch {
      // The store fails too.
    }
  }

  /** @param committed runs when the change is durable, before the files follow it */
  #commit<T>(fn: (tx: Transaction) => T, committed?: () => void): T {
    const { store, folder } = this.#parts;
    const { result, projectionChanged } = this.#atomically(() => {
      this.#checkFence();
      store.beginWriting();
      const value = fn(this.#tx);
      if (value instanceof Promise) throw talosError("INTERNAL", "A transaction cannot wait for anything.");
      const changed = store.endWriting();
      if (changed) folder.syncStaged();
      return { result: value, projectionChanged: changed };
    });
    committed?.();
    if (projectionChanged) this.#noteCommitted();
    if (projectionChanged || this.#parts.unsettled) this.#settle();
    return result;
  }

  #noteCommitted(): void {
    const { folder, store } = this.#parts;
    try {
      const inventory = new Inventory(store);
      folder.noteCommitted((keyId) => inventory.get(keyId) !== undefined);
    } catch {
      // What cannot be told apart just now is left to the next opening.
      folder.forgetUncommitted();
    }
  }

  /** What takes more than one transaction, or reads tables that no transaction offers. */
  #operate<T>(operation: (open: OpenVault) => T): T {
    this.#checkOpen();
    try {
      // Each commit checks it again; but what an operation reads first would already be another opening's.
      this.#checkFence();
      return operation({ parts: this.#parts, commit: (work, committed) => this.#commit(work, committed) });
    } catch (error) {
      throw fromSqlite(error, "STORAGE_FAILED");
    }
  }

  #atomically<T>(work: () => T): T {
    this.#checkOpen();
    if (this.#inside) throw talosError("INTERNAL", "A transaction was begun inside another.");
    this.#inside = true;
    let committing = false;
    try {
      this.#statements.begin.run();
      const result = work();
      committing = true;
      this.#statements.commit.run();
      this.#parts.doubtful = false;
      return result;
    } catch (error) {
      this.#parts.doubtful ||= committing;
      this.#parts.store.endWriting();
      this.#rollBack();
      throw fromSqlite(error, "COMMIT_FAILED");
    } finally {
      this.#inside = false;
    }
  }

  #rollBack(): void {
    // Some errors have rolled back already.
    if (!this.#parts.database.isTransaction) return;
    try {
      this.#statements.rollback.run();
    } catch {
      // The error that led here says more; the next transaction fails if this one is stuck.
    }
  }

  /** A process that was stopped, and whose lock fell on a shared volume, wakes up here. */
  #checkFence(): void {
    const row = this.#statements.fence.get();
    if (row?.["generation"] !== this.#parts.facts.generation) throw talosError("GENERATION_FENCED");
  }

  /** The commit stands whatever happens here; what fails is repeated after the next commit and at the next opening. */
  #settle(): void {
    try {
      settle(this.#parts);
      this.#parts.unsettled = false;
    } catch {
      this.#parts.unsettled = true;
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw talosError("CLIENT_CLOSED");
  }
}
