/**
 * One key file: a clear header (kind, key id, number of the vault key) and the sealed private part. Immutable once
 * written. Does not know where a file lies or what its key is for.
 *
 *   "TALOSKEY" || u8 version || u8 kind || key id (8) || u32 vault key number || salt (16) || nonce (12) || ciphertext || tag (16)
 *
 * The reader compares the header with what it expects and builds the associated data from that, so every byte of the
 * file is either compared or authenticated.
 */
import {
  AEAD_NONCE_BYTES,
  AEAD_TAG_BYTES,
  BinaryReader,
  BinaryWriter,
  concatBytes,
  decodeUtf8,
  fromHex,
  type KeyId,
  revealSecret,
  SecretBytes,
  talosError,
  type TalosError,
  toHex,
  utf8,
} from "@talos/core";
import { SALT_BYTES, type Sealer } from "../sealer.ts";
import { STORED_KEY_KINDS, type StoredKeyKind } from "../store/inventory.ts";

const MAGIC = "TALOSKEY";
const VERSION = 1;
const KEY_ID_BYTES = 8;

export const KEY_FILE_HEADER_BYTES: number = MAGIC.length + 1 + 1 + KEY_ID_BYTES + 4;
const OVERHEAD_BYTES = KEY_FILE_HEADER_BYTES + SALT_BYTES + AEAD_NONCE_BYTES + AEAD_TAG_BYTES;

const KIND_CODES: Readonly<Record<StoredKeyKind, number>> = { identity: 1, encryption: 2, "signed-prekey": 3, "one-time-prekey": 4 };

export interface KeyFileHeader {
  readonly kind: StoredKeyKind;
  readonly keyId: KeyId;
  readonly vaultKeyNumber: number;
}

export function sealKeyFile(kind: StoredKeyKind, keyId: KeyId, secret: SecretBytes, sealer: Sealer): Uint8Array {
  const header = encodeHeader({ kind, keyId, vaultKeyNumber: sealer.vaultKeyNumber });
  const { salt, nonce, ciphertext } = sealer.sealFile(header, revealSecret(secret));
  return concatBytes(header, salt, nonce, ciphertext);
}

/**
 * The private part of the key that is expected there.
 *
 * @throws TalosError KEY_FILE_CORRUPT for a damaged or truncated file; KEY_FILE_SWAPPED where it is another key's, or
 *   sealed under another vault key; UNSUPPORTED_VERSION
 */
export function openKeyFile(file: Uint8Array, kind: StoredKeyKind, keyId: KeyId, sealer: Sealer): SecretBytes {
  const header = readKeyFileHeader(file);
  if (header.kind !== kind || header.keyId !== keyId)
    throw talosError("KEY_FILE_SWAPPED", undefined, { details: { reason: "another key" } });
  if (header.vaultKeyNumber !== sealer.vaultKeyNumber) {
    const age = header.vaultKeyNumber < sealer.vaultKeyNumber ? "an earlier" : "a later";
    throw talosError("KEY_FILE_SWAPPED", `A key file is sealed under ${age} vault key.`, { details: { reason: `${age} vault key` } });
  }
  if (file.length < OVERHEAD_BYTES) throw corrupt("truncated");
  const reader = new BinaryReader(file, "key file");
  reader.bytes(KEY_FILE_HEADER_BYTES);
  const sealed = { salt: reader.bytes(SALT_BYTES), nonce: reader.bytes(AEAD_NONCE_BYTES), ciphertext: reader.rest() };
  try {
    return SecretBytes.take(sealer.openFile(encodeHeader({ kind, keyId, vaultKeyNumber: sealer.vaultKeyNumber }), sealed));
  } catch (cause) {
    throw corrupt("does not open", cause);
  }
}

/** What a file claims to be; nothing of it is authenticated. @throws TalosError KEY_FILE_CORRUPT, UNSUPPORTED_VERSION */
export function readKeyFileHeader(file: Uint8Array): KeyFileHeader {
  if (file.length < KEY_FILE_HEADER_BYTES) throw corrupt("truncated");
  const reader = new BinaryReader(file, "key file");
  if (!isMagic(reader.bytes(MAGIC.length))) throw corrupt("not a key file");
  if (reader.u8() !== VERSION) throw talosError("UNSUPPORTED_VERSION");
  const code = reader.u8();
  const kind = STORED_KEY_KINDS.find((candidate) => KIND_CODES[candidate] === code);
  if (kind === undefined) throw corrupt("unknown kind");
  return { kind, keyId: toHex(reader.bytes(KEY_ID_BYTES)) as KeyId, vaultKeyNumber: reader.u32() };
}

function encodeHeader(header: KeyFileHeader): Uint8Array {
  return new BinaryWriter(KEY_FILE_HEADER_BYTES)
    .bytes(utf8(MAGIC))
    .u8(VERSION)
    .u8(KIND_CODES[header.kind])
    .bytes(fromHex(header.keyId))
    .u32(header.vaultKeyNumber)
    .finish();
}

function isMagic(bytes: Uint8Array): boolean {
  try {
    return decodeUtf8(bytes) === MAGIC;
  } catch {
    return false;
  }
}

function corrupt(reason: string, cause?: unknown): TalosError {
  return talosError("KEY_FILE_CORRUPT", undefined, { cause, details: { reason } });
}
