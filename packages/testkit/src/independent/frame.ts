// Frames and message signatures (envelope.md, Frame and Message signature).
import { ByteReader, hex, join, u64, u8, unhex, utf8 } from "./bytes.ts";
import { readExtensions } from "./envelope.ts";
import { headBytes, readHead } from "./handshake.ts";
import { sha256 } from "./hashes.ts";
import { checkSignature, type PublicKey } from "./keys.ts";
import { demand, refuse } from "./refusal.ts";
import { refuseCritical, type Extension, type LogHead } from "./structure.ts";

const LONGEST_CONTENT_TYPE = 127;
const MOST_ACKNOWLEDGED = 64;
const LONGEST_CERTIFICATE = 4096;
const LONGEST_BODY = 10_000_000;
const CONTENT = 1;
const RESENT = 1;
const WITH_CERTIFICATE = 2;
export const BY_INSTANCE = 1;
export const BY_IDENTITY = 2;

export interface FrameSignature {
  readonly certificateHash: string | null;
  readonly head: LogHead | null;
  readonly signature: string;
}

export interface Frame {
  readonly frameType: number;
  readonly resent: boolean;
  readonly signatureKind: number;
  readonly messageId: string;
  readonly time: number;
  readonly recipientSeq: number;
  readonly recipientHashPrefix: string;
  readonly contentType: string;
  readonly acknowledged: readonly string[];
  readonly certificate: string | null;
  readonly signed: FrameSignature | null;
  readonly extensions: readonly Extension[];
  readonly body: string;
  readonly paddingBytes: number;
}

export function decodeFrame(bytes: Uint8Array): Frame {
  const reader = new ByteReader(bytes);
  const version = reader.uint(1);
  if (version !== 1) refuse("unsupported-version", `frame version ${version}`);
  const frameType = reader.uint(1);
  demand(frameType >= 1 && frameType <= 3, "unknown frame type");
  const flags = reader.uint(1);
  demand(flags <= (RESENT | WITH_CERTIFICATE), "unknown frame flags");
  const signatureKind = reader.uint(1);
  demand(signatureKind <= BY_IDENTITY, "unknown signature kind");
  const messageId = reader.hex(16);
  demand(!/^0+$/u.test(messageId), "a message id of zeros");
  const time = reader.uint(8);
  const recipientSeq = reader.uint(4);
  const recipientHashPrefix = reader.hex(8);
  const contentType = utf8(reader.prefixed(1, LONGEST_CONTENT_TYPE));
  const count = reader.uint(1);
  demand(count <= MOST_ACKNOWLEDGED, "too many acknowledgements");
  const acknowledged = Array.from({ length: count }, () => reader.hex(16));
  const certificate = (flags & WITH_CERTIFICATE) === 0 ? null : hex(reader.prefixed(2, LONGEST_CERTIFICATE));
  const signed = readSignature(reader, signatureKind);
  const extensions = readExtensions(reader);
  const body = hex(reader.prefixed(4, LONGEST_BODY));
  demand(frameType === CONTENT || (contentType === "" && body === ""), "a control frame with content");
  const padding = reader.rest();
  demand(
    padding.every((byte) => byte === 0),
    "padding that is not zero",
  );
  refuseCritical(extensions);
  return {
    frameType,
    resent: (flags & RESENT) !== 0,
    signatureKind,
    messageId,
    time,
    recipientSeq,
    recipientHashPrefix,
    contentType,
    acknowledged,
    certificate,
    signed,
    extensions,
    body,
    paddingBytes: padding.length,
  };
}

function readSignature(reader: ByteReader, kind: number): FrameSignature | null {
  if (kind === BY_INSTANCE) return { certificateHash: reader.hex(32), head: null, signature: reader.hex(64) };
  if (kind === BY_IDENTITY) return { certificateHash: null, head: readHead(reader), signature: reader.hex(64) };
  return null;
}

/** Padmé (PURBs): the length that a frame of `length` bytes is padded to. */
export function paddedLength(length: number): number {
  const least = Math.max(256, length);
  const exponent = Math.floor(Math.log2(least));
  const unit = 2 ** (exponent - (Math.floor(Math.log2(exponent)) + 1));
  return Math.ceil(least / unit) * unit;
}

export interface SignedMessage {
  readonly signatureKind: number;
  readonly frameType: number;
  readonly certificateHash: string | null;
  readonly head: LogHead | null;
  readonly recipientId: string;
  readonly messageId: string;
  readonly time: number;
  readonly contentType: string;
  readonly transcriptHash: string;
  readonly bodyHash: string;
}

export function messageSignatureBytes(message: SignedMessage): Uint8Array {
  const contentType = join(message.contentType);
  return join(
    "talos/v1/sign/message",
    u8(0),
    u8(message.signatureKind),
    u8(message.frameType),
    message.head === null ? unhex(message.certificateHash ?? "") : headBytes(message.head),
    unhex(message.recipientId),
    unhex(message.messageId),
    u64(message.time),
    u8(contentType.length),
    contentType,
    unhex(message.transcriptHash),
    unhex(message.bodyHash),
  );
}

/** Verifies a signed frame under the instance key (kind 1) or the identity key (kind 2). */
export function checkFrameSignature(frame: Frame, recipientId: string, transcriptHash: Uint8Array, key: PublicKey): void {
  if (frame.signed === null) refuse("signature-missing", "the frame is not signed");
  const { certificateHash, head, signature } = frame.signed;
  const { signatureKind, frameType, messageId, time, contentType } = frame;
  const bodyHash = hex(sha256(unhex(frame.body)));
  const message = {
    signatureKind,
    frameType,
    certificateHash,
    head,
    recipientId,
    messageId,
    time,
    contentType,
    transcriptHash: hex(transcriptHash),
    bodyHash,
  };
  checkSignature(key, messageSignatureBytes(message), unhex(signature));
}
