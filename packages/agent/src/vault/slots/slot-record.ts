/**
 * The stored form of an unlock slot: what kind of secret opens it, how that secret is stretched, and the wrapped vault
 * key. Derives nothing and trusts nothing: what counts is covered by the commitment and the wrap (unlock-slots.ts).
 */
import {
  AEAD_KEY_BYTES,
  AEAD_NONCE_BYTES,
  AEAD_TAG_BYTES,
  type Crypto,
  encodeStruct,
  equalBytes,
  StructReader,
  talosError,
  type TalosError,
  utf8,
} from "@talos/core";
import { checkKdfParameters, type KdfParameters } from "./kdf-bounds.ts";

/** Their numbers in a record are 1, 2, 3. */
export const UNLOCK_KINDS = ["password", "key-file", "credential"] as const;
export type UnlockKind = (typeof UNLOCK_KINDS)[number];

export const MAX_SLOTS = 8;
export const SLOT_SALT_BYTES = 16;
const MAX_LABEL_BYTES = 64;
const COMMITMENT_BYTES = 32;
const CHECKSUM_BYTES = 8;

/** As it lies in the table. */
export interface StoredSlot {
  /** 1 to 8 */
  readonly number: number;
  readonly record: Uint8Array;
}

export interface SlotFields {
  readonly kind: UnlockKind;
  /** For people; of a credential its name. At most 64 bytes of UTF-8, may be empty. */
  readonly label: string;
  /** Of passwords only. */
  readonly kdf?: KdfParameters | undefined;
  /** 16 bytes */
  readonly salt: Uint8Array;
  readonly vaultKeyNumber: number;
  readonly createdAt: number;
  /** 32 bytes */
  readonly commitment: Uint8Array;
  /** 12 bytes */
  readonly nonce: Uint8Array;
  /** 48 bytes: the sealed vault key */
  readonly wrapped: Uint8Array;
}

/** The number of a kind in records and in what is bound. */
export function kindNumber(kind: UnlockKind): number {
  return UNLOCK_KINDS.indexOf(kind) + 1;
}

/** @throws TalosError INVALID_ARGUMENT above 64 bytes of UTF-8, or for characters that show nothing or turn what follows */
export function checkLabel(label: string): void {
  if (utf8(label).length > MAX_LABEL_BYTES || /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(label)) {
    throw talosError(
      "INVALID_ARGUMENT",
      "The label of an unlock slot is at most 64 bytes, without control characters and invisible ones.",
      {
        details: { option: "label" },
      },
    );
  }
}

/** The checksum only tells a damaged slot from a wrong password; nothing is trusted for it. */
export function encodeSlot(slot: SlotFields, crypto: Pick<Crypto, "sha256">): Uint8Array {
  return structOf(slot, checksumOf(slot, crypto));
}

/** @throws TalosError VAULT_CORRUPT for a damaged record; KDF_PARAMETERS_REFUSED */
export function decodeSlot(record: Uint8Array, crypto: Pick<Crypto, "sha256">): SlotFields {
  const { slot, checksum } = readSlot(record);
  if (slot.kdf !== undefined) checkKdfParameters(slot.kdf);
  if (!equalBytes(checksum, checksumOf(slot, crypto))) throw damagedSlot();
  return slot;
}

export function damagedSlot(cause?: unknown): TalosError {
  return talosError("VAULT_CORRUPT", "An unlock slot in the data directory's database is damaged.", { cause });
}

function structOf(slot: SlotFields, checksum?: Uint8Array): Uint8Array {
  return encodeStruct(
    new Map<number, number | string | Uint8Array | undefined>([
      [2, kindNumber(slot.kind)],
      [3, slot.kdf?.memoryKiB],
      [4, slot.kdf?.passes],
      [5, slot.kdf?.lanes],
      [6, slot.salt],
      [7, slot.vaultKeyNumber],
      [8, slot.createdAt],
      [9, slot.commitment],
      [10, slot.nonce],
      [11, slot.wrapped],
      [12, slot.label],
      [13, checksum],
    ]),
  );
}

function readSlot(record: Uint8Array): { slot: SlotFields; checksum: Uint8Array } {
  try {
    const reader = new StructReader(record, "unlock slot");
    const kind = UNLOCK_KINDS[reader.uint(2, { min: 1, max: UNLOCK_KINDS.length }) - 1];
    if (kind === undefined) throw damagedSlot();
    const slot: SlotFields = {
      kind,
      kdf: kind === "password" ? { memoryKiB: reader.uint(3), passes: reader.uint(4), lanes: reader.uint(5) } : undefined,
      salt: reader.bytes(6, { length: SLOT_SALT_BYTES }),
      vaultKeyNumber: reader.uint(7, { min: 1, max: 0xffff_ffff }),
      createdAt: reader.uint(8),
      commitment: reader.bytes(9, { length: COMMITMENT_BYTES }),
      nonce: reader.bytes(10, { length: AEAD_NONCE_BYTES }),
      wrapped: reader.bytes(11, { length: AEAD_KEY_BYTES + AEAD_TAG_BYTES }),
      label: reader.text(12, { maxBytes: MAX_LABEL_BYTES }),
    };
    const checksum = reader.bytes(13, { length: CHECKSUM_BYTES });
    reader.finish();
    return { slot, checksum };
  } catch (cause) {
    throw damagedSlot(cause);
  }
}

function checksumOf(slot: SlotFields, crypto: Pick<Crypto, "sha256">): Uint8Array {
  return crypto.sha256(structOf(slot)).slice(0, CHECKSUM_BYTES);
}
