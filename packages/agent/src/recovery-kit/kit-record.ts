/**
 * The bytes of a recovery kit: `[clear, commitment, nonce, sealed, checksum]`, where `clear` is a structure with everything that
 * can be read without the password. Derives nothing and trusts nothing: what is clear is bound by the seal, byte for byte
 * (seal-kit.ts). Source: docs/protocol/recovery-kit.md.
 */
import {
  AEAD_KEY_BYTES,
  AEAD_NONCE_BYTES,
  AEAD_TAG_BYTES,
  agentId,
  type AgentId,
  type Crypto,
  encodeCbor,
  encodeStruct,
  equalBytes,
  isTalosError,
  readCborArray,
  StructReader,
  talosError,
  type TalosError,
  utf8,
} from "@talos/core";
import { checkKdfParameters, type KdfParameters } from "../vault/slots/kdf-bounds.ts";
import type { CommittedWrap } from "../vault/slots/committed-wrap.ts";

export const KIT_SALT_BYTES = 16;
export const SEED_BYTES = 32;
export const MAX_NAME_BYTES = 64;
/** It is the info of a derivation, after a label, and Node takes 1,024 bytes there. A later release has room for small extensions. */
const MAX_CLEAR_BYTES = 512;
const HASH_BYTES = 32;
const CHECKSUM_BYTES = 8;
const CHECKSUM_LABEL: Uint8Array = utf8("talos/v1/recovery-kit/checksum\u0000");

/** What stands in a kit in the clear. */
export interface KitFacts {
  /** As its owner called it when the kit was made; at most 64 bytes. */
  readonly agentName: string;
  readonly agentId: AgentId;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

export interface ClearFields extends KitFacts {
  readonly kdf: KdfParameters;
  /** 16 bytes */
  readonly salt: Uint8Array;
  /** Of the text above the block, 32 bytes. */
  readonly textHash: Uint8Array;
}

export interface KitRecord {
  readonly fields: ClearFields;
  /** The bytes of `fields` as they came: these are bound. */
  readonly clear: Uint8Array;
  readonly seal: CommittedWrap;
}

/** `reason` and, of a line that was changed, `line`. */
export function damagedKit(details: { readonly reason: string; readonly line?: number }, cause?: unknown): TalosError {
  return talosError("RECOVERY_KIT_DAMAGED", undefined, { details, cause });
}

export function encodeClear({ agentName, agentId: id, kdf, salt, createdAt, textHash }: ClearFields): Uint8Array {
  return encodeStruct(
    new Map<number, number | string | Uint8Array>([
      [2, agentName],
      [3, id],
      [4, createdAt],
      [5, kdf.memoryKiB],
      [6, kdf.passes],
      [7, kdf.lanes],
      [8, salt],
      [9, textHash],
    ]),
  );
}

/** The checksum only tells damage from a wrong password; nothing is trusted for it. */
export function encodeKit(clear: Uint8Array, seal: CommittedWrap, crypto: Pick<Crypto, "sha256">): Uint8Array {
  const { commitment, nonce, wrapped } = seal;
  return encodeCbor([clear, commitment, nonce, wrapped, checksumOf(clear, seal, crypto)]);
}

/**
 * @throws TalosError RECOVERY_KIT_DAMAGED; KDF_PARAMETERS_REFUSED; UNSUPPORTED_VERSION, UNSUPPORTED_SUITE, UNSUPPORTED_EXTENSION of a
 *   kit that a later release made
 */
export function decodeKit(record: Uint8Array, crypto: Pick<Crypto, "sha256">): KitRecord {
  const { clear, seal } = readRecord(record, crypto);
  const fields = readClear(clear);
  checkKdfParameters(fields.kdf);
  return { fields, clear, seal };
}

function readRecord(record: Uint8Array, crypto: Pick<Crypto, "sha256">): Omit<KitRecord, "fields"> {
  try {
    const list = readCborArray(record, "recovery kit", { length: 5 });
    const clear = list.bytes({ max: MAX_CLEAR_BYTES });
    const seal: CommittedWrap = {
      commitment: list.bytes({ length: HASH_BYTES }),
      nonce: list.bytes({ length: AEAD_NONCE_BYTES }),
      wrapped: list.bytes({ length: AEAD_KEY_BYTES + AEAD_TAG_BYTES }),
    };
    const checksum = list.bytes({ length: CHECKSUM_BYTES });
    list.end();
    if (equalBytes(checksum, checksumOf(clear, seal, crypto))) return { clear, seal };
  } catch (cause) {
    throw damagedKit({ reason: "form" }, cause);
  }
  throw damagedKit({ reason: "checksum" });
}

function readClear(clear: Uint8Array): ClearFields {
  try {
    const reader = new StructReader(clear, "recovery kit");
    const fields: ClearFields = {
      agentName: reader.text(2, { maxBytes: MAX_NAME_BYTES }),
      agentId: agentId(reader.bytes(3, { length: HASH_BYTES })),
      createdAt: reader.uint(4),
      kdf: { memoryKiB: reader.uint(5), passes: reader.uint(6), lanes: reader.uint(7) },
      salt: reader.bytes(8, { length: KIT_SALT_BYTES }),
      textHash: reader.bytes(9, { length: HASH_BYTES }),
    };
    reader.finish();
    return fields;
  } catch (error) {
    // The checksum fits: this is no damage, but something that this release does not know.
    const later = ["UNSUPPORTED_VERSION", "UNSUPPORTED_SUITE", "UNSUPPORTED_EXTENSION"] as const;
    if (later.some((code) => isTalosError(error, code))) throw error;
    throw damagedKit({ reason: "form" }, error);
  }
}

function checksumOf(clear: Uint8Array, { commitment, nonce, wrapped }: CommittedWrap, crypto: Pick<Crypto, "sha256">): Uint8Array {
  return crypto.sha256(CHECKSUM_LABEL, clear, commitment, nonce, wrapped).slice(0, CHECKSUM_BYTES);
}
