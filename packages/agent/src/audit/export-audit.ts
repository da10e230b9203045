/** The audit as a file that anybody can check: everything that the newest certificate covers. Reads only. */
import { auditExportLines, talosError, TreeWalk, verifyCertificate, verifyLog, type AgentId, type Crypto } from "@talos/core";
import type { ReadTransaction } from "../vault/index.ts";

export interface ExportedAudit {
  /** JSON Lines, see docs/protocol/audit.md. */
  readonly text: string;
  readonly entries: number;
  /** Newer entries, which are not in it: nothing signed covers them yet. */
  readonly notYetSigned: number;
  /** Of the certificate that covers them, milliseconds since 1970. */
  readonly certifiedAt: number;
}

/** @throws TalosError AUDIT_INVALID where the entries are others than those that were signed; LOG_INVALID and others of a damaged vault */
export function exportAudit(tx: ReadTransaction, agentId: AgentId, crypto: Crypto): ExportedAudit {
  const events = tx.log.events().map(({ wire }) => wire);
  const { log } = verifyLog(undefined, events, 0, crypto, agentId);
  const wire = tx.log.certificate();
  const certificate = wire === undefined ? undefined : verifyCertificate(log, wire, crypto);
  if (certificate === undefined || certificate.auditHead.size === 0)
    throw talosError("AUDIT_INVALID", "Nothing signed covers the audit yet.", { details: { reason: "no-certificate" } });
  const entries = tx.audit.stored(certificate.auditHead.size);
  const walk = new TreeWalk(crypto, [certificate.auditHead]);
  for (const entry of entries) walk.append(entry);
  if (!walk.holds(certificate.auditHead)) throw talosError("AUDIT_INVALID", undefined, { details: { reason: "certificate-head-differs" } });
  return {
    text: auditExportLines(log, certificate, entries).join(""),
    entries: entries.length,
    notYetSigned: tx.audit.count() - entries.length,
    certifiedAt: certificate.from,
  };
}
