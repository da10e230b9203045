/**
 * The bytes of a share: a structure, and a checksum over it. A share is secret as it is, no password guards it. Splits and joins nothing.
 * Source: docs/protocol/recovery-kit.md.
 */
import {
  agentId,
  type Crypto,
  encodeCbor,
  encodeStruct,
  equalBytes,
  isTalosError,
  readCborArray,
  settledCopy,
  StructReader,
  talosError,
  type TalosError,
  utf8,
  zeroBytes,
} from "@talos/core";
import { MAX_NAME_BYTES, SEED_BYTES, type KitFacts } from "./kit-record.ts";

export const SET_ID_BYTES = 16;
/** Of Shamir's scheme over bytes. */
export const MAX_SHARES = 255;
export const MIN_THRESHOLD = 2;
/** A value for each byte of the seed, and the place where they were taken. */
const SHARE_BYTES: number = SEED_BYTES + 1;
const HASH_BYTES = 32;
const CHECKSUM_BYTES = 8;
const CHECKSUM_LABEL: Uint8Array = utf8("talos/v1/recovery-share/checksum\u0000");

/** What the shares of a set have in common; all of it is bound by the commitment. */
export interface ShareSet extends KitFacts {
  /** 16 random bytes. */
  readonly setId: Uint8Array;
  /** 2 to count */
  readonly threshold: number;
  /** At most 255. */
  readonly count: number;
  /** Of the seed, 32 bytes. */
  readonly commitment: Uint8Array;
}

export interface Share extends ShareSet {
  /** 1 to count */
  readonly index: number;
  /** 33 bytes */
  readonly value: Uint8Array;
  /** Of the text above the block, 32 bytes. */
  readonly textHash: Uint8Array;
}

/** Makes the error for a share that is damaged, from why. */
export type DamagedShare = (details: { readonly reason: string; readonly line?: number }, cause?: unknown) => TalosError;

/** @param place among the shares that were given, 1 and up */
export function damagedShare(place: number): DamagedShare {
  return (details, cause) => talosError("RECOVERY_SHARE_DAMAGED", undefined, { details: { share: place, ...details }, cause });
}

/** `[body, checksum]`: what is damaged is known before it is read. */
export function encodeShare(share: Share, crypto: Pick<Crypto, "sha256">): Uint8Array {
  const body = bodyOf(share);
  const record = encodeCbor([body, checksumOf(body, crypto)]);
  zeroBytes(body);
  return record;
}

/** @throws TalosError what `damaged` makes; UNSUPPORTED_VERSION, UNSUPPORTED_SUITE, UNSUPPORTED_EXTENSION of a later release's */
export function decodeShare(record: Uint8Array, damaged: DamagedShare, crypto: Pick<Crypto, "sha256">): Share {
  const body = checkedBody(record, damaged, crypto);
  try {
    const share = readBody(body);
    if (share.threshold <= share.count && share.index <= share.count) return share;
    zeroBytes(share.value);
  } catch (error) {
    const later = ["UNSUPPORTED_VERSION", "UNSUPPORTED_SUITE", "UNSUPPORTED_EXTENSION"] as const;
    if (later.some((code) => isTalosError(error, code))) throw error;
    throw damaged({ reason: "form" }, error);
  } finally {
    zeroBytes(body);
  }
  throw damaged({ reason: "form" });
}

/** In memory of its own. */
function checkedBody(record: Uint8Array, damaged: DamagedShare, crypto: Pick<Crypto, "sha256">): Uint8Array {
  try {
    const list = readCborArray(record, "recovery share", { length: 2 });
    const body = settledCopy(list.bytes({ max: record.length }));
    const checksum = list.bytes({ length: CHECKSUM_BYTES });
    list.end();
    if (equalBytes(checksum, checksumOf(body, crypto))) return body;
    zeroBytes(body);
  } catch (cause) {
    throw damaged({ reason: "form" }, cause);
  }
  throw damaged({ reason: "checksum" });
}

function readBody(body: Uint8Array): Share {
  const reader = new StructReader(body, "recovery share");
  const share: Share = {
    agentName: reader.text(2, { maxBytes: MAX_NAME_BYTES }),
    agentId: agentId(reader.bytes(3, { length: HASH_BYTES }).slice()),
    createdAt: reader.uint(4),
    setId: reader.bytes(5, { length: SET_ID_BYTES }).slice(),
    index: reader.uint(6, { min: 1, max: MAX_SHARES }),
    threshold: reader.uint(7, { min: MIN_THRESHOLD, max: MAX_SHARES }),
    count: reader.uint(8, { min: MIN_THRESHOLD, max: MAX_SHARES }),
    commitment: reader.bytes(9, { length: HASH_BYTES }).slice(),
    value: settledCopy(reader.bytes(10, { length: SHARE_BYTES })),
    textHash: reader.bytes(11, { length: HASH_BYTES }).slice(),
  };
  reader.finish();
  return share;
}

function bodyOf(share: Share): Uint8Array {
  return encodeStruct(
    new Map<number, number | string | Uint8Array>([
      [2, share.agentName],
      [3, share.agentId],
      [4, share.createdAt],
      [5, share.setId],
      [6, share.index],
      [7, share.threshold],
      [8, share.count],
      [9, share.commitment],
      [10, share.value],
      [11, share.textHash],
    ]),
  );
}

function checksumOf(body: Uint8Array, crypto: Pick<Crypto, "sha256">): Uint8Array {
  return crypto.sha256(CHECKSUM_LABEL, body).slice(0, CHECKSUM_BYTES);
}
