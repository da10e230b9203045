// The frame: the plaintext of a message. Source: docs/protocol/envelope.md, "Frame".
import type { Extension } from "../codec/struct.ts";
import type { LogHead } from "../keys/heads.ts";

export const FRAME_TYPE_CODES = { content: 1, acknowledgement: 2, "empty-turn": 3 } as const;
export type FrameType = keyof typeof FRAME_TYPE_CODES;

declare const messageIdBrand: unique symbol;
/** 16 random bytes, not all zero. */
export type MessageId = Uint8Array & { readonly [messageIdBrand]: true };

/** The recipient's log head as the sender knows it, shortened. */
export interface ShortHead {
  readonly seq: number;
  /** First 8 bytes of the event hash. */
  readonly hashPrefix: Uint8Array;
}

export type SignatureKind = "instance" | "identity";
export type FrameSignature =
  | { readonly kind: "instance"; readonly certificateHash: Uint8Array; readonly signature: Uint8Array }
  | { readonly kind: "identity"; readonly head: LogHead; readonly signature: Uint8Array };

export interface Frame {
  readonly type: FrameType;
  readonly resent: boolean;
  readonly messageId: MessageId;
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
  /** Empty in a control frame. */
  readonly body: Uint8Array;
}

export declare function messageId(bytes: Uint8Array): MessageId;
/** Padded; the caller owns the bytes. */
export declare function encodeFrame(frame: Frame): Uint8Array;
/** The body and the other byte fields are views of `bytes`. */
export declare function decodeFrame(bytes: Uint8Array): Frame;
