/**
 * The inventory: every key of the agent, its state and role, and where its private part lives. It alone says what a
 * key file under a final name means. Knows no key file.
 */
import { type Algorithm, type KeyId, type KeyState, PROTECTION_LEVELS, type ProtectionLevel } from "@talos/core";
import { bytes, number, optionalBytes, optionalNumber, optionalText, text, word } from "./columns.ts";
import type { SqlRow, Store } from "./store.ts";

/** An identity key is of one kind for life; whether it is the current or the next one is its role. */
export const STORED_KEY_KINDS = ["identity", "encryption", "signed-prekey", "one-time-prekey"] as const;
export type StoredKeyKind = (typeof STORED_KEY_KINDS)[number];

export type KeyRole = "current" | "next";
export const BACKEND_NAMES = ["software", "hsm", "tpm", "sgx", "nitro"] as const;
export type BackendName = (typeof BACKEND_NAMES)[number];

const KEY_STATES: readonly KeyState[] = ["staged", "live", "retired", "ended"];
const ROLES: readonly KeyRole[] = ["current", "next"];

export interface InventoryEntry {
  readonly keyId: KeyId;
  readonly kind: StoredKeyKind;
  /** Of identity keys only. */
  readonly role?: KeyRole | undefined;
  /** `staged`: made and durable, not in force yet. `retired`: decrypts only. `ended`: the private part is gone. */
  readonly state: KeyState;
  readonly algorithm: Algorithm;
  /** Of prekeys the X25519 part; the KEM part is in the statement. */
  readonly publicKey: Uint8Array;
  /** Times in milliseconds since 1970. */
  readonly createdAt: number;
  /** When a successor is due. */
  readonly dueAt?: number | undefined;
  /** End of the published validity. */
  readonly expiresAt?: number | undefined;
  readonly retiredAt?: number | undefined;
  readonly endedAt?: number | undefined;
  /** Where the private part lives; prekeys are always in the vault ("software"). */
  readonly backend: BackendName;
  readonly protection: ProtectionLevel;
  /** Of prekeys, as published; dropped when the key has ended. */
  readonly statement?: Uint8Array | undefined;
}

export interface InventoryFilter {
  readonly kind?: StoredKeyKind;
  readonly state?: KeyState;
}

export class InventoryReader {
  protected readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  get(keyId: KeyId): InventoryEntry | undefined {
    const row = this.store.get("SELECT * FROM inventory WHERE key_id = ?", keyId);
    return row && toEntry(row);
  }

  /** In order of creation. */
  list(filter: InventoryFilter = {}): InventoryEntry[] {
    return this.store
      .all(
        "SELECT * FROM inventory WHERE (?1 IS NULL OR kind = ?1) AND (?2 IS NULL OR state = ?2) ORDER BY created_at, key_id",
        filter.kind,
        filter.state,
      )
      .map(toEntry);
  }

  /** The live key of that kind: of identity keys the one with that role. */
  live(kind: Exclude<StoredKeyKind, "one-time-prekey">, role: KeyRole = "current"): InventoryEntry | undefined {
    const row =
      kind === "identity"
        ? this.store.get("SELECT * FROM inventory WHERE kind = 'identity' AND state = 'live' AND role = ?", role)
        : this.store.get("SELECT * FROM inventory WHERE kind = ? AND state = 'live'", kind);
    return row && toEntry(row);
  }

  /** Everything that has not ended, without statements: what may be shown. In order of creation. */
  listPublic(): InventoryEntry[] {
    return this.store
      .all(
        `SELECT key_id, kind, role, state, algorithm, public_key, created_at, due_at, expires_at, retired_at, ended_at, backend,
           protection, NULL AS statement FROM inventory WHERE state <> 'ended' ORDER BY created_at, key_id`,
      )
      .map(toEntry);
  }

  /** The places of all keys that have a key file. */
  inKeyFiles(): Pick<InventoryEntry, "keyId" | "kind" | "role" | "state">[] {
    return this.store.all("SELECT key_id, kind, role, state FROM inventory WHERE state <> 'ended' AND backend = 'software'").map(toPlace);
  }

  /** Live one-time prekeys: those whose private part is here. */
  countOneTime(): number {
    const row = this.store.get("SELECT count(*) AS n FROM inventory WHERE kind = 'one-time-prekey' AND state = 'live'");
    return row === undefined ? 0 : number(row, "n");
  }
}

export class Inventory extends InventoryReader {
  /** Adds a key. Its private part must have been staged. A second live key in one place is refused by the schema. */
  put(entry: InventoryEntry): void {
    this.store.run(
      `INSERT INTO inventory (key_id, kind, role, state, algorithm, public_key, created_at, due_at, expires_at,
         retired_at, ended_at, backend, protection, statement) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      entry.keyId,
      entry.kind,
      entry.role,
      entry.state,
      entry.algorithm,
      entry.publicKey,
      entry.createdAt,
      entry.dueAt,
      entry.expiresAt,
      entry.retiredAt,
      entry.endedAt,
      entry.backend,
      entry.protection,
      entry.statement,
    );
    this.store.noteProjectionChange();
  }

  /**
   * Moves a key on in its life; never back. `retired` and `ended` note the time; `ended` drops the statement, and the
   * key file is unlinked after the commit.
   *
   * @returns false when there is no such key or it is as far already (of a one-time prekey: it was used before)
   */
  setState(keyId: KeyId, state: KeyState, at: number): boolean {
    const changed = this.store.run(
      `UPDATE inventory SET state = ?2,
         retired_at = CASE WHEN ?2 = 'retired' THEN ?3 ELSE retired_at END,
         ended_at = CASE WHEN ?2 = 'ended' THEN ?3 ELSE ended_at END,
         statement = CASE WHEN ?2 = 'ended' THEN NULL ELSE statement END
       WHERE key_id = ?1 AND ${RANK} < CASE ?2 WHEN 'staged' THEN 0 WHEN 'live' THEN 1 WHEN 'retired' THEN 2 ELSE 3 END`,
      keyId,
      state,
      at,
    );
    if (changed > 0) this.store.noteProjectionChange();
    return changed > 0;
  }

  /**
   * live -> retired, and from then on it is kept until so long after that time.
   *
   * @param expiresAt when the last thing ends that names it publicly
   * @returns false when there is no such live key
   */
  retire(keyId: KeyId, at: number, expiresAt: number): boolean {
    const changed = this.store.run(
      "UPDATE inventory SET state = 'retired', retired_at = ?2, expires_at = ?3 WHERE key_id = ?1 AND state = 'live'",
      keyId,
      at,
      expiresAt,
    );
    if (changed > 0) this.store.noteProjectionChange();
    return changed > 0;
  }

  /** Only from next to current: the step of a rotation. @returns false when there is no such next key */
  promote(keyId: KeyId, dueAt: number | undefined): boolean {
    const changed = this.store.run(
      "UPDATE inventory SET role = 'current', due_at = ?2 WHERE key_id = ?1 AND role = 'next' AND state = 'live'",
      keyId,
      dueAt,
    );
    if (changed > 0) this.store.noteProjectionChange();
    return changed > 0;
  }

  /** Forgets keys that ended before that time. Their ids can then not be told from foreign ones any more. */
  forgetEnded(before: number): number {
    return this.store.run("DELETE FROM inventory WHERE state = 'ended' AND ended_at < ?", before);
  }
}

const RANK = "CASE state WHEN 'staged' THEN 0 WHEN 'live' THEN 1 WHEN 'retired' THEN 2 ELSE 3 END";

function toPlace(row: SqlRow): Pick<InventoryEntry, "keyId" | "kind" | "role" | "state"> {
  const role = optionalText(row, "role");
  return {
    keyId: text(row, "key_id") as KeyId,
    kind: word(row, "kind", STORED_KEY_KINDS),
    role: role === undefined ? undefined : word(row, "role", ROLES),
    state: word(row, "state", KEY_STATES),
  };
}

function toEntry(row: SqlRow): InventoryEntry {
  return {
    ...toPlace(row),
    algorithm: number(row, "algorithm") as Algorithm,
    publicKey: bytes(row, "public_key"),
    createdAt: number(row, "created_at"),
    dueAt: optionalNumber(row, "due_at"),
    expiresAt: optionalNumber(row, "expires_at"),
    retiredAt: optionalNumber(row, "retired_at"),
    endedAt: optionalNumber(row, "ended_at"),
    backend: word(row, "backend", BACKEND_NAMES),
    protection: word(row, "protection", PROTECTION_LEVELS),
    statement: optionalBytes(row, "statement"),
  };
}
