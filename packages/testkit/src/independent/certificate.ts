// Instance certificates (instance.md).
import { hex } from "./bytes.ts";
import { labelledHash, sha256 } from "./hashes.ts";
import { ED25519, type PublicKey } from "./keys.ts";
import { inForce, type IdentityLog } from "./identity.ts";
import { demand, refuse } from "./refusal.ts";
import { checkRole, checkRoles, HOLDER, splitSigned, type RoleSignature } from "./signed.ts";
import { asDirectoryUrls, Fields, type AuditHead, type Extension, type LogHead } from "./structure.ts";

const LONGEST_CERTIFICATE = 4096;
const LONGEST_WINDOW_MS = 86_400_000;
export const TOLERANCE_MS = 600_000;

export interface Certificate {
  readonly hash: string;
  readonly agentId: string;
  readonly head: LogHead;
  readonly generation: number;
  readonly instanceKey: PublicKey;
  readonly homes: readonly string[];
  readonly auditHead: AuditHead;
  readonly from: number;
  readonly to: number;
  readonly signatures: readonly RoleSignature[];
  readonly extensions: readonly Extension[];
}

/** Form, bounds and, where its agent's log is given, agent, head and signature. */
export function decodeCertificate(bytes: Uint8Array, log?: IdentityLog): Certificate {
  const signed = splitSigned(bytes, LONGEST_CERTIFICATE);
  const fields = new Fields(signed.body);
  const certificate: Certificate = {
    hash: hex(labelledHash("instance-certificate", signed.body)),
    agentId: fields.hex(2, 32),
    head: fields.logHead(3),
    generation: fields.uint(4, 1),
    instanceKey: fields.publicKey(5, [ED25519]),
    homes: asDirectoryUrls(fields.raw(6)),
    auditHead: fields.auditHead(7),
    from: fields.uint(8),
    to: fields.uint(9),
    signatures: signed.signatures,
    extensions: fields.extensions,
  };
  fields.end();
  checkRoles(signed.signatures, [HOLDER]);
  demand(certificate.to > certificate.from && certificate.to <= certificate.from + LONGEST_WINDOW_MS, "the window is at most a day");
  demand(certificate.auditHead.size > 0 || certificate.auditHead.root === hex(sha256()), "the root of an empty audit tree");
  if (log !== undefined) {
    if (certificate.agentId !== log.agentId) refuse("certificate-invalid", "another agent's certificate");
    checkRole("instance-certificate", signed, HOLDER, inForce(log, certificate.head).identityKey);
  }
  return certificate;
}

/** Refuses as `certificate-expired` where `time` is outside the window, give or take ten minutes. */
export function checkCertificateTime(certificate: Certificate, time: number): void {
  if (time < certificate.from - TOLERANCE_MS || time > certificate.to + TOLERANCE_MS)
    refuse("certificate-expired", "outside the certificate's window");
}
