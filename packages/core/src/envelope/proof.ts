// The message proof: what a third party needs, beside the plaintext and the sender's public log, to see who wrote a message.
// Must not know sessions. Source: docs/protocol/envelope.md, "Message proof".
import { equalBytes } from "../bytes/bytes.ts";
import { malformedField } from "../codec/fields.ts";
import type { MapReader } from "../codec/readers.ts";
import { encodeStruct, StructReader, type Extension } from "../codec/struct.ts";
import { talosError } from "../errors/talos-error.ts";
import type { IdentityLog } from "../identity/log.ts";
import { MAX_CERTIFICATE_BYTES, verifyCertificate } from "../instance/certificate.ts";
import { agentId, type AgentId } from "../keys/agent-id.ts";
import { headToCbor, readLogHead, type LogHead } from "../keys/heads.ts";
import { SIGNATURE_BYTES } from "../keys/signed.ts";
import type { Crypto } from "../primitives/crypto.ts";
import { FRAME_TYPE_CODES, MAX_CONTENT_TYPE_BYTES, MESSAGE_ID_BYTES, messageId, SIGNATURE_KIND_CODES, type FrameType } from "./frame.ts";
import { verifyMessageSignature, type MessageFacts, type ResolvedSigner } from "./message-signature.ts";

const FRAME_TYPES: readonly FrameType[] = ["content", "acknowledgement", "empty-turn"];
/** A certificate and the fields, with room for extensions. */
const MAX_PROOF_BYTES = 80_000;
const STRUCTURE = "message proof";

/** Who signed: with the whole instance certificate, or a head of the sender's log. */
export type ProofSigner =
  | { readonly kind: "instance"; readonly certificate: Uint8Array }
  | { readonly kind: "identity"; readonly head: LogHead };

export interface MessageProof extends MessageFacts {
  readonly signer: ProofSigner;
  readonly sender: AgentId;
  /** 64 bytes. */
  readonly signature: Uint8Array;
  readonly extensions: readonly Extension[];
}

/** Throws MALFORMED for a field outside its bounds. */
export function encodeMessageProof(proof: MessageProof): Uint8Array {
  const { signer } = proof;
  const bytes = encodeStruct(
    new Map([
      [2, SIGNATURE_KIND_CODES[signer.kind]],
      [3, proof.sender],
      [4, signer.kind === "instance" ? signer.certificate : undefined],
      [5, signer.kind === "identity" ? headToCbor(signer.head) : undefined],
      [6, proof.recipient],
      [7, proof.messageId],
      [8, FRAME_TYPE_CODES[proof.frameType]],
      [9, proof.time],
      [10, proof.contentType],
      [11, proof.transcriptHash],
      [12, proof.bodyHash],
      [13, proof.signature],
    ]),
    proof.extensions,
  );
  readProof(
    bytes,
    proof.extensions.map(({ id }) => id),
  );
  return bytes;
}

/** Reads a proof and verifies nothing. Throws MALFORMED, UNSUPPORTED_VERSION, UNSUPPORTED_SUITE, UNSUPPORTED_EXTENSION. */
export function decodeMessageProof(bytes: Uint8Array): MessageProof {
  return readProof(bytes);
}

function readProof(bytes: Uint8Array, knownExtensions?: readonly number[]): MessageProof {
  if (bytes.length > MAX_PROOF_BYTES) throw malformedField({ structure: STRUCTURE, field: "whole" }, "too large");
  const reader = new StructReader(bytes, STRUCTURE, { knownExtensions });
  const proof = {
    signer: readSigner(reader),
    sender: agentId(reader.bytes(3, { length: 32 })),
    recipient: agentId(reader.bytes(6, { length: 32 })),
    messageId: messageId(reader.bytes(7, { length: MESSAGE_ID_BYTES })),
    frameType: FRAME_TYPES[reader.uint(8, { min: 1, max: FRAME_TYPES.length }) - 1] as FrameType,
    time: reader.uint(9),
    contentType: reader.text(10, { maxBytes: MAX_CONTENT_TYPE_BYTES }),
    transcriptHash: reader.bytes(11, { length: 32 }),
    bodyHash: reader.bytes(12, { length: 32 }),
    signature: reader.bytes(13, { length: SIGNATURE_BYTES }),
  };
  return { ...proof, extensions: reader.finish() };
}

function readSigner(reader: MapReader): ProofSigner {
  const kind = reader.uint(2, { min: SIGNATURE_KIND_CODES.instance, max: SIGNATURE_KIND_CODES.identity });
  if (kind === SIGNATURE_KIND_CODES.instance) return { kind: "instance", certificate: reader.bytes(4, { max: MAX_CERTIFICATE_BYTES }) };
  return { kind: "identity", head: readLogHead(reader.array(5)) };
}

/**
 * Verifies a proof under the sender's public log.
 *
 * @param body the plaintext, where the caller has it: then it must be what was signed
 * @throws TalosError LOG_INVALID when the log is not the sender's; those of `verifyCertificate` and `verifyMessageSignature`;
 *   DIGEST_MISMATCH for another body
 */
export function verifyMessageProof(
  log: IdentityLog,
  bytes: Uint8Array,
  crypto: Pick<Crypto, "sha256" | "verifySignature">,
  body?: Uint8Array,
): MessageProof {
  const proof = decodeMessageProof(bytes);
  if (!equalBytes(proof.sender, log.agentId)) throw talosError("LOG_INVALID", undefined, { details: { reason: "other-agent" } });
  const { signer } = proof;
  const resolved: ResolvedSigner =
    signer.kind === "instance" ? { kind: "instance", certificate: verifyCertificate(log, signer.certificate, crypto) } : signer;
  verifyMessageSignature(log, resolved, proof, proof.signature, crypto);
  if (body !== undefined && !equalBytes(crypto.sha256(body), proof.bodyHash)) throw talosError("DIGEST_MISMATCH");
  return proof;
}
