// Envelopes: layout, ids, associated data, opening (envelope.md, Envelope).
import { createDecipheriv } from "node:crypto";
import { ByteReader, hex, join, u8, unhex } from "./bytes.ts";
import { HANDSHAKE_HEADER_BYTES } from "./handshake.ts";
import { sha256 } from "./hashes.ts";
import { takeRatchetHeader } from "./ratchet.ts";
import { demand, refuse } from "./refusal.ts";
import { ascending, refuseCritical, type Extension } from "./structure.ts";

const LONGEST_ENVELOPE = 11_000_000;
const LONGEST_EXTENSIONS = 4096;
const TAG_BYTES = 16;
const OF_SESSION = 1;
export const FIRST = 2;

export interface Envelope {
  readonly envelopeId: string;
  readonly type: number;
  readonly sessionId: string | null;
  readonly handshakeHeader: string | null;
  readonly ratchetHeader: string;
  readonly extensions: readonly Extension[];
  readonly nonce: string;
  readonly ciphertext: string;
  readonly clearBytes: number;
}

/** The layout alone: the two headers are read by `decodeHandshakeHeader` and `decodeRatchetHeader`. */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  demand(bytes.length <= LONGEST_ENVELOPE, "an envelope has at most 11,000,000 bytes");
  const reader = new ByteReader(bytes);
  const version = reader.uint(1);
  if (version !== 1) refuse("unsupported-version", `envelope version ${version}`);
  const suite = reader.uint(1);
  if (suite !== 1) refuse("unsupported-suite", `envelope suite ${suite}`);
  const type = reader.uint(1);
  demand(type === OF_SESSION || type === FIRST, "unknown envelope type");
  demand(reader.uint(1) === 0, "envelope flags");
  const sessionId = type === OF_SESSION ? reader.hex(16) : null;
  const handshakeHeader = type === FIRST ? reader.hex(HANDSHAKE_HEADER_BYTES) : null;
  const ratchetHeader = hex(takeRatchetHeader(reader));
  const extensions = readExtensions(reader);
  const nonce = reader.hex(12);
  const clearBytes = reader.position;
  const ciphertext = reader.rest();
  demand(ciphertext.length >= TAG_BYTES, "no room for the tag");
  refuseCritical(extensions);
  return {
    envelopeId: shortId(bytes),
    type,
    sessionId,
    handshakeHeader,
    ratchetHeader,
    extensions,
    nonce,
    ciphertext: hex(ciphertext),
    clearBytes,
  };
}

/** Ids of envelopes, events and notices in a mailbox: the first 16 bytes of SHA-256. */
export function shortId(bytes: Uint8Array): string {
  return hex(sha256(bytes).subarray(0, 16));
}

/** Extensions of the binary layouts. */
export function readExtensions(reader: ByteReader): readonly Extension[] {
  const inner = new ByteReader(reader.prefixed(2, LONGEST_EXTENSIONS));
  const extensions: Extension[] = [];
  while (inner.remaining > 0) {
    const id = inner.uint(2);
    const critical = inner.uint(1);
    demand(critical <= 1, "critical is 0 or 1");
    extensions.push({ id, critical: critical === 1, value: hex(inner.prefixed(2)) });
  }
  demand(ascending(extensions.map(({ id }) => id)), "extension ids ascend");
  return extensions;
}

export function associatedData(transcriptHash: Uint8Array, envelope: Uint8Array, clearBytes: number): Uint8Array {
  return join("talos/v1/aead/message", u8(0), transcriptHash, envelope.subarray(0, clearBytes));
}

/** The frame inside; refuses as `decryption-failed`. */
export function openEnvelope(envelope: Uint8Array, messageKey: Uint8Array, transcriptHash: Uint8Array): Uint8Array {
  const { nonce, clearBytes } = decodeEnvelope(envelope);
  const sealed = envelope.subarray(clearBytes);
  const decipher = createDecipheriv("chacha20-poly1305", messageKey, unhex(nonce), { authTagLength: TAG_BYTES });
  decipher.setAAD(associatedData(transcriptHash, envelope, clearBytes), { plaintextLength: sealed.length - TAG_BYTES });
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  const plaintext = decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES));
  try {
    decipher.final();
  } catch {
    refuse("decryption-failed", "the tag does not verify");
  }
  return new Uint8Array(plaintext);
}
