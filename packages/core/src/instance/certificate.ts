// Instance certificates: the identity key's word for one run of the process. Must not know where certificates are kept.
// Source: docs/protocol/instance.md.
import { equalBytes } from "../bytes/bytes.ts";
import { malformedField } from "../codec/fields.ts";
import { encodeStruct, StructReader, type Extension } from "../codec/struct.ts";
import { talosError } from "../errors/talos-error.ts";
import { keysAt, type IdentityLog } from "../identity/log.ts";
import { standingOf, type VerifierMemory } from "../identity/standing.ts";
import { agentId, type AgentId } from "../keys/agent-id.ts";
import { MAX_HOME_DIRECTORIES, readDirectories } from "../keys/directory-url.ts";
import { auditHeadToCbor, headToCbor, readAuditHead, readLogHead, type AuditHead, type LogHead } from "../keys/heads.ts";
import { labelledHash, LABELS } from "../keys/labels.ts";
import { ALGORITHM, publicKeyToCbor, readRemoteKey, samePublicKey, type PublicKey, type RemoteKey } from "../keys/public-key.ts";
import { decodeSigned, encodeSigned, prepareSigned, ROLE, verifySigned, type Prepared, type SignatureEntry } from "../keys/signed.ts";
import { DAY_MILLISECONDS, isWindow, isWithinSlack } from "../keys/time.ts";
import type { Crypto } from "../primitives/crypto.ts";

export const MAX_CERTIFICATE_BYTES = 4096;
export const MAX_CERTIFICATE_MILLISECONDS: number = DAY_MILLISECONDS;
const STRUCTURE = "instance certificate";

export interface CertificateInput {
  readonly agentId: AgentId;
  readonly head: LogHead;
  /** 1 to 2^53 - 1. */
  readonly generation: number;
  readonly instanceKey: PublicKey<1>;
  /** At most 4 URLs. */
  readonly directories: readonly string[];
  readonly auditHead: AuditHead;
  readonly from: number;
  /** At most 24 hours after `from`. */
  readonly to: number;
  readonly extensions?: readonly Extension[];
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

/** Throws MALFORMED for a field outside its bounds. */
export function prepareCertificate(input: CertificateInput): Prepared {
  const extensions = input.extensions ?? [];
  const body = encodeStruct(
    new Map([
      [2, input.agentId],
      [3, headToCbor(input.head)],
      [4, input.generation],
      [5, publicKeyToCbor(input.instanceKey)],
      [6, input.directories],
      [7, auditHeadToCbor(input.auditHead)],
      [8, input.from],
      [9, input.to],
    ]),
    extensions,
  );
  readBody(
    body,
    extensions.map(({ id }) => id),
  );
  return prepareSigned(LABELS.signInstanceCertificate, body, [ROLE.holder]);
}

/** Joins body and signature and verifies the result under the agent's own log. Throws as `verifyCertificate`. */
export function assembleCertificate(
  log: IdentityLog,
  body: Uint8Array,
  signatures: readonly SignatureEntry[],
  crypto: Pick<Crypto, "sha256" | "verifySignature">,
): Certificate {
  return verifyCertificate(log, encodeSigned(body, signatures), crypto);
}

/** Reads the fields and verifies nothing: to find out whose log is needed. Throws MALFORMED, UNSUPPORTED_..., WEAK_PUBLIC_KEY. */
export function decodeCertificate(wire: Uint8Array): CertificateFields {
  return readBody(decodeSigned(wire, STRUCTURE, MAX_CERTIFICATE_BYTES).body);
}

function readBody(body: Uint8Array, knownExtensions?: readonly number[]): CertificateFields {
  const reader = new StructReader(body, STRUCTURE, { knownExtensions });
  const fields = {
    agentId: agentId(reader.bytes(2, { length: 32 })),
    head: readLogHead(reader.array(3)),
    generation: reader.uint(4, { min: 1 }),
    instanceKey: readRemoteKey(reader.array(5), "instance", ALGORITHM.ed25519),
    directories: readDirectories(reader.array(6, { max: MAX_HOME_DIRECTORIES })),
    auditHead: readAuditHead(reader.array(7)),
    from: reader.uint(8),
    to: reader.uint(9),
  };
  const extensions = reader.finish();
  if (!isWindow(fields, MAX_CERTIFICATE_MILLISECONDS)) throw malformedField(reader.place(9), "not within 24 hours after the start");
  return { ...fields, extensions };
}

/**
 * Verifies a certificate under the log of the agent that it should belong to.
 *
 * @param now the verifier's clock in milliseconds, where it matters that the certificate is valid now; 10 minutes of slack on either side
 * @throws TalosError CERTIFICATE_INVALID (another agent's), HEAD_UNKNOWN, AGENT_REVOKED, SIGNATURE_INVALID, CERTIFICATE_EXPIRED (also: not valid yet),
 *   MALFORMED, UNSUPPORTED_VERSION, UNSUPPORTED_SUITE, UNSUPPORTED_EXTENSION, WEAK_PUBLIC_KEY
 */
export function verifyCertificate(
  log: IdentityLog,
  wire: Uint8Array,
  crypto: Pick<Crypto, "sha256" | "verifySignature">,
  now?: number,
): Certificate {
  const signed = decodeSigned(wire, STRUCTURE, MAX_CERTIFICATE_BYTES);
  const fields = readBody(signed.body);
  if (!equalBytes(fields.agentId, log.agentId)) throw talosError("CERTIFICATE_INVALID");
  const { identityKey } = keysAt(log, fields.head);
  verifySigned(LABELS.signInstanceCertificate, signed, new Map([[ROLE.holder, identityKey]]), crypto);
  if (now !== undefined && !isWithinSlack(fields, now)) throw talosError("CERTIFICATE_EXPIRED");
  const certificate = { ...fields, wire: new Uint8Array(wire), hash: labelledHash(LABELS.hashInstanceCertificate, signed.body, crypto) };
  return Object.freeze(certificate) as object as Certificate;
}

type Rank = Pick<CertificateFields, "head" | "generation">;

/** Order of (log seq, generation): negative, zero or positive. */
export function compareCertificates(a: Rank, b: Rank): number {
  return a.head.seq - b.head.seq || a.generation - b.generation;
}

/** True for certificates of one agent with one (log seq, generation) and different instance keys: there are two copies of the agent. */
export function certificatesConflict(a: CertificateFields, b: CertificateFields): boolean {
  return equalBytes(a.agentId, b.agentId) && compareCertificates(a, b) === 0 && !samePublicKey(a.instanceKey, b.instanceKey);
}

/**
 * Whether the certificate still counts, now that the log may have grown: for a session that exists, or for something new (a handshake, a
 * notice, a request).
 *
 * @throws TalosError CERTIFICATE_VOID after a rotation for compromise or a revocation; for something new CERTIFICATE_RETIRED once the
 *   migration of a planned rotation is over, and after a rotation for loss; HEAD_UNKNOWN for a head that was cut off
 */
export function requireStanding(
  log: IdentityLog,
  { head }: Pick<Certificate, "head">,
  memory: VerifierMemory,
  use: "session" | "new",
): void {
  const standing = standingOf(log, head, memory);
  if (standing === "void") throw talosError("CERTIFICATE_VOID");
  if (standing === "ended" && use === "new") throw talosError("CERTIFICATE_RETIRED");
}
