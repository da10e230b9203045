// Log heads and audit heads, in CBOR and in binary layouts. Must not know what a log or an audit tree holds.
// Source: docs/protocol/identity.md ("Log head"), docs/protocol/instance.md.
import { concatBytes, equalBytes } from "../bytes/bytes.ts";
import type { BinaryReader } from "../codec/binary.ts";
import type { CborValue } from "../codec/cbor.ts";
import type { ArrayReader } from "../codec/readers.ts";
import { talosError } from "../errors/talos-error.ts";

/** The newest event of an identity log as somebody knows it: its number and its event hash (32 bytes). */
export interface LogHead {
  readonly seq: number;
  readonly hash: Uint8Array;
}

/** Size and RFC 6962 root (32 bytes) of an owner's audit tree. */
export interface AuditHead {
  readonly size: number;
  readonly root: Uint8Array;
}

export const LOG_HEAD_BYTES = 36;
/** A log has at most 10,000 events; so the last seq is 9,999. */
export const MAX_LOG_EVENTS = 10_000;

export function sameHead(a: LogHead, b: LogHead): boolean {
  return a.seq === b.seq && equalBytes(a.hash, b.hash);
}

/** `[seq, event hash]`. */
export function headToCbor(head: LogHead): CborValue {
  return [head.seq, head.hash];
}

/** Throws MALFORMED. */
export function readLogHead(list: ArrayReader): LogHead {
  const head = { seq: list.uint({ max: MAX_LOG_EVENTS - 1 }), hash: list.bytes({ length: 32 }) };
  list.end();
  return head;
}

/** `[size, root]`. */
export function auditHeadToCbor(head: AuditHead): CborValue {
  return [head.size, head.root];
}

/** Throws MALFORMED. */
export function readAuditHead(list: ArrayReader): AuditHead {
  const head = { size: list.uint(), root: list.bytes({ length: 32 }) };
  list.end();
  return head;
}

/** `u32 seq || bytes(32)`, the form in binary layouts. */
export function headToBinary(head: LogHead): Uint8Array {
  const seq = new Uint8Array(4);
  new DataView(seq.buffer).setUint32(0, head.seq);
  return concatBytes(seq, head.hash);
}

/** Reads 36 bytes. Throws MALFORMED. */
export function readHead(reader: BinaryReader): LogHead {
  const seq = reader.u32();
  if (seq >= MAX_LOG_EVENTS) throw talosError("MALFORMED", "The log head is beyond the longest log.");
  return { seq, hash: reader.bytes(32) };
}
