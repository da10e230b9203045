// For each kind of vector of what is on record: how the independent decoder reads its wire, and what it found, under the names of the vectors.
import { decodeAuditEntry, readAuditExport } from "./audit.ts";
import { hex, unhex } from "./bytes.ts";
import { decodeIdentityLog } from "./identity.ts";
import { treeHash } from "./prekeys.ts";
import type { AuditHead } from "./structure.ts";
import { checkSubject, decodeSignatureProof, decodeUserSignature, proves, verdictOf } from "./user-signature.ts";
import { listOf, listOfBytes, logOf, record, text } from "./vector-values.ts";
import type { Viewer } from "./vector-views.ts";

function auditHeadOf(value: unknown): AuditHead {
  const { size, root } = record(value);
  return { size: Number(size), root: text(root) };
}

export const RECORDS: Readonly<Record<string, Viewer>> = {
  "audit-entry": ({ wire }) => {
    const bytes = unhex(text(wire));
    return { fields: decodeAuditEntry(bytes), derived: { leaf: hex(treeHash([bytes])) } };
  },

  "audit-export": ({ wire, context = {} }) => {
    const { agentId, log: known, atLeast } = context;
    const { log, certificate, entries, earlier } = readAuditExport(text(wire), {
      agentId: agentId === undefined ? undefined : text(agentId),
      log: known === undefined ? undefined : decodeIdentityLog(listOfBytes(known)),
      contains: atLeast === undefined ? undefined : auditHeadOf(atLeast),
    });
    const { head, generation, from, auditHead } = certificate;
    const found = { agentId: log.agentId, head, generation, certifiedAt: from, auditHead };
    return { fields: { ...found, entries: entries.length, earlierRecord: earlier } };
  },

  "user-signature": (vector) => {
    const context = record(vector.context);
    const { proof, cutOff, seenBefore, forkedFrom } = context;
    const signature = decodeUserSignature(unhex(text(vector.wire)));
    checkSubject(signature, text(context["namespace"]), unhex(text(context["message"])));
    const verdict = verdictOf(signature, logOf(vector), {
      cutOff: cutOff === undefined ? [] : listOf(cutOff).map((event) => unhex(text(event))),
      proof: proof === undefined ? undefined : decodeSignatureProof(unhex(text(proof))),
      seenBefore: seenBefore === true,
      forkedFrom: forkedFrom === undefined ? undefined : Number(forkedFrom),
    });
    const { hash, signed: _, ...fields } = signature;
    return { fields: { ...fields, verdict }, derived: { signatureHash: hash } };
  },

  "signature-proof": ({ wire, context }) => {
    const { signature, auditHead } = record(context);
    const proof = decodeSignatureProof(unhex(text(wire)));
    const { entry, index, size, path } = proof;
    const isProof = proves(proof, decodeUserSignature(unhex(text(signature))), auditHeadOf(auditHead));
    return { fields: { entry: hex(entry), index, size, path: path.map(hex), proves: isProof } };
  },
};
