/**
 * The bytes of a backup file: `[clear, slots, commitment, nonce, sealed, checksum]`, where `clear` is a structure with everything that can be
 * read without a password. Derives nothing and trusts nothing: clear and slots are bound by the seal, byte for byte (seal-backup.ts).
 * Everything that can be judged without a password is judged here. Source: docs/protocol/backup.md.
 */
import {
  AEAD_KEY_BYTES,
  AEAD_NONCE_BYTES,
  AEAD_TAG_BYTES,
  agentId,
  type ArrayReader,
  type CborValue,
  type Crypto,
  encodeCbor,
  encodeStruct,
  equalBytes,
  headToCbor,
  isTalosError,
  readCborArray,
  readLogHead,
  StructReader,
  utf8,
} from "@talos/core";
import type { CommittedWrap } from "../vault/slots/committed-wrap.ts";
import { checkKdfParameters, type KdfParameters } from "../vault/slots/kdf-bounds.ts";
import type { BackupFacts } from "./backup-content.ts";
import { damagedBackup, isFromLaterRelease } from "./damaged-backup.ts";
import { isPaddedLength, MAX_PADDED_BYTES } from "./padding.ts";

/** Whatever is longer is no backup. */
export const MAX_BACKUP_BYTES = 67_108_864;
export const MAX_SLOTS = 4;
export const BACKUP_SALT_BYTES = 16;
const MAX_NAME_BYTES = 64;
/** Clear and slots are the info of a derivation, and Node takes 1,024 bytes there. A later release has room for small extensions. */
const MAX_CLEAR_BYTES = 512;
const MAX_SLOTS_BYTES = 4 * 98 + 1;
const HASH_BYTES = 32;
const CHECKSUM_BYTES = 8;
/** Every value of the file and of the slots. */
const MAX_ITEMS = 64;
const CHECKSUM_LABEL: Uint8Array = utf8("talos/v1/backup/checksum\u0000");

export interface ClearFields extends BackupFacts {
  readonly kdf: KdfParameters;
  /** 16 bytes, one for all slots. */
  readonly salt: Uint8Array;
}

/** `clear` and `slots` as bytes are what is bound. */
export interface BackupRecord {
  readonly fields: ClearFields;
  readonly clear: Uint8Array;
  readonly slots: readonly CommittedWrap[];
  readonly slotBytes: Uint8Array;
  readonly seal: CommittedWrap;
}

export function encodeClear({ agentName, agentId: id, createdAt, head, kdf, salt }: ClearFields): Uint8Array {
  return encodeStruct(
    new Map<number, CborValue>([
      [2, agentName],
      [3, id],
      [4, createdAt],
      [5, headToCbor(head)],
      [6, kdf.memoryKiB],
      [7, kdf.passes],
      [8, kdf.lanes],
      [9, salt],
    ]),
  );
}

export function encodeSlots(slots: readonly CommittedWrap[]): Uint8Array {
  return encodeCbor(slots.map(({ commitment, nonce, wrapped }) => [commitment, nonce, wrapped]));
}

/** The checksum only tells damage from a wrong password; nothing is trusted for it. */
export function encodeBackup(
  { clear, slotBytes, seal }: Omit<BackupRecord, "fields" | "slots">,
  crypto: Pick<Crypto, "sha256">,
): Uint8Array {
  const { commitment, nonce, wrapped } = seal;
  return encodeCbor([clear, slotBytes, commitment, nonce, wrapped, checksumOf({ clear, slotBytes, seal }, crypto)]);
}

/**
 * @throws TalosError BACKUP_DAMAGED; UNSUPPORTED_VERSION, UNSUPPORTED_SUITE, UNSUPPORTED_EXTENSION of a backup that a later release made;
 *   KDF_PARAMETERS_REFUSED
 */
export function decodeBackup(file: Uint8Array, crypto: Pick<Crypto, "sha256">): BackupRecord {
  const { clear, slotBytes, seal } = readFile(file, crypto);
  const fields = readClear(clear);
  const slots = readSlots(slotBytes);
  checkKdfParameters(fields.kdf);
  return { fields, clear, slots, slotBytes, seal };
}

function readFile(file: Uint8Array, crypto: Pick<Crypto, "sha256">): Omit<BackupRecord, "fields" | "slots"> {
  try {
    const list = readCborArray(file, "backup", { length: 6 }, { maxBytes: MAX_BACKUP_BYTES, maxItems: MAX_ITEMS });
    const clear = list.bytes({ max: MAX_CLEAR_BYTES });
    const slotBytes = list.bytes({ max: MAX_SLOTS_BYTES });
    const seal = readWrap(list, { max: MAX_PADDED_BYTES + AEAD_TAG_BYTES });
    const checksum = list.bytes({ length: CHECKSUM_BYTES });
    list.end();
    if (!isPaddedLength(seal.wrapped.length - AEAD_TAG_BYTES)) throw damagedBackup("length");
    if (equalBytes(checksum, checksumOf({ clear, slotBytes, seal }, crypto))) return { clear, slotBytes, seal };
  } catch (cause) {
    throw isTalosError(cause, "BACKUP_DAMAGED") ? cause : damagedBackup("form", cause);
  }
  throw damagedBackup("checksum");
}

function readClear(clear: Uint8Array): ClearFields {
  try {
    const reader = new StructReader(clear, "backup");
    const fields: ClearFields = {
      agentName: reader.text(2, { maxBytes: MAX_NAME_BYTES }),
      agentId: agentId(reader.bytes(3, { length: HASH_BYTES })),
      createdAt: reader.uint(4),
      head: readLogHead(reader.array(5)),
      kdf: { memoryKiB: reader.uint(6), passes: reader.uint(7), lanes: reader.uint(8) },
      salt: reader.bytes(9, { length: BACKUP_SALT_BYTES }),
    };
    reader.finish();
    return fields;
  } catch (error) {
    // The checksum fits: this is no accident, but something that this release does not know.
    throw isFromLaterRelease(error) ? error : damagedBackup("form", error);
  }
}

function readSlots(slotBytes: Uint8Array): readonly CommittedWrap[] {
  try {
    const list = readCborArray(slotBytes, "backup slots", { min: 1, max: MAX_SLOTS }, { maxItems: MAX_ITEMS });
    const slots: CommittedWrap[] = [];
    while (list.remaining > 0) {
      const item = list.array({ length: 3 });
      slots.push(readWrap(item, { length: AEAD_KEY_BYTES + AEAD_TAG_BYTES }));
    }
    return slots;
  } catch (cause) {
    throw damagedBackup("form", cause);
  }
}

function readWrap(list: ArrayReader, wrapped: { readonly length?: number; readonly max?: number }): CommittedWrap {
  return {
    commitment: list.bytes({ length: HASH_BYTES }),
    nonce: list.bytes({ length: AEAD_NONCE_BYTES }),
    wrapped: list.bytes(wrapped),
  };
}

function checksumOf({ clear, slotBytes, seal }: Omit<BackupRecord, "fields" | "slots">, crypto: Pick<Crypto, "sha256">): Uint8Array {
  return crypto.sha256(CHECKSUM_LABEL, clear, slotBytes, seal.commitment, seal.nonce, seal.wrapped).slice(0, CHECKSUM_BYTES);
}
