/**
 * Ways into a vault. A slot wraps the vault key under a key from a password; a commitment, checked before anything is
 * decrypted, binds it to exactly one password (AES-GCM alone would open under several keys). Does not store anything.
 *
 * password -> Argon2id -> 32 bytes -> key-encryption key, and a key whose hash is the commitment. Both, and the associated data of the
 * wrap, cover agent id, parameters, salt and vault key number.
 */
import {
  AEAD_KEY_BYTES,
  AEAD_NONCE_BYTES,
  AEAD_TAG_BYTES,
  type AgentId,
  concatBytes,
  type Crypto,
  encodeStruct,
  equalBytes,
  revealSecret,
  SecretBytes,
  secureCompare,
  StructReader,
  talosError,
  type TalosError,
  utf8,
} from "@talos/core";
import { checkKdfParameters, DEFAULT_KDF, type KdfParameters } from "./kdf-bounds.ts";

const MAX_SLOTS = 8;
const SLOT_SALT_BYTES = 16;
const COMMITMENT_BYTES = 32;
const CHECKSUM_BYTES = 8;
const KIND_PASSWORD = 1;
const MAX_PASSWORD_BYTES = 4096;

const KEK_LABEL: Uint8Array = utf8("talos/v1/vault/slot-key\u0000");
const COMMITMENT_LABEL: Uint8Array = utf8("talos/v1/vault/slot-commitment\u0000");
const WRAP_LABEL: Uint8Array = utf8("talos/v1/vault/slot-wrap\u0000");

interface SlotFields {
  readonly kdf: KdfParameters;
  readonly salt: Uint8Array;
  readonly vaultKeyNumber: number;
  readonly createdAt: number;
  readonly commitment: Uint8Array;
  readonly nonce: Uint8Array;
  readonly wrapped: Uint8Array;
}

export interface UnlockedSlot {
  readonly vaultKey: SecretBytes;
  readonly vaultKeyNumber: number;
}

/**
 * Makes a slot for a password: one Argon2id run.
 *
 * @returns its stored form
 * @throws TalosError PASSWORD_REQUIRED for an empty password; KDF_PARAMETERS_REFUSED; INVALID_ARGUMENT above 4096 bytes
 */
export function makePasswordSlot(
  password: SecretBytes,
  vaultKey: SecretBytes,
  vaultKeyNumber: number,
  agentId: AgentId,
  now: number,
  crypto: Crypto,
  kdf: KdfParameters = DEFAULT_KDF,
): Uint8Array {
  if (password.length === 0) throw talosError("PASSWORD_REQUIRED");
  if (password.length > MAX_PASSWORD_BYTES) throw talosError("INVALID_ARGUMENT", "The password is longer than 4096 bytes.");
  checkKdfParameters(kdf);
  const salt = crypto.randomBytes(SLOT_SALT_BYTES);
  const nonce = crypto.randomBytes(AEAD_NONCE_BYTES);
  const bound = boundFields(agentId, kdf, salt, vaultKeyNumber);
  using derived = stretch(password, salt, kdf, crypto);
  using kek = crypto.deriveKey(derived, concatBytes(KEK_LABEL, bound), AEAD_KEY_BYTES);
  const commitment = commitTo(derived, bound, crypto);
  const wrapped = crypto.aeadSeal("aes-256-gcm", kek, nonce, revealSecret(vaultKey), concatBytes(WRAP_LABEL, bound));
  return encodeSlot({ kdf, salt, vaultKeyNumber, createdAt: now, commitment, nonce, wrapped }, crypto);
}

/**
 * Tries a password on one slot: one Argon2id run.
 *
 * @returns undefined when it is not this slot's password
 * @throws TalosError KDF_PARAMETERS_REFUSED before anything is derived; VAULT_CORRUPT for a damaged slot
 */
export function openPasswordSlot(record: Uint8Array, password: SecretBytes, agentId: AgentId, crypto: Crypto): UnlockedSlot | undefined {
  const slot = decodeSlot(record, crypto);
  if (password.length === 0 || password.length > MAX_PASSWORD_BYTES) return undefined;
  const bound = boundFields(agentId, slot.kdf, slot.salt, slot.vaultKeyNumber);
  using derived = stretch(password, slot.salt, slot.kdf, crypto);
  if (!secureCompare(commitTo(derived, bound, crypto), slot.commitment)) return undefined;
  using kek = crypto.deriveKey(derived, concatBytes(KEK_LABEL, bound), AEAD_KEY_BYTES);
  try {
    const vaultKey = crypto.aeadOpen("aes-256-gcm", kek, slot.nonce, slot.wrapped, concatBytes(WRAP_LABEL, bound));
    return { vaultKey: SecretBytes.take(vaultKey), vaultKeyNumber: slot.vaultKeyNumber };
  } catch (cause) {
    throw damagedSlot(cause);
  }
}

/**
 * Tries a password on every slot.
 *
 * @throws TalosError WRONG_PASSWORD; KDF_PARAMETERS_REFUSED; VAULT_CORRUPT
 */
export function unlock(records: readonly Uint8Array[], password: SecretBytes, agentId: AgentId, crypto: Crypto): UnlockedSlot {
  if (password.length === 0) throw talosError("PASSWORD_REQUIRED");
  if (records.length === 0 || records.length > MAX_SLOTS) throw damagedSlot();
  for (const record of records) {
    const unlocked = openPasswordSlot(record, password, agentId, crypto);
    if (unlocked !== undefined) return unlocked;
  }
  throw talosError("WRONG_PASSWORD");
}

function stretch(password: SecretBytes, salt: Uint8Array, kdf: KdfParameters, crypto: Crypto): SecretBytes {
  return crypto.argon2id(password, salt, { ...kdf, length: AEAD_KEY_BYTES });
}

/** SHA-256 over a key of its own, so that what is stored tells nothing of the key-encryption key and fits one password only. */
function commitTo(derived: SecretBytes, bound: Uint8Array, crypto: Crypto): Uint8Array {
  using key = crypto.deriveKey(derived, COMMITMENT_LABEL, AEAD_KEY_BYTES);
  return crypto.sha256(COMMITMENT_LABEL, bound, revealSecret(key));
}

/** What the derivations and the wrap cover. Fixed layout: agent id, u32 memory, u32 passes, u32 lanes, u32 vault key number, salt. */
function boundFields(agentId: AgentId, kdf: KdfParameters, salt: Uint8Array, vaultKeyNumber: number): Uint8Array {
  const numbers = new DataView(new ArrayBuffer(16));
  [kdf.memoryKiB, kdf.passes, kdf.lanes, vaultKeyNumber].forEach((value, i) => numbers.setUint32(4 * i, value));
  return concatBytes(agentId, new Uint8Array(numbers.buffer), salt);
}

function structOf(slot: SlotFields, checksum?: Uint8Array): Uint8Array {
  return encodeStruct(
    new Map<number, number | Uint8Array | undefined>([
      [2, KIND_PASSWORD],
      [3, slot.kdf.memoryKiB],
      [4, slot.kdf.passes],
      [5, slot.kdf.lanes],
      [6, slot.salt],
      [7, slot.vaultKeyNumber],
      [8, slot.createdAt],
      [9, slot.commitment],
      [10, slot.nonce],
      [11, slot.wrapped],
      [12, checksum],
    ]),
  );
}

/** The checksum only tells a damaged slot from a wrong password; nothing is trusted for it. */
export function encodeSlot(slot: SlotFields, crypto: Crypto): Uint8Array {
  return structOf(slot, checksumOf(slot, crypto));
}

/** @throws TalosError VAULT_CORRUPT, KDF_PARAMETERS_REFUSED */
export function decodeSlot(record: Uint8Array, crypto: Crypto): SlotFields {
  const { slot, checksum } = readSlot(record);
  checkKdfParameters(slot.kdf);
  if (!equalBytes(checksum, checksumOf(slot, crypto))) throw damagedSlot();
  return slot;
}

function readSlot(record: Uint8Array): { slot: SlotFields; checksum: Uint8Array } {
  try {
    const reader = new StructReader(record, "unlock slot");
    reader.uint(2, { min: KIND_PASSWORD, max: KIND_PASSWORD });
    const slot: SlotFields = {
      kdf: { memoryKiB: reader.uint(3), passes: reader.uint(4), lanes: reader.uint(5) },
      salt: reader.bytes(6, { length: SLOT_SALT_BYTES }),
      vaultKeyNumber: reader.uint(7, { min: 1, max: 0xffff_ffff }),
      createdAt: reader.uint(8),
      commitment: reader.bytes(9, { length: COMMITMENT_BYTES }),
      nonce: reader.bytes(10, { length: AEAD_NONCE_BYTES }),
      wrapped: reader.bytes(11, { length: AEAD_KEY_BYTES + AEAD_TAG_BYTES }),
    };
    const checksum = reader.bytes(12, { length: CHECKSUM_BYTES });
    reader.finish();
    return { slot, checksum };
  } catch (cause) {
    throw damagedSlot(cause);
  }
}

function checksumOf(slot: SlotFields, crypto: Crypto): Uint8Array {
  return crypto.sha256(structOf(slot)).slice(0, CHECKSUM_BYTES);
}

function damagedSlot(cause?: unknown): TalosError {
  return talosError("VAULT_CORRUPT", "The unlock slot in the data directory's database is damaged.", { cause });
}
