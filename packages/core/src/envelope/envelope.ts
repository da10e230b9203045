// The envelope: what a directory sees of a message. Must not know the handshake or the ratchet: their headers are opaque here, but for
// the length of the ratchet header. Source: docs/protocol/envelope.md, "Envelope".
import { BinaryReader, BinaryWriter } from "../codec/binary.ts";
import { malformedField } from "../codec/fields.ts";
import type { Extension } from "../codec/struct.ts";
import { talosError } from "../errors/talos-error.ts";
import { labelledBytes, LABELS } from "../keys/labels.ts";
import type { Crypto } from "../primitives/crypto.ts";
import { binaryExtensionsLength, readBinaryExtensions, writeBinaryExtensions } from "./binary-extensions.ts";

export const MAX_ENVELOPE_BYTES = 11_000_000;
export const SESSION_ID_BYTES = 16;
export const HANDSHAKE_HEADER_BYTES = 1275;
export const ENVELOPE_ID_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const RATCHET_KEY_BYTES = 32;
const RATCHET_HEADER_BYTES = 53;
/** Bits of the byte after the ratchet key, and what each adds to the header. */
const RATCHET_KEM_PARTS = [
  { bit: 1, bytes: 1184 },
  { bit: 2, bytes: 1088 },
] as const;
const TYPE_CODES = { message: 1, first: 2 } as const;
const STRUCTURE = "envelope";

interface HeaderCommon {
  /** 53 to 2,325 bytes (docs/protocol/ratchet.md). */
  readonly ratchetHeader: Uint8Array;
  readonly extensions: readonly Extension[];
  /** 12 bytes. */
  readonly nonce: Uint8Array;
}
export interface MessageEnvelopeHeader extends HeaderCommon {
  readonly type: "message";
  /** 16 bytes. */
  readonly sessionId: Uint8Array;
}
export interface FirstEnvelopeHeader extends HeaderCommon {
  readonly type: "first";
  /** 1,275 bytes (docs/protocol/handshake.md). */
  readonly handshakeHeader: Uint8Array;
}
/** Everything before the ciphertext. */
export type EnvelopeHeader = MessageEnvelopeHeader | FirstEnvelopeHeader;

export type Envelope = EnvelopeHeader & {
  /** Every byte before the ciphertext, as it came: a view of the input. */
  readonly clear: Uint8Array;
  /** With its 16-byte tag: a view of the input. */
  readonly ciphertext: Uint8Array;
};

declare const envelopeIdBrand: unique symbol;
/** 16 bytes: the first of SHA-256 of the whole envelope (or event, or notice). Computed, never carried. */
export type EnvelopeId = Uint8Array & { readonly [envelopeIdBrand]: true };

export type EnvelopeKind = "message" | "event" | "notice";
export const ENVELOPE_KIND_CODES: Readonly<Record<EnvelopeKind, number>> = { message: 1, event: 2, notice: 3 };

/** The clear bytes; the ciphertext follows them. Throws INVALID_ARGUMENT for a part of a wrong length. */
export function encodeEnvelopeHeader(header: EnvelopeHeader): Uint8Array {
  const { ratchetHeader, extensions, nonce } = header;
  const start = header.type === "first" ? header.handshakeHeader : header.sessionId;
  const startBytes = header.type === "first" ? HANDSHAKE_HEADER_BYTES : SESSION_ID_BYTES;
  if (start.length !== startBytes || nonce.length !== NONCE_BYTES || ratchetHeader.length !== ratchetHeaderLength(ratchetHeader)) {
    throw talosError("INVALID_ARGUMENT", "A part of the envelope has a wrong length.");
  }
  const writer = new BinaryWriter(4 + startBytes + ratchetHeader.length + binaryExtensionsLength(extensions) + NONCE_BYTES);
  writer.u8(1).u8(1).u8(TYPE_CODES[header.type]).u8(0).bytes(start).bytes(ratchetHeader);
  writeBinaryExtensions(writer, extensions);
  return writer.bytes(nonce).finish();
}

/** Length of a ratchet header, by its flags, or 0 where they are unknown or absent. */
function ratchetHeaderLength(startsWith: Uint8Array): number {
  const flags = startsWith[RATCHET_KEY_BYTES] ?? 0xff;
  if (flags > 3) return 0;
  return RATCHET_KEM_PARTS.reduce((sum, { bit, bytes }) => sum + ((flags & bit) === 0 ? 0 : bytes), RATCHET_HEADER_BYTES);
}

/**
 * Associated data of a message: label, transcript hash, every clear byte.
 *
 * @param transcriptHash 32 bytes
 * @param clear from `encodeEnvelopeHeader`, or of a decoded envelope
 */
export function messageAssociatedData(transcriptHash: Uint8Array, clear: Uint8Array): Uint8Array {
  return labelledBytes(LABELS.aeadMessage, transcriptHash, clear);
}

/** Takes an envelope apart; nothing in it is authenticated. Throws MALFORMED, UNSUPPORTED_VERSION, UNSUPPORTED_SUITE, UNSUPPORTED_EXTENSION. */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  if (bytes.length > MAX_ENVELOPE_BYTES) throw malformedField({ structure: STRUCTURE, field: "whole" }, "too large");
  const reader = new BinaryReader(bytes, STRUCTURE);
  if (reader.u8() !== 1) throw talosError("UNSUPPORTED_VERSION", undefined, { details: { structure: STRUCTURE } });
  if (reader.u8() !== 1) throw talosError("UNSUPPORTED_SUITE", undefined, { details: { structure: STRUCTURE } });
  const type = reader.u8();
  if (type !== TYPE_CODES.message && type !== TYPE_CODES.first) throw malformedField({ structure: STRUCTURE, field: "type" }, "unknown");
  if (reader.u8() !== 0) throw malformedField({ structure: STRUCTURE, field: "flags" }, "unknown");
  const start = reader.bytes(type === TYPE_CODES.first ? HANDSHAKE_HEADER_BYTES : SESSION_ID_BYTES);
  const headerLength = ratchetHeaderLength(bytes.subarray(reader.offset));
  if (headerLength === 0) throw malformedField({ structure: STRUCTURE, field: "ratchet header" }, "unknown flags");
  const ratchetHeader = reader.bytes(headerLength);
  const extensions = readBinaryExtensions(reader, STRUCTURE);
  const nonce = reader.bytes(NONCE_BYTES);
  const clear = bytes.subarray(0, reader.offset);
  if (reader.remaining < TAG_BYTES) throw malformedField({ structure: STRUCTURE, field: "ciphertext" }, "ends early");
  const common = { ratchetHeader, extensions, nonce, clear, ciphertext: reader.view(reader.remaining) };
  return type === TYPE_CODES.first
    ? { type: "first", handshakeHeader: start, ...common }
    : { type: "message", sessionId: start, ...common };
}

/** The id of whatever lies in a mailbox: envelope, event or notice. */
export function envelopeId(bytes: Uint8Array, crypto: Pick<Crypto, "sha256">): EnvelopeId {
  return crypto.sha256(bytes).slice(0, ENVELOPE_ID_BYTES) as EnvelopeId;
}

/** Types 16 bytes as an envelope id. Throws MALFORMED at another length. */
export function envelopeIdFrom(bytes: Uint8Array): EnvelopeId {
  if (bytes.length !== ENVELOPE_ID_BYTES) throw talosError("MALFORMED", "An envelope id has 16 bytes.");
  return bytes as EnvelopeId;
}
