// The transcript: everything that both sides must have seen alike, in a fixed layout, hashed and never sent.
// Must not know private keys. Source: docs/protocol/handshake.md, "Transcript".
import { BinaryWriter } from "../codec/binary.ts";
import type { AgentId } from "../keys/agent-id.ts";
import { headToBinary, type LogHead } from "../keys/heads.ts";
import { LABELS, labelledHash } from "../keys/labels.ts";
import { publicKeyToBinary, type PublicKey } from "../keys/public-key.ts";
import type { Crypto } from "../primitives/crypto.ts";
import { HANDSHAKE_SUITE, HANDSHAKE_VERSION } from "./header.ts";

/** With a one-time prekey; without one it is 1,230 bytes shorter. A writer of this size never grows. */
const MAX_TRANSCRIPT_BYTES = 4096;

export interface TranscriptPrekey {
  /** 8 bytes */
  readonly id: Uint8Array;
  readonly agreementKey: PublicKey;
  readonly kemKey: PublicKey;
}

export interface TranscriptSide {
  readonly agentId: AgentId;
  readonly head: LogHead;
  /** In force at `head`. */
  readonly identityKey: PublicKey;
  /** In force at `head`. */
  readonly encryptionKey: PublicKey;
  /** As offered, a set of 32 bits. */
  readonly options: number;
}

export interface Transcript {
  readonly initiator: TranscriptSide;
  /** `head` and `options` are those of the batch. */
  readonly responder: TranscriptSide;
  /** 32 bytes */
  readonly batchRoot: Uint8Array;
  /** Milliseconds. */
  readonly batchTo: number;
  readonly signedPrekey: TranscriptPrekey;
  readonly oneTimePrekey?: TranscriptPrekey | undefined;
  /** 32 bytes */
  readonly ephemeralKey: Uint8Array;
  /** 1,088 bytes */
  readonly kemCiphertext: Uint8Array;
  /** 32 bytes */
  readonly certificateHash: Uint8Array;
  /** The initiator's first ratchet key, X25519, 32 bytes. */
  readonly firstRatchetKey: Uint8Array;
}

/** What both offers have in common. */
export function negotiatedOptions(transcript: Pick<Transcript, "initiator" | "responder">): number {
  return (transcript.initiator.options & transcript.responder.options) >>> 0;
}

export function encodeTranscript(transcript: Transcript): Uint8Array {
  const { initiator: a, responder: b, oneTimePrekey } = transcript;
  const writer = new BinaryWriter(MAX_TRANSCRIPT_BYTES).u8(HANDSHAKE_VERSION).u8(HANDSHAKE_SUITE);
  writer.u32(a.options).u32(b.options).u32(negotiatedOptions(transcript));
  writer.bytes(a.agentId).bytes(b.agentId).bytes(headToBinary(a.head)).bytes(headToBinary(b.head));
  for (const side of [a, b]) writer.bytes(publicKeyToBinary(side.identityKey)).bytes(publicKeyToBinary(side.encryptionKey));
  writer.bytes(transcript.batchRoot).u64(transcript.batchTo);
  writePrekey(writer, transcript.signedPrekey);
  writer.u8(oneTimePrekey === undefined ? 0 : 1);
  if (oneTimePrekey !== undefined) writePrekey(writer, oneTimePrekey);
  // The KEM key used: the one-time prekey's where there is one. Written apart, since a later suite may choose otherwise.
  writer.u8(oneTimePrekey === undefined ? 0 : 1);
  writer.bytes(transcript.ephemeralKey).bytes(transcript.kemCiphertext).bytes(transcript.certificateHash);
  return writer.bytes(transcript.firstRatchetKey).finish();
}

/** 32 bytes. */
export function transcriptHash(transcript: Transcript, crypto: Pick<Crypto, "sha256">): Uint8Array {
  return labelledHash(LABELS.hashHandshakeTranscript, encodeTranscript(transcript), crypto);
}

function writePrekey(writer: BinaryWriter, prekey: TranscriptPrekey): void {
  writer.bytes(prekey.id).bytes(publicKeyToBinary(prekey.agreementKey)).bytes(publicKeyToBinary(prekey.kemKey));
}
