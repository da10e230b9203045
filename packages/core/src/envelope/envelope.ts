// The envelope: what a directory sees of a message. Must not know the handshake or the ratchet: their headers are opaque bytes here.
// Source: docs/protocol/envelope.md, "Envelope".
import type { Extension } from "../codec/struct.ts";
import type { Crypto } from "../primitives/crypto.ts";

interface ClearCommon {
  /** 53 to 2,325 bytes; docs/protocol/ratchet.md. */
  readonly ratchetHeader: Uint8Array;
  readonly extensions: readonly Extension[];
  /** 12 bytes. */
  readonly nonce: Uint8Array;
}
export interface MessageEnvelopeHeader extends ClearCommon {
  readonly type: "message";
  /** 16 bytes. */
  readonly sessionId: Uint8Array;
}
export interface FirstEnvelopeHeader extends ClearCommon {
  readonly type: "first";
  /** 1,275 bytes. */
  readonly handshakeHeader: Uint8Array;
}
/** Everything before the ciphertext. */
export type EnvelopeHeader = MessageEnvelopeHeader | FirstEnvelopeHeader;

export type Envelope = EnvelopeHeader & {
  /** Every byte before the ciphertext, as it came. */
  readonly clear: Uint8Array;
  /** With the 16-byte tag. */
  readonly ciphertext: Uint8Array;
};

declare const envelopeIdBrand: unique symbol;
/** 16 bytes: the first of SHA-256 of the whole envelope (event, notice). */
export type EnvelopeId = Uint8Array & { readonly [envelopeIdBrand]: true };

export type EnvelopeKind = "message" | "event" | "notice";
export const ENVELOPE_KIND_CODES = { message: 1, event: 2, notice: 3 } as const;

export declare function encodeEnvelopeHeader(header: EnvelopeHeader): Uint8Array;
/** Associated data of the message's AEAD. `clear` = encodeEnvelopeHeader(...). */
export declare function messageAssociatedData(transcriptHash: Uint8Array, clear: Uint8Array): Uint8Array;
export declare function decodeEnvelope(bytes: Uint8Array): Envelope;
export declare function envelopeId(bytes: Uint8Array, crypto: Pick<Crypto, "sha256">): EnvelopeId;
