// The handshake header: what the initiator sends in the clear. Must not know keys, logs or what is derived from it.
// Source: docs/protocol/handshake.md, "Header".
import { BinaryReader, BinaryWriter } from "../codec/binary.ts";
import { talosError } from "../errors/talos-error.ts";
import { agentId, type AgentId } from "../keys/agent-id.ts";
import { headToBinary, readHead, type LogHead } from "../keys/heads.ts";
import { LABELS, labelledHash } from "../keys/labels.ts";
import type { Crypto } from "../primitives/crypto.ts";
import { checkAgreementPublicKey } from "../primitives/points.ts";

const HEADER_BYTES = 1275;
export const HANDSHAKE_VERSION = 1;
export const HANDSHAKE_SUITE = 1;
const PREKEY_ID_BYTES = 8;
const KEM_CIPHERTEXT_BYTES = 1088;
const ONE_TIME_PREKEY_USED = 1;

/** The fields; nothing in them is verified. */
export interface HandshakeFields {
  /** What the initiator offers, a set of 32 bits. */
  readonly options: number;
  readonly initiator: AgentId;
  /** The initiator's log head. */
  readonly head: LogHead;
  /** Root of the responder's batch, 32 bytes. */
  readonly batchRoot: Uint8Array;
  /** 8 bytes */
  readonly signedPrekeyId: Uint8Array;
  /** 8 bytes; absent where no one-time prekey was left. */
  readonly oneTimePrekeyId?: Uint8Array | undefined;
  /** X25519, 32 bytes */
  readonly ephemeralKey: Uint8Array;
  /** 1,088 bytes */
  readonly kemCiphertext: Uint8Array;
  /** Of the initiator's instance certificate, 32 bytes. */
  readonly certificateHash: Uint8Array;
}

export interface HandshakeHeader extends HandshakeFields {
  /** As it travels, 1,275 bytes. */
  readonly bytes: Uint8Array;
}

declare const handshakeIdBrand: unique symbol;
/** 32 bytes: what the responder finds a session by before it looks for a prekey. */
export type HandshakeId = Uint8Array & { readonly [handshakeIdBrand]: true };

/** The 1,275 bytes. */
export function encodeHandshakeHeader(fields: HandshakeFields): HandshakeHeader {
  const writer = new BinaryWriter(HEADER_BYTES).u8(HANDSHAKE_VERSION).u8(HANDSHAKE_SUITE).u32(fields.options);
  writer.bytes(fields.initiator).bytes(headToBinary(fields.head)).bytes(fields.batchRoot).bytes(fields.signedPrekeyId);
  writer.u8(fields.oneTimePrekeyId === undefined ? 0 : ONE_TIME_PREKEY_USED);
  writer.bytes(fields.oneTimePrekeyId ?? new Uint8Array(PREKEY_ID_BYTES));
  writer.bytes(fields.ephemeralKey).bytes(fields.kemCiphertext).bytes(fields.certificateHash);
  return { ...fields, bytes: writer.finish() };
}

/**
 * Reads a header. The ephemeral key is checked here, before any private key meets it.
 *
 * @throws TalosError UNSUPPORTED_VERSION, UNSUPPORTED_SUITE, MALFORMED, WEAK_PUBLIC_KEY
 */
export function decodeHandshakeHeader(bytes: Uint8Array): HandshakeHeader {
  const reader = new BinaryReader(bytes, "handshake header");
  if (reader.u8() !== HANDSHAKE_VERSION) throw talosError("UNSUPPORTED_VERSION");
  if (reader.u8() !== HANDSHAKE_SUITE) throw talosError("UNSUPPORTED_SUITE");
  const options = reader.u32();
  const initiator = agentId(reader.bytes(32));
  const head = readHead(reader);
  const batchRoot = reader.bytes(32);
  const signedPrekeyId = reader.bytes(PREKEY_ID_BYTES);
  const flags = reader.u8();
  const oneTimeId = reader.bytes(PREKEY_ID_BYTES);
  const ephemeralKey = reader.bytes(32);
  const kemCiphertext = reader.bytes(KEM_CIPHERTEXT_BYTES);
  const certificateHash = reader.bytes(32);
  reader.end();
  if (flags > ONE_TIME_PREKEY_USED) throw malformed("unknown flags");
  if (flags === 0 && oneTimeId.some((byte) => byte !== 0)) throw malformed("a prekey id without its flag");
  checkAgreementPublicKey(ephemeralKey);
  const oneTimePrekeyId = flags === 0 ? undefined : oneTimeId;
  return { bytes, options, initiator, head, batchRoot, signedPrekeyId, oneTimePrekeyId, ephemeralKey, kemCiphertext, certificateHash };
}

/** `hash("talos/v1/hash/handshake-header", header)`. */
export function handshakeId(headerBytes: Uint8Array, crypto: Pick<Crypto, "sha256">): HandshakeId {
  return labelledHash(LABELS.hashHandshakeHeader, headerBytes, crypto) as HandshakeId;
}

function malformed(reason: string): Error {
  return talosError("MALFORMED", `handshake header: ${reason}.`, { details: { structure: "handshake header", reason } });
}
