/** Registers instance certificates: the highest (log seq, generation) stands. Source: docs/protocol/directory.md, instance.md. */
import {
  decodeCertificate,
  equalBytes,
  talosError,
  verifyCertificate,
  type AgentId,
  type Certificate,
  type IdentityLog,
} from "@talos/core";
import type { DirectoryContext } from "../context.ts";
import { refuse, underLog } from "../refusal.ts";
import type { CertificateRecord } from "../storage/contract/index.ts";
import { isVoid, readKnownLog } from "./known-log.ts";

/**
 * Registers a certificate and returns the one that then stands.
 *
 * @throws TalosError AGENT_UNKNOWN; IDENTITY_MOVED where its log head is not known here, CERTIFICATE_VOID where a later event has
 *   made it void, AGENT_REVOKED, all with the head; INSTANCE_SUPERSEDED and
 *   CERTIFICATE_CONFLICT, with the certificate that stands; CERTIFICATE_EXPIRED, SIGNATURE_INVALID and others of core
 */
export async function registerCertificate(context: DirectoryContext, agentId: AgentId, wire: Uint8Array): Promise<CertificateRecord> {
  // Anybody may send one under any name: what needs no log comes before the log.
  if (!equalBytes(decodeCertificate(wire).agentId, agentId)) throw talosError("CERTIFICATE_INVALID");
  // An event may come between verification and registration: then the certificate is judged again, under the log as it is by then.
  for (;;) {
    const log = await readKnownLog(context, agentId);
    const now = context.now();
    const certificate = verify(context, log, wire, now);
    const outcome = await context.store.registerCertificate(agentId, recordOf(certificate), log.head, now);
    if (outcome.kind === "moved") continue;
    if (outcome.kind === "superseded") throw refuse("INSTANCE_SUPERSEDED", { certificate: outcome.certificate.wire });
    if (outcome.kind === "conflict") throw refuse("CERTIFICATE_CONFLICT", { certificate: outcome.certificate.wire });
    // An instance that waits for its mailbox learns at once that there is a newer one.
    context.waiters.wake(agentId);
    return outcome.certificate;
  }
}

function verify({ crypto }: DirectoryContext, log: IdentityLog, wire: Uint8Array, now: number): Certificate {
  const { head } = log;
  if (log.revoked !== undefined) throw refuse("AGENT_REVOKED", { head });
  const certificate = underLog(head, () => verifyCertificate(log, wire, crypto, now));
  if (isVoid(log, certificate.head)) throw refuse("CERTIFICATE_VOID", { head });
  return certificate;
}

function recordOf({ head, generation, instanceKey, hash, from, to, wire }: Certificate): CertificateRecord {
  return { seq: head.seq, generation, instanceKey: instanceKey.bytes, hash, from, to, wire };
}
