// What a message signature covers. Source: docs/protocol/envelope.md, "Message signature".
import type { AgentId } from "../keys/agent-id.ts";
import type { LogHead } from "../keys/heads.ts";
import type { Crypto } from "../primitives/crypto.ts";
import type { Frame, FrameType, MessageId } from "./frame.ts";

export type SignerReference =
  | { readonly kind: "instance"; readonly certificateHash: Uint8Array }
  | { readonly kind: "identity"; readonly head: LogHead };

/** The signed fields, beside who signs. */
export interface MessageFacts {
  readonly frameType: FrameType;
  readonly recipient: AgentId;
  readonly messageId: MessageId;
  readonly time: number;
  readonly contentType: string;
  readonly transcriptHash: Uint8Array;
  readonly bodyHash: Uint8Array;
}

export declare function messageSignatureBytes(signer: SignerReference, facts: MessageFacts): Uint8Array;
export declare function messageFacts(frame: Pick<Frame, "type" | "messageId" | "time" | "contentType" | "body">, recipient: AgentId, transcriptHash: Uint8Array, crypto: Pick<Crypto, "sha256">): MessageFacts;
