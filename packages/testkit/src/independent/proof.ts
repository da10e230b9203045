// Message proofs and notices (envelope.md).
import { hex, unhex } from "./bytes.ts";
import { checkCertificateTime, decodeCertificate, type Certificate } from "./certificate.ts";
import { BY_IDENTITY, BY_INSTANCE, messageSignatureBytes } from "./frame.ts";
import { sha256 } from "./hashes.ts";
import { inForce, type IdentityLog } from "./identity.ts";
import { checkSignature } from "./keys.ts";
import { demand, refuse } from "./refusal.ts";
import { checkRole, checkRoles, HOLDER, splitSigned, type RoleSignature } from "./signed.ts";
import { Fields, type Extension, type LogHead } from "./structure.ts";

const LONGEST_CONTENT_TYPE = 127;
const LONGEST_NOTICE = 8192;

export interface Proof {
  readonly signatureKind: number;
  readonly senderId: string;
  readonly certificate: string | null;
  readonly head: LogHead | null;
  readonly recipientId: string;
  readonly messageId: string;
  readonly frameType: number;
  readonly time: number;
  readonly contentType: string;
  readonly transcriptHash: string;
  readonly bodyHash: string;
  readonly signature: string;
  readonly extensions: readonly Extension[];
}

export function decodeProof(bytes: Uint8Array): Proof {
  const fields = new Fields(bytes);
  const signatureKind = fields.uint(2, BY_INSTANCE, BY_IDENTITY);
  const proof: Proof = {
    signatureKind,
    senderId: fields.hex(3, 32),
    certificate: signatureKind === BY_INSTANCE ? fields.hex(4) : null,
    head: signatureKind === BY_IDENTITY ? fields.logHead(5) : null,
    recipientId: fields.hex(6, 32),
    messageId: fields.hex(7, 16),
    frameType: fields.uint(8, 1, 3),
    time: fields.uint(9),
    contentType: fields.text(10, LONGEST_CONTENT_TYPE),
    transcriptHash: fields.hex(11, 32),
    bodyHash: fields.hex(12, 32),
    signature: fields.hex(13, 64),
    extensions: fields.extensions,
  };
  fields.end();
  demand(!/^0+$/u.test(proof.messageId), "a message id of zeros");
  return proof;
}

/** What a third party does, with the sender's verified log and, where it has it, the plaintext. */
export function verifyProof(bytes: Uint8Array, body: Uint8Array | undefined, log: IdentityLog): Proof {
  const proof = decodeProof(bytes);
  if (body !== undefined && hex(sha256(body)) !== proof.bodyHash) refuse("digest-mismatch", "another body");
  if (proof.senderId !== log.agentId) refuse("log-invalid", "another agent's log");
  const certificate = proof.certificate === null ? null : decodeCertificate(unhex(proof.certificate), log);
  if (certificate !== null) checkCertificateTime(certificate, proof.time);
  const message = messageSignatureBytes({ ...proof, certificateHash: certificate?.hash ?? null });
  checkSignature(certificate?.instanceKey ?? inForce(log, proof.head ?? log.head).identityKey, message, unhex(proof.signature));
  return proof;
}

export interface Notice {
  readonly type: number;
  readonly certificate: Certificate;
  readonly certificateBytes: string;
  readonly recipientId: string;
  readonly envelopeId: string;
  readonly reason: number;
  readonly time: number;
  readonly signatures: readonly RoleSignature[];
  readonly extensions: readonly Extension[];
}

/** Verifies the notice under the instance key of its certificate, and that under the sender's log where it is given. */
export function decodeNotice(bytes: Uint8Array, log?: IdentityLog): Notice {
  const signed = splitSigned(bytes, LONGEST_NOTICE);
  const fields = new Fields(signed.body);
  const type = fields.uint(2);
  demand(type === 1, "unknown notice type");
  const notice: Notice = {
    type,
    certificate: decodeCertificate(fields.bytes(3), log),
    certificateBytes: fields.hex(3),
    recipientId: fields.hex(4, 32),
    envelopeId: fields.hex(5, 16),
    reason: fields.uint(6, 0, 2),
    time: fields.uint(7),
    signatures: signed.signatures,
    extensions: fields.extensions,
  };
  fields.end();
  checkRoles(signed.signatures, [HOLDER]);
  checkRole("notice", signed, HOLDER, notice.certificate.instanceKey);
  return notice;
}
