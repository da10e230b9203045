// The signature inside a message: what it covers, and its check. Must not know sessions; what certificate a hash stands for is the caller's.
// Source: docs/protocol/envelope.md, "Message signature".
import { utf8 } from "../bytes/utf8.ts";
import { BinaryWriter } from "../codec/binary.ts";
import { talosError } from "../errors/talos-error.ts";
import { keysAt, type IdentityLog } from "../identity/log.ts";
import type { Certificate } from "../instance/certificate.ts";
import type { AgentId } from "../keys/agent-id.ts";
import { headToBinary, type LogHead } from "../keys/heads.ts";
import { labelPrefix, LABELS } from "../keys/labels.ts";
import { isWithinSlack } from "../keys/time.ts";
import type { Crypto } from "../primitives/crypto.ts";
import { FRAME_TYPE_CODES, SIGNATURE_KIND_CODES, type Frame, type FrameType, type MessageId, type MessageSigner } from "./frame.ts";

/** What is signed, beside who signs. */
export interface MessageFacts {
  readonly frameType: FrameType;
  readonly recipient: AgentId;
  readonly messageId: MessageId;
  readonly time: number;
  readonly contentType: string;
  /** 32 bytes. */
  readonly transcriptHash: Uint8Array;
  /** SHA-256 of the body. */
  readonly bodyHash: Uint8Array;
}

/** The signed facts of a frame to that recipient in the session with that transcript. */
export function messageFacts(
  frame: Pick<Frame, "type" | "messageId" | "time" | "contentType" | "body">,
  recipient: AgentId,
  transcriptHash: Uint8Array,
  crypto: Pick<Crypto, "sha256">,
): MessageFacts {
  const { type, messageId, time, contentType, body } = frame;
  return { frameType: type, recipient, messageId, time, contentType, transcriptHash, bodyHash: crypto.sha256(body) };
}

/** The bytes under a message signature. Throws INVALID_ARGUMENT for a content type above 255 bytes. */
export function messageSignatureBytes(signer: MessageSigner, facts: MessageFacts): Uint8Array {
  const contentType = utf8(facts.contentType);
  const writer = new BinaryWriter().bytes(labelPrefix(LABELS.signMessage));
  writer.u8(SIGNATURE_KIND_CODES[signer.kind]).u8(FRAME_TYPE_CODES[facts.frameType]);
  writer.bytes(signer.kind === "instance" ? signer.certificateHash : headToBinary(signer.head));
  writer.bytes(facts.recipient).bytes(facts.messageId).u64(facts.time);
  writer.u8(contentType.length).bytes(contentType);
  return writer.bytes(facts.transcriptHash).bytes(facts.bodyHash).finish();
}

/** Who signed, resolved: the certificate itself instead of its hash. */
export type ResolvedSigner =
  | { readonly kind: "instance"; readonly certificate: Certificate }
  | { readonly kind: "identity"; readonly head: LogHead };

/**
 * Checks a message signature under the sender's log.
 *
 * @param signer for "instance" a certificate that was verified under that log
 * @throws TalosError SIGNATURE_INVALID; CERTIFICATE_EXPIRED when the message's time lies outside the certificate's, with 10 minutes of slack;
 *   HEAD_UNKNOWN; AGENT_REVOKED
 */
export function verifyMessageSignature(
  log: IdentityLog,
  signer: ResolvedSigner,
  facts: MessageFacts,
  signature: Uint8Array,
  crypto: Pick<Crypto, "verifySignature">,
): void {
  const key = signer.kind === "instance" ? signer.certificate.instanceKey : keysAt(log, signer.head).identityKey;
  const reference: MessageSigner = signer.kind === "instance" ? { kind: "instance", certificateHash: signer.certificate.hash } : signer;
  if (!crypto.verifySignature(key.algorithm, key.bytes, messageSignatureBytes(reference, facts), signature))
    throw talosError("SIGNATURE_INVALID");
  if (signer.kind === "instance" && !isWithinSlack(signer.certificate, facts.time)) throw talosError("CERTIFICATE_EXPIRED");
}
