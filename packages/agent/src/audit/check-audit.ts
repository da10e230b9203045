/**
 * Whether the audit in the store is the one that was signed: its entries whole and without gaps, and every signed head, of the newest
 * certificate and of the agent's own events, a head of theirs. Reads only; judges nothing by a clock but which events are from before a
 * record that began anew.
 */
import {
  decodeAuditEntry,
  equalBytes,
  encodeEdge,
  eventHeads,
  isTalosError,
  resumedRecord,
  strangeEvents,
  toHex,
  TreeWalk,
  verifyCertificate,
  verifyLog,
  type AgentId,
  type Certificate,
  type Crypto,
  type IdentityLog,
  type ResumedRecord,
} from "@talos/core";
import type { ReadTransaction } from "../vault/index.ts";

export type AuditProblemCode =
  | "empty"
  | "gap"
  | "entry-damaged"
  | "generation-went-back"
  | "edge-differs"
  | "log-invalid"
  | "certificate-invalid"
  | "certificate-head-differs"
  | "event-head-differs";

export interface AuditProblem {
  readonly code: AuditProblemCode;
  readonly message: string;
  /** Of the entry. */
  readonly order?: number;
  /** Of the event. */
  readonly seq?: number;
}

export interface AuditCheck {
  /** Everything fits. */
  readonly sound: boolean;
  readonly entries: number;
  /** Of the tree over all of them, in hexadecimal. */
  readonly root: string;
  /** What the newest certificate covers; absent where no certificate covers any. */
  readonly signed?: { readonly entries: number; readonly seq: number; readonly generation: number; readonly at: number };
  /** Newer than that: the next certificate covers them. */
  readonly notYetSigned: number;
  /** Seq of events whose audit head is of another record, which was lost in a rescue or recovery. */
  readonly earlierRecord: readonly number[];
  readonly problems: readonly AuditProblem[];
}

/** @throws TalosError STORAGE_FAILED; what is wrong is in the result */
export function checkAudit(tx: ReadTransaction, agentId: AgentId, crypto: Crypto): AuditCheck {
  const problems: AuditProblem[] = [];
  const log = ownLog(tx, agentId, crypto, problems);
  const certificate = log && ownCertificate(tx, log, crypto, problems);
  const heads = [...(log === undefined ? [] : eventHeads(log)), ...(certificate === undefined ? [] : [certificate.auditHead])];
  const walk = new TreeWalk(crypto, heads);
  const rows = tx.audit.rows();
  let began = Number.POSITIVE_INFINITY;
  const resumed: ResumedRecord[] = [];
  let generation = 0;
  for (const [index, { order, entry }] of rows.entries()) {
    walk.append(entry);
    if (order !== (rows[index - 1]?.order ?? 0) + 1)
      problems.push({ code: "gap", order, message: `There is a gap before entry ${order}.` });
    try {
      const read = decodeAuditEntry(entry, order);
      if (read.generation < generation) {
        problems.push({ code: "generation-went-back", order, message: `Entry ${order} is of an earlier opening than the one before it.` });
      }
      generation = Math.max(generation, read.generation);
      began = Math.min(began, index === 0 ? read.at : began);
      const gap = resumedRecord(read);
      if (gap !== undefined) resumed.push(gap);
    } catch (error) {
      if (!isTalosError(error)) throw error;
      problems.push({ code: "entry-damaged", order, message: `Entry ${order} cannot be read.` });
    }
  }
  if (rows.length === 0) problems.push({ code: "empty", message: "There is no entry, though making the agent writes the first." });
  const edge = tx.audit.storedEdge();
  if (edge !== undefined && !equalBytes(encodeEdge(edge), encodeEdge(walk.edge))) {
    problems.push({ code: "edge-differs", message: "The entries are others than those that were written." });
  }
  if (certificate !== undefined && !walk.holds(certificate.auditHead)) {
    const message = `The newest certificate covers ${certificate.auditHead.size} entries, and they are others than these.`;
    problems.push({ code: "certificate-head-differs", message });
  }
  const strange = log && strangeEvents(log, { holds: (head) => walk.holds(head), began, resumed });
  for (const { head } of strange?.wrong ?? []) {
    const message = `Event ${head.seq} of the agent carries the head of other entries than these.`;
    problems.push({ code: "event-head-differs", seq: head.seq, message });
  }
  const signed = certificate && {
    entries: certificate.auditHead.size,
    seq: certificate.head.seq,
    generation: certificate.generation,
    at: certificate.from,
  };
  return {
    sound: problems.length === 0,
    entries: rows.length,
    root: toHex(walk.root()),
    ...(signed === undefined ? {} : { signed }),
    notYetSigned: Math.max(0, rows.length - (signed?.entries ?? 0)),
    earlierRecord: (strange?.earlier ?? []).map(({ head }) => head.seq),
    problems,
  };
}

function ownLog(tx: ReadTransaction, agentId: AgentId, crypto: Crypto, problems: AuditProblem[]): IdentityLog | undefined {
  try {
    const events = tx.log.events().map(({ wire }) => wire);
    return verifyLog(undefined, events, 0, crypto, agentId).log;
  } catch (error) {
    if (!isTalosError(error)) throw error;
    problems.push({ code: "log-invalid", message: "The agent's own log does not verify, so nothing shows what was signed." });
    return undefined;
  }
}

function ownCertificate(tx: ReadTransaction, log: IdentityLog, crypto: Crypto, problems: AuditProblem[]): Certificate | undefined {
  const wire = tx.log.certificate();
  if (wire === undefined) return undefined;
  try {
    return verifyCertificate(log, wire, crypto);
  } catch (error) {
    if (!isTalosError(error)) throw error;
    problems.push({ code: "certificate-invalid", message: "The newest certificate does not verify under the agent's log." });
    return undefined;
  }
}
