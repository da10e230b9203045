// Reads a vault at rest (vault.md): unlock slots, key files, sealed columns. Reads a copy: it opens `state.db` and keeps no rule of who may.
import { argon2Sync, createDecipheriv, hkdfSync } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join as path } from "node:path";
import { DatabaseSync, type SQLOutputValue } from "node:sqlite";
import { sameBytes, hex, join, unhex } from "./bytes.ts";
import { sha256 } from "./hashes.ts";
import { demand, refuse } from "./refusal.ts";
import { Fields } from "./structure.ts";

const NAME =
  /^(?:identity(?:\.next)?\.key\.enc|encryption(?:\.[0-9a-f]{16})?\.key\.enc|signed_prekey(?:\.[0-9a-f]{16})?\.enc|otpk_[0-9a-f]{16}\.enc)$/u;
const KEY_FILE_KINDS = ["identity", "encryption", "signed-prekey", "one-time-prekey"] as const;

export interface KeyFileContent {
  readonly kind: (typeof KEY_FILE_KINDS)[number];
  readonly keyId: string;
  readonly secret: Uint8Array;
}

export interface SlotContent {
  readonly kind: number;
  readonly label: string;
  readonly vaultKey: Uint8Array;
}

type Row = Readonly<Record<string, SQLOutputValue>>;

export class VaultReader implements Disposable {
  readonly #folder: string;
  readonly #database: DatabaseSync;
  readonly #vaultKey: Uint8Array;
  readonly #owner: Uint8Array;
  readonly vaultKeyNumber: number;
  readonly slot: SlotContent;

  /** @param secret the password (NFC, UTF-8), or the content of a key file or credential */
  constructor(folder: string, secret: Uint8Array) {
    this.#folder = folder;
    this.#database = new DatabaseSync(path(folder, "state.db"));
    const vault = this.rows("SELECT agent_id, vault_key_number FROM vault")[0] ?? refuse("malformed", "no vault");
    const agentId = blob(vault, "agent_id");
    this.vaultKeyNumber = Number(vault["vault_key_number"]);
    this.#owner = join(agentId, u32(this.vaultKeyNumber));
    const slots = this.rows("SELECT record FROM slots ORDER BY slot").map((row) => openSlot(blob(row, "record"), secret, agentId));
    this.slot = slots.find((slot) => slot !== undefined) ?? refuse("decryption-failed", "no slot opens");
    this.#vaultKey = this.slot.vaultKey;
  }

  rows(sql: string): readonly Row[] {
    return this.#database.prepare(sql).all();
  }

  /** Every key file under a final name, by that name. */
  keyFiles(): ReadonlyMap<string, KeyFileContent> {
    const inPrekeys = readdirSync(path(this.#folder, "prekeys")).map((name) => `prekeys/${name}`);
    const names = [...readdirSync(this.#folder), ...inPrekeys].filter((name) => NAME.test(name.replace("prekeys/", "")));
    return new Map(names.sort().map((name) => [name, this.#keyFile(readFileSync(path(this.#folder, name)))]));
  }

  /** A sealed column, from its own place. */
  unseal(table: string, column: string, rowId: Uint8Array, sealed: Uint8Array): Uint8Array {
    demand(sealed[0] === 1, "version 1");
    const place = `${table}.${column}`;
    const data = join("talos/v1/vault/row\0", this.#owner, Uint8Array.of(place.length), place, rowId);
    return this.#open("talos/v1/vault/row-key", sealed.subarray(1), data);
  }

  #keyFile(bytes: Uint8Array): KeyFileContent {
    const header = bytes.subarray(0, 22);
    demand(Buffer.from(header.subarray(0, 8)).toString("latin1") === "TALOSKEY" && header[8] === 1, "a key file of version 1");
    const kind = KEY_FILE_KINDS[(header[9] ?? 0) - 1] ?? refuse("malformed", "an unknown kind");
    demand(sameBytes(header.subarray(18), u32(this.vaultKeyNumber)), "sealed under another vault key");
    const data = join("talos/v1/vault/file\0", this.#owner, header);
    return { kind, keyId: hex(header.subarray(10, 18)), secret: this.#open("talos/v1/vault/file-key", bytes.subarray(22), data) };
  }

  /** salt (16) || nonce (12) || ciphertext || tag */
  #open(label: string, sealed: Uint8Array, data: Uint8Array): Uint8Array {
    const key = hkdf(this.#vaultKey, sealed.subarray(0, 16), label);
    return openGcm(key, sealed.subarray(16, 28), sealed.subarray(28), data);
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

/** Undefined where the secret is not this slot's: its commitment says so before anything is decrypted. */
function openSlot(record: Uint8Array, secret: Uint8Array, agentId: Uint8Array): SlotContent | undefined {
  const fields = new Fields(record);
  const kind = fields.uint(2, 1, 3);
  const [memory, passes, lanes] = kind === 1 ? [fields.uint(3), fields.uint(4), fields.uint(5)] : [0, 0, 0];
  const salt = fields.bytes(6, 16);
  const number = fields.uint(7, 1);
  fields.uint(8);
  const commitment = fields.bytes(9, 32);
  const nonce = fields.bytes(10, 12);
  const wrapped = fields.bytes(11, 48);
  const label = fields.text(12, 64);
  fields.bytes(13, 8);
  fields.end();
  const stretched =
    kind === 1
      ? argon2Sync("argon2id", { message: secret, nonce: salt, memory, passes, parallelism: lanes, tagLength: 32 })
      : hkdf(secret, salt, "talos/v1/vault/slot-material\0");
  const bound = join(agentId, ...[kind, memory, passes, lanes, number].map(u32), salt);
  const committed = hkdf(stretched, new Uint8Array(0), "talos/v1/vault/slot-commitment\0");
  if (!sameBytes(sha256("talos/v1/vault/slot-commitment\0", bound, committed), commitment)) return undefined;
  const key = hkdf(stretched, new Uint8Array(0), join("talos/v1/vault/slot-key\0", bound));
  return { kind, label, vaultKey: openGcm(key, nonce, wrapped, join("talos/v1/vault/slot-wrap\0", bound)) };
}

function hkdf(key: Uint8Array, salt: Uint8Array, info: Uint8Array | string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", key, salt, info, 32));
}

function openGcm(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, data: Uint8Array): Uint8Array {
  const opener = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: 16 });
  opener.setAAD(data);
  opener.setAuthTag(sealed.subarray(-16));
  try {
    return join(opener.update(sealed.subarray(0, -16)), opener.final());
  } catch {
    return refuse("decryption-failed", "the tag does not fit");
  }
}

function u32(value: number): Uint8Array {
  return unhex(value.toString(16).padStart(8, "0"));
}

function blob(row: Row, column: string): Uint8Array {
  const value = row[column];
  demand(value instanceof Uint8Array, `${column} is a byte string`);
  return value;
}
