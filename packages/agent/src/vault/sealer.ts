/**
 * The one `seal` of the vault: AES-256-GCM under a key derived from the vault key and a random salt, one salt per file
 * and one per opening for rows. Associated data is built from where the reader expects the value, never from what lies
 * beside it, so a value that was moved, or brought from another vault, does not open.
 */
import {
  AEAD_KEY_BYTES,
  AEAD_NONCE_BYTES,
  AEAD_TAG_BYTES,
  type AgentId,
  concatBytes,
  type Crypto,
  type SecretBytes,
  talosError,
  toHex,
  utf8,
} from "@talos/core";
import { DrawnBytes } from "./drawn-bytes.ts";
import type { RowSealer } from "./store/store.ts";

export const SALT_BYTES = 16;
/** version, salt, nonce, tag */
export const ROW_OVERHEAD_BYTES: number = 1 + SALT_BYTES + AEAD_NONCE_BYTES + AEAD_TAG_BYTES;

/**
 * With random 96-bit nonces, so many seals under one key keep the chance of a repeated nonce below 2^-36
 * (NIST SP 800-38D allows 2^32 at 2^-32).
 */
const MAX_SEALS_PER_SALT: number = 2 ** 30;
/** Every opening leaves rows under its own salt; a derivation costs 3 µs, so a small cache is enough. */
const MAX_CACHED_KEYS = 256;

const ROW_VERSION = 1;
const FILE_KEY_LABEL: Uint8Array = utf8("talos/v1/vault/file-key");
const ROW_KEY_LABEL: Uint8Array = utf8("talos/v1/vault/row-key");
const FILE_LABEL: Uint8Array = utf8("talos/v1/vault/file\u0000");
const ROW_LABEL: Uint8Array = utf8("talos/v1/vault/row\u0000");

export interface SealedFilePart {
  readonly salt: Uint8Array;
  readonly nonce: Uint8Array;
  readonly ciphertext: Uint8Array;
}

export class Sealer implements RowSealer, Disposable {
  readonly vaultKeyNumber: number;
  readonly #vaultKey: SecretBytes;
  readonly #owner: Uint8Array;
  readonly #crypto: Crypto;
  readonly #keys = new Map<string, SecretBytes>();
  readonly #places = new Map<string, Uint8Array>();
  readonly #maxSeals: number;
  #rows: { readonly salt: Uint8Array; readonly key: SecretBytes } | undefined;
  #seals = 0;

  /** Takes over the vault key and wipes it when disposed. */
  constructor(vaultKey: SecretBytes, agentId: AgentId, vaultKeyNumber: number, crypto: Crypto, maxSeals: number = MAX_SEALS_PER_SALT) {
    this.#vaultKey = vaultKey;
    this.vaultKeyNumber = vaultKeyNumber;
    this.#owner = concatBytes(agentId, uint32(vaultKeyNumber));
    this.#crypto = crypto;
    this.#maxSeals = maxSeals;
  }

  /** @param context what the reader will expect: kind and key id */
  sealFile(context: Uint8Array, plaintext: Uint8Array): SealedFilePart {
    const drawn = this.#crypto.randomBytes(SALT_BYTES + AEAD_NONCE_BYTES);
    const [salt, nonce] = [drawn.subarray(0, SALT_BYTES), drawn.subarray(SALT_BYTES)];
    using key = this.#derive(FILE_KEY_LABEL, salt);
    return { salt, nonce, ciphertext: this.#crypto.aeadSeal("aes-256-gcm", key, nonce, plaintext, this.#fileData(context)) };
  }

  /** In memory of its own. @throws TalosError DECRYPTION_FAILED */
  openFile(context: Uint8Array, sealed: SealedFilePart): Uint8Array {
    using key = this.#derive(FILE_KEY_LABEL, sealed.salt);
    return this.#crypto.aeadOpen("aes-256-gcm", key, sealed.nonce, sealed.ciphertext, this.#fileData(context));
  }

  /** `u8 version || salt (16) || nonce (12) || ciphertext || tag (16)` */
  sealRow(table: string, row: Uint8Array, column: string, plaintext: Uint8Array, drawn?: DrawnBytes): Uint8Array {
    const { salt, key } = this.#rowKey();
    // Never from a stock that outlives a transaction: a process that is cloned with its memory would go on with the same nonces, under
    // the same key, as its copy.
    const nonce = drawn?.take(AEAD_NONCE_BYTES) ?? this.#crypto.randomBytes(AEAD_NONCE_BYTES);
    const ciphertext = this.#crypto.aeadSeal("aes-256-gcm", key, nonce, plaintext, this.#rowData(table, row, column));
    const sealed = new Uint8Array(1 + SALT_BYTES + AEAD_NONCE_BYTES + ciphertext.length);
    sealed[0] = ROW_VERSION;
    sealed.set(salt, 1);
    sealed.set(nonce, 1 + SALT_BYTES);
    sealed.set(ciphertext, 1 + SALT_BYTES + AEAD_NONCE_BYTES);
    return sealed;
  }

  drawBytes(): DrawnBytes {
    return new DrawnBytes(this.#crypto);
  }

  openRow(table: string, row: Uint8Array, column: string, sealed: Uint8Array): Uint8Array {
    if (sealed.length < ROW_OVERHEAD_BYTES || sealed[0] !== ROW_VERSION) throw damagedRow(table, row, column);
    const salt = sealed.subarray(1, 1 + SALT_BYTES);
    const nonce = sealed.subarray(1 + SALT_BYTES, 1 + SALT_BYTES + AEAD_NONCE_BYTES);
    const ciphertext = sealed.subarray(1 + SALT_BYTES + AEAD_NONCE_BYTES);
    try {
      return this.#crypto.aeadOpen("aes-256-gcm", this.#cachedKey(salt), nonce, ciphertext, this.#rowData(table, row, column));
    } catch (cause) {
      throw damagedRow(table, row, column, cause);
    }
  }

  /** Lends the vault key, to be wrapped in an unlock slot. */
  lendVaultKey<T>(use: (vaultKey: SecretBytes) => T): T {
    return use(this.#vaultKey);
  }

  /** Wipes the vault key and every key derived from it. */
  [Symbol.dispose](): void {
    this.#vaultKey.dispose();
    for (const key of this.#keys.values()) key.dispose();
    this.#rows?.key.dispose();
  }

  #rowKey(): { readonly salt: Uint8Array; readonly key: SecretBytes } {
    if (this.#rows === undefined || this.#seals >= this.#maxSeals) {
      this.#rows?.key.dispose();
      const salt = this.#crypto.randomBytes(SALT_BYTES);
      this.#rows = { salt, key: this.#derive(ROW_KEY_LABEL, salt) };
      this.#seals = 0;
    }
    this.#seals++;
    return this.#rows;
  }

  /** Least lately used out first; a Map keeps the order of insertion. */
  #cachedKey(salt: Uint8Array): SecretBytes {
    const name = String.fromCharCode(...salt);
    let key = this.#keys.get(name);
    if (key !== undefined) {
      this.#keys.delete(name);
    } else {
      key = this.#derive(ROW_KEY_LABEL, salt);
      const oldest = this.#keys.size >= MAX_CACHED_KEYS ? this.#keys.entries().next().value : undefined;
      if (oldest !== undefined) {
        oldest[1].dispose();
        this.#keys.delete(oldest[0]);
      }
    }
    this.#keys.set(name, key);
    return key;
  }

  #derive(label: Uint8Array, salt: Uint8Array): SecretBytes {
    return this.#crypto.deriveKey(this.#vaultKey, label, AEAD_KEY_BYTES, salt);
  }

  #fileData(context: Uint8Array): Uint8Array {
    return concatBytes(FILE_LABEL, this.#owner, context);
  }

  #rowData(table: string, row: Uint8Array, column: string): Uint8Array {
    const name = `${table}.${column}`;
    let prefix = this.#places.get(name);
    if (prefix === undefined) {
      const place = utf8(name);
      prefix = concatBytes(ROW_LABEL, this.#owner, Uint8Array.of(place.length), place);
      this.#places.set(name, prefix);
    }
    return concatBytes(prefix, row);
  }
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

function damagedRow(table: string, row: Uint8Array, column: string, cause?: unknown): Error {
  return talosError("VAULT_CORRUPT", "A sealed value of the database does not open: it is damaged, moved or foreign.", {
    cause,
    details: { table, column, row: toHex(row) },
  });
}
