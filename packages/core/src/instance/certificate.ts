// Instance certificates: the identity key's word for one run of the process. Source: docs/protocol/instance.md.
import type { Extension } from "../codec/struct.ts";
import type { IdentityLog } from "../identity/log.ts";
import type { AgentId } from "../keys/agent-id.ts";
import type { AuditHead, LogHead } from "../keys/heads.ts";
import type { PublicKey, RemoteKey } from "../keys/public-key.ts";
import type { Prepared, SignatureEntry } from "../keys/signed.ts";
import type { Crypto } from "../primitives/crypto.ts";

export interface CertificateInput {
  readonly agentId: AgentId;
  readonly head: LogHead;
  readonly generation: number;
  readonly instanceKey: PublicKey<1>;
  readonly directories: readonly string[];
  readonly auditHead: AuditHead;
  readonly from: number;
  readonly to: number;
}

/** What a certificate says, before anything is verified. */
export interface CertificateFields extends CertificateInput {
  readonly instanceKey: RemoteKey<"instance">;
  readonly extensions: readonly Extension[];
}

declare const verifiedBrand: unique symbol;
/** A certificate that verified under its agent's log. */
export interface Certificate extends CertificateFields {
  readonly [verifiedBrand]: true;
  readonly wire: Uint8Array;
  /** Certificate hash, 32 bytes. */
  readonly hash: Uint8Array;
}

export declare function prepareCertificate(input: CertificateInput): Prepared;
export declare function assembleCertificate(log: IdentityLog, body: Uint8Array, signatures: readonly SignatureEntry[], crypto: Crypto): Certificate;
/** Nothing is verified: to find out whose log is needed. */
export declare function decodeCertificate(wire: Uint8Array): CertificateFields;
/** `now` absent: form and signature only. */
export declare function verifyCertificate(log: IdentityLog, wire: Uint8Array, crypto: Crypto, now?: number): Certificate;
/** Order of (log seq, generation): negative, zero, positive. */
export declare function compareCertificates(a: CertificateFields, b: CertificateFields): number;
/** True for one (agent, seq, generation) with two instance keys. */
export declare function certificatesConflict(a: CertificateFields, b: CertificateFields): boolean;
