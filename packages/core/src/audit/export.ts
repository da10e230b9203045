// An agent's audit in a file that anybody can check with public keys only: JSON Lines, a header and then a line per entry. Each line is what
// the bytes in it say and nothing else: it is rebuilt from them and compared, so no reader can be shown other words than were signed.
// Must not know where an audit is kept. Source: docs/protocol/audit.md, "Export".
import { fromBase64Url, toBase64Url } from "../bytes/base64url.ts";
import { equalBytes } from "../bytes/bytes.ts";
import { toHex } from "../bytes/hex.ts";
import { talosError, type TalosError } from "../errors/talos-error.ts";
import type { IdentityLog } from "../identity/log.ts";
import { standingOf } from "../identity/standing.ts";
import { verifyLog } from "../identity/verify-log.ts";
import { verifyCertificate, type Certificate } from "../instance/certificate.ts";
import { agentIdToDid, type AgentId } from "../keys/agent-id.ts";
import { sameHead, type AuditHead } from "../keys/heads.ts";
import { appendLeaf, EMPTY_EDGE, edgeRoot, type TreeEdge } from "../merkle/edge.ts";
import type { Crypto } from "../primitives/crypto.ts";
import { auditLeaf, decodeAuditEntry, type AuditEntry } from "./entry.ts";
import { resumedRecord, strangeEvents } from "./lost-record.ts";

/** Where nothing in the file is wrong by itself. */
const MESSAGES: Readonly<Record<string, string>> = {
  "other-agent": "The export is another agent's.",
  "older-than-expected": "The export ends before entries that are known to be on record.",
  "unknown-head": "The export names an event that the agent's log has not: it was cut off, or that log is older.",
  "void-head": "The key that certified the export was rotated away for compromise, or its agent is revoked: it proves nothing any more.",
};

type Verifying = Pick<Crypto, "sha256" | "verifySignature">;

export interface AuditExport {
  /** Of the agent, ending with the event that the certificate names. */
  readonly log: IdentityLog;
  /** Its audit head covers the entries. */
  readonly certificate: Certificate;
  readonly entries: readonly AuditEntry[];
  /** Seq of events whose audit head is of another record than this one: it was lost, in a rescue or a recovery. */
  readonly earlierRecord: readonly number[];
}

export interface ExportExpectation {
  /** Whose audit it has to be. */
  readonly agentId?: AgentId | undefined;
  /** Has to be in the export: from a newer certificate, so that an older export is not taken for all there is. */
  readonly atLeast?: AuditHead | undefined;
  /** The agent's log as the verifier has it, from elsewhere: the key that certified the export has to count by it. */
  readonly log?: IdentityLog | undefined;
}

/** The lines of an export, each with its end. @param entries as they are stored, as many as the certificate's audit head covers */
export function auditExportLines(log: IdentityLog, certificate: Certificate, entries: readonly Uint8Array[]): string[] {
  const covered = log.events.slice(0, certificate.head.seq + 1);
  return [headerLine(covered, certificate), ...entries.map((entry, index) => entryLine(entry, index + 1))];
}

/**
 * @param text the whole file
 * @throws TalosError AUDIT_INVALID with `details.line` (from 1) and `details.reason` for any change, cut, insertion or other order
 */
export function verifyAuditExport(text: string, crypto: Verifying, expected: ExportExpectation = {}): AuditExport {
  const lines = text.split("\n");
  if (lines.pop() !== "") throw invalid(lines.length + 1, "no-line-end");
  const [header, ...rest] = lines;
  const { log, certificate } = at(1, "header", () => readHeader(header ?? "", crypto));
  if (expected.agentId !== undefined && !equalBytes(expected.agentId, log.agentId)) throw invalid(1, "other-agent");
  if (expected.log !== undefined) requireExportUnder({ certificate }, expected.log);
  const { size, root } = certificate.auditHead;
  // Writing the first entry makes the agent: an empty record is one that was taken away.
  if (size === 0) throw invalid(1, "empty");
  const entries: AuditEntry[] = [];
  const walk = new TreeWalk(crypto, [...eventHeads(log), ...(expected.atLeast === undefined ? [] : [expected.atLeast])]);
  for (const [index, line] of rest.entries()) {
    if (index >= size) throw invalid(index + 2, "too-many-entries");
    const { entry, wire } = at(index + 2, "entry", () => readEntry(line, index + 1));
    entries.push(entry);
    walk.append(wire);
  }
  if (entries.length < size) throw invalid(lines.length + 1, "too-few-entries");
  if (!equalBytes(walk.root(), root)) throw invalid(1, "root");
  if (expected.atLeast !== undefined && !walk.holds(expected.atLeast)) throw invalid(1, "older-than-expected");
  const began = entries[0]?.at ?? Number.POSITIVE_INFINITY;
  const resumed = entries.flatMap((entry) => resumedRecord(entry) ?? []);
  const { earlier, wrong } = strangeEvents(log, { holds: (head) => walk.holds(head), began, resumed });
  if (wrong.length > 0) throw invalid(1, "event-audit-head");
  return { log, certificate, entries, earlierRecord: earlier.map(({ head }) => head.seq) };
}

/**
 * That the key which certified an export still counts by a log from elsewhere. The log in the export ends where its maker liked: whoever has a
 * former key writes any record with it, under the events of before its end.
 *
 * @throws TalosError AUDIT_INVALID with `details.reason`: other-agent; unknown-head: that log does not have the event, since it was cut off, or
 *   the log is older than the export; void-head: the key was rotated away for compromise since, or the agent revoked
 */
export function requireExportUnder({ certificate }: Pick<AuditExport, "certificate">, log: IdentityLog): void {
  const { agentId, head } = certificate;
  if (!equalBytes(agentId, log.agentId)) throw invalid(1, "other-agent");
  // Only migrations depend on a clock, and they make nothing void.
  const standing = at(1, "unknown-head", () => standingOf(log, head, { seenAt: () => 0, now: 0 }));
  if (standing === "void") throw invalid(1, "void-head");
}

/** A tree that grows leaf by leaf, and what roots it had at the sizes that somebody asks about. */
export class TreeWalk {
  readonly #crypto: Pick<Crypto, "sha256">;
  readonly #asked: ReadonlySet<number>;
  readonly #roots: Map<number, Uint8Array> = new Map();
  #edge: TreeEdge = EMPTY_EDGE;

  constructor(crypto: Pick<Crypto, "sha256">, asked: readonly AuditHead[]) {
    this.#crypto = crypto;
    this.#asked = new Set(asked.map(({ size }) => size));
    this.#note();
  }

  append(entry: Uint8Array): void {
    this.#edge = appendLeaf(this.#crypto, this.#edge, auditLeaf(entry, this.#crypto));
    this.#note();
  }

  get edge(): TreeEdge {
    return this.#edge;
  }

  root(): Uint8Array {
    return edgeRoot(this.#crypto, this.#edge);
  }

  /** Whether the tree had that root at that size; of a size among those asked about. */
  holds({ size, root }: AuditHead): boolean {
    const found = this.#roots.get(size);
    return found !== undefined && equalBytes(found, root);
  }

  #note(): void {
    if (this.#asked.has(this.#edge.size)) this.#roots.set(this.#edge.size, this.root());
  }
}

/** The audit heads that the events of a log carry. */
export function eventHeads(log: IdentityLog): AuditHead[] {
  return log.states.flatMap(({ auditHead }) => (auditHead === undefined ? [] : [auditHead]));
}

function headerLine(events: readonly Uint8Array[], certificate: Certificate): string {
  const { agentId, head, generation, auditHead, from, wire } = certificate;
  return asLine({
    talos: "audit-export",
    version: 1,
    did: agentIdToDid(agentId),
    seq: head.seq,
    generation,
    certifiedAt: from,
    size: auditHead.size,
    root: toHex(auditHead.root),
    certificate: toBase64Url(wire),
    log: events.map(toBase64Url),
  });
}

function entryLine(wire: Uint8Array, order: number): string {
  const { kind, at: time, generation, details } = decodeAuditEntry(wire, order);
  return asLine({ order, at: time, kind, generation, details, wire: toBase64Url(wire) });
}

function asLine(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

function readHeader(text: string, crypto: Verifying): Pick<AuditExport, "log" | "certificate"> {
  const { certificate: wire, log: events } = JSON.parse(text) as Record<string, unknown>;
  if (!Array.isArray(events)) throw talosError("MALFORMED");
  const { log } = verifyLog(undefined, events.map(readBytes), 0, crypto);
  const certificate = verifyCertificate(log, readBytes(wire), crypto);
  if (!sameHead(log.head, certificate.head) || headerLine(log.events, certificate) !== `${text}\n`) throw talosError("MALFORMED");
  return { log, certificate };
}

function readEntry(text: string, order: number): { readonly entry: AuditEntry; readonly wire: Uint8Array } {
  const wire = readBytes((JSON.parse(text) as Record<string, unknown>)["wire"]);
  if (entryLine(wire, order) !== `${text}\n`) throw talosError("MALFORMED");
  return { entry: decodeAuditEntry(wire, order), wire };
}

function readBytes(value: unknown): Uint8Array {
  if (typeof value !== "string") throw talosError("MALFORMED");
  return fromBase64Url(value);
}

/** Whatever is wrong with a line, it is not what was signed. */
function at<T>(number: number, reason: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw invalid(number, reason, cause);
  }
}

function invalid(number: number, reason: string, cause?: unknown): TalosError {
  return talosError("AUDIT_INVALID", MESSAGES[reason], { details: { line: number, reason }, cause });
}
