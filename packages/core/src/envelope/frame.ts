// The frame: the plaintext of a message. Must not know sessions or encryption. Source: docs/protocol/envelope.md, "Frame".
import { utf8, decodeUtf8 } from "../bytes/utf8.ts";
import { BinaryReader, BinaryWriter } from "../codec/binary.ts";
import { malformedField } from "../codec/fields.ts";
import type { Extension } from "../codec/struct.ts";
import { talosError, type TalosError } from "../errors/talos-error.ts";
import { MAX_CERTIFICATE_BYTES } from "../instance/certificate.ts";
import { MAX_LOG_EVENTS, readHead, type LogHead } from "../keys/heads.ts";
import { SIGNATURE_BYTES } from "../keys/signed.ts";
import { binaryExtensionsLength, readBinaryExtensions, writeBinaryExtensions } from "./binary-extensions.ts";
import { paddedFrameLength } from "./padding.ts";

export const FRAME_TYPE_CODES = { content: 1, acknowledgement: 2, "empty-turn": 3 } as const;
export type FrameType = keyof typeof FRAME_TYPE_CODES;
export const SIGNATURE_KIND_CODES = { instance: 1, identity: 2 } as const;
export type SignatureKind = keyof typeof SIGNATURE_KIND_CODES;

export const MAX_BODY_BYTES = 10_000_000;
export const MAX_CONTENT_TYPE_BYTES = 127;
export const MAX_ACKNOWLEDGED_IDS = 64;
export const MESSAGE_ID_BYTES = 16;
const HASH_PREFIX_BYTES = 8;
const FIXED_BYTES = 4 + MESSAGE_ID_BYTES + 8 + 4 + HASH_PREFIX_BYTES + 1 + 1 + 4;
const FLAG_RESENT = 1;
const FLAG_CERTIFICATE = 2;
const FRAME_TYPES: readonly FrameType[] = ["content", "acknowledgement", "empty-turn"];
const STRUCTURE = "frame";

declare const messageIdBrand: unique symbol;
/** 16 random bytes, not all zero. */
export type MessageId = Uint8Array & { readonly [messageIdBrand]: true };

/** The recipient's log head as the sender knows it, shortened. */
export interface ShortHead {
  readonly seq: number;
  /** First 8 bytes of the event hash. */
  readonly hashPrefix: Uint8Array;
}

/** Who signed a message: the instance key of a certificate, or the identity key in force at a head. */
export type MessageSigner =
  | { readonly kind: "instance"; /** 32 bytes. */ readonly certificateHash: Uint8Array }
  | { readonly kind: "identity"; readonly head: LogHead };

/** With the signature, 64 bytes. */
export type FrameSignature = MessageSigner & { readonly signature: Uint8Array };

export interface Frame {
  readonly type: FrameType;
  readonly resent: boolean;
  readonly messageId: MessageId;
  /** By the sender's clock. */
  readonly time: number;
  readonly recipientHead: ShortHead;
  /** At most 127 bytes; empty in a control frame. */
  readonly contentType: string;
  /** At most 64. */
  readonly acknowledged: readonly MessageId[];
  /** The sender's instance certificate, whole. */
  readonly certificate?: Uint8Array;
  readonly signature?: FrameSignature;
  readonly extensions: readonly Extension[];
  /** At most 10,000,000 bytes; empty in a control frame. */
  readonly body: Uint8Array;
}

/** Types 16 bytes as a message id. Throws MALFORMED at another length, or when all are zero. */
export function messageId(bytes: Uint8Array): MessageId {
  if (bytes.length !== MESSAGE_ID_BYTES || bytes.every((byte) => byte === 0)) throw malformed("message id", "not 16 bytes, or all zero");
  return bytes as MessageId;
}

/** A log head as it stands in a frame. */
export function shortHead(head: LogHead): ShortHead {
  return { seq: head.seq, hashPrefix: new Uint8Array(head.hash.subarray(0, HASH_PREFIX_BYTES)) };
}

/**
 * The padded plaintext, in memory of its own that the caller wipes.
 *
 * @throws TalosError MESSAGE_TOO_LARGE above 10,000,000 bytes of body; INVALID_ARGUMENT for any other field outside its bounds
 */
export function encodeFrame(frame: Frame): Uint8Array {
  const contentType = utf8(frame.contentType);
  checkFrame(frame, contentType);
  const { certificate, signature } = frame;
  const signerBytes = signature === undefined ? 0 : signature.kind === "instance" ? 32 : 36;
  const length =
    FIXED_BYTES +
    contentType.length +
    MESSAGE_ID_BYTES * frame.acknowledged.length +
    (certificate === undefined ? 0 : 2 + certificate.length) +
    (signature === undefined ? 0 : signerBytes + SIGNATURE_BYTES) +
    binaryExtensionsLength(frame.extensions) +
    frame.body.length;
  const paddedLength = paddedFrameLength(length);

  const writer = new BinaryWriter(paddedLength);
  writer.u8(1).u8(FRAME_TYPE_CODES[frame.type]);
  writer.u8((frame.resent ? FLAG_RESENT : 0) | (certificate === undefined ? 0 : FLAG_CERTIFICATE));
  writer.u8(signature === undefined ? 0 : SIGNATURE_KIND_CODES[signature.kind]);
  writer.bytes(frame.messageId).u64(frame.time).u32(frame.recipientHead.seq).bytes(frame.recipientHead.hashPrefix);
  writer.u8(contentType.length).bytes(contentType).u8(frame.acknowledged.length);
  for (const id of frame.acknowledged) writer.bytes(id);
  if (certificate !== undefined) writer.u16(certificate.length).bytes(certificate);
  if (signature?.kind === "instance") writer.bytes(signature.certificateHash).bytes(signature.signature);
  if (signature?.kind === "identity") writer.u32(signature.head.seq).bytes(signature.head.hash).bytes(signature.signature);
  writeBinaryExtensions(writer, frame.extensions);
  writer.u32(frame.body.length).bytes(frame.body);
  return writer.bytes(new Uint8Array(paddedLength - writer.length)).finish();
}

function checkFrame(frame: Frame, contentType: Uint8Array): void {
  const { type, body, acknowledged, certificate, signature, recipientHead } = frame;
  if (body.length > MAX_BODY_BYTES) throw talosError("MESSAGE_TOO_LARGE");
  const wellFormed =
    frame.messageId.length === MESSAGE_ID_BYTES &&
    recipientHead.hashPrefix.length === HASH_PREFIX_BYTES &&
    contentType.length <= MAX_CONTENT_TYPE_BYTES &&
    (type === "content" || (contentType.length === 0 && body.length === 0)) &&
    acknowledged.length <= MAX_ACKNOWLEDGED_IDS &&
    acknowledged.every((id) => id.length === MESSAGE_ID_BYTES) &&
    (certificate === undefined || certificate.length <= MAX_CERTIFICATE_BYTES) &&
    (signature === undefined || signature.signature.length === SIGNATURE_BYTES) &&
    (signature?.kind !== "instance" || signature.certificateHash.length === 32) &&
    (signature?.kind !== "identity" || signature.head.hash.length === 32);
  if (!wellFormed) throw talosError("INVALID_ARGUMENT", "A field of the frame is outside its bounds.");
}

/** Reads a plaintext. The body is a view of it, every other field a copy. Throws MALFORMED, UNSUPPORTED_VERSION, UNSUPPORTED_EXTENSION. */
export function decodeFrame(bytes: Uint8Array): Frame {
  const reader = new BinaryReader(bytes, STRUCTURE);
  if (reader.u8() !== 1) throw talosError("UNSUPPORTED_VERSION", undefined, { details: { structure: STRUCTURE } });
  const type = FRAME_TYPES[reader.u8() - 1];
  if (type === undefined) throw malformed("type", "unknown");
  const flags = reader.u8();
  if (flags > (FLAG_RESENT | FLAG_CERTIFICATE)) throw malformed("flags", "unknown");
  const signatureKind = reader.u8();
  if (signatureKind > SIGNATURE_KIND_CODES.identity) throw malformed("signature kind", "unknown");
  const id = messageId(reader.bytes(MESSAGE_ID_BYTES));
  const time = reader.u64();
  const recipientHead = readShortHead(reader);
  const contentType = readContentType(reader);
  const acknowledged = readAcknowledged(reader);
  const certificate = (flags & FLAG_CERTIFICATE) === 0 ? undefined : readCertificate(reader);
  const signature = readSignature(reader, signatureKind);
  const extensions = readBinaryExtensions(reader, STRUCTURE);
  const bodyLength = reader.u32();
  if (bodyLength > MAX_BODY_BYTES) throw malformed("body", "too large");
  const body = reader.view(bodyLength);
  if (type !== "content" && (contentType !== "" || bodyLength > 0)) throw malformed("body", "content in a control frame");
  if (reader.view(reader.remaining).some((byte) => byte !== 0)) throw malformed("padding", "not zero");
  return {
    type,
    resent: (flags & FLAG_RESENT) !== 0,
    messageId: id,
    time,
    recipientHead,
    contentType,
    acknowledged,
    ...(certificate === undefined ? {} : { certificate }),
    ...(signature === undefined ? {} : { signature }),
    extensions,
    body,
  };
}

function readShortHead(reader: BinaryReader): ShortHead {
  const seq = reader.u32();
  if (seq >= MAX_LOG_EVENTS) throw malformed("recipient's head", "beyond the longest log");
  return { seq, hashPrefix: reader.bytes(HASH_PREFIX_BYTES) };
}

function readContentType(reader: BinaryReader): string {
  const length = reader.u8();
  if (length > MAX_CONTENT_TYPE_BYTES) throw malformed("content type", "too long");
  return decodeUtf8(reader.view(length));
}

function readAcknowledged(reader: BinaryReader): readonly MessageId[] {
  const count = reader.u8();
  if (count > MAX_ACKNOWLEDGED_IDS) throw malformed("acknowledged ids", "too many");
  return Array.from({ length: count }, () => messageId(reader.bytes(MESSAGE_ID_BYTES)));
}

function readCertificate(reader: BinaryReader): Uint8Array {
  const length = reader.u16();
  if (length > MAX_CERTIFICATE_BYTES) throw malformed("certificate", "too large");
  return reader.bytes(length);
}

function readSignature(reader: BinaryReader, kind: number): FrameSignature | undefined {
  if (kind === SIGNATURE_KIND_CODES.instance)
    return { kind: "instance", certificateHash: reader.bytes(32), signature: reader.bytes(SIGNATURE_BYTES) };
  if (kind === SIGNATURE_KIND_CODES.identity) return { kind: "identity", head: readHead(reader), signature: reader.bytes(SIGNATURE_BYTES) };
  return undefined;
}

function malformed(field: string, reason: string): TalosError {
  return malformedField({ structure: STRUCTURE, field }, reason);
}
