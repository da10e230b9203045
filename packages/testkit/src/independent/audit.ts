// Audit entries and exports (audit.md). Writes the text of an export by the rules on that page and not by JSON.stringify, so that a
// difference between the two shows.
import { hex } from "./bytes.ts";
import type { CborMap, CborValue } from "./cbor.ts";
import { decodeCertificate, type Certificate } from "./certificate.ts";
import { standingAt } from "./identity-branches.ts";
import { decodeIdentityLog, RECOVERY, type IdentityLog } from "./identity.ts";
import { treeHash } from "./prekeys.ts";
import { demand, Refusal, refuse } from "./refusal.ts";
import { asText, asUint, Fields, type AuditHead } from "./structure.ts";

const MOST_DETAILS = 32;
const LONGEST_TEXT = 1024;

export interface AuditEntry {
  readonly kind: string;
  readonly time: number;
  readonly generation: number;
  /** In the order of the encoded map. */
  readonly details: readonly (readonly [string, string | number])[];
}

export function decodeAuditEntry(bytes: Uint8Array): AuditEntry {
  const fields = new Fields(bytes);
  const entry: AuditEntry = {
    kind: fields.text(2, 64),
    time: fields.uint(3),
    generation: fields.uint(4),
    details: detailsOf(fields.raw(5)),
  };
  fields.end();
  return entry;
}

function detailsOf(value: CborValue): AuditEntry["details"] {
  demand(value instanceof Map && value.size <= MOST_DETAILS, "details are a map of at most 32");
  return [...(value as CborMap)].map(([key, inner]) => {
    const name = asText(key, LONGEST_TEXT);
    demand(!/^[0-9]/u.test(name), "a name begins with a digit");
    return [name, typeof inner === "string" ? asText(inner, LONGEST_TEXT) : asUint(inner)] as const;
  });
}

export interface AuditExport {
  readonly log: IdentityLog;
  readonly certificate: Certificate;
  readonly entries: readonly AuditEntry[];
  /** Seq of events that carry the head of another record, which was lost. */
  readonly earlier: readonly number[];
}

export interface Wanted {
  readonly agentId?: string | undefined;
  readonly log?: IdentityLog | undefined;
  readonly contains?: AuditHead | undefined;
}

/** Whatever is wrong with it: refused as `audit-invalid`. */
export function readAuditExport(text: string, wanted: Wanted = {}): AuditExport {
  try {
    return read(text, wanted);
  } catch (error) {
    if (error instanceof Refusal || error instanceof SyntaxError) return refuse("audit-invalid", error.message);
    throw error;
  }
}

function read(text: string, wanted: Wanted): AuditExport {
  const lines = text.split("\n");
  demand(lines.pop() === "", "every line has an end");
  const [first = "", ...rest] = lines;
  const header = memberOf(first);
  const chain = listOf(header["log"]).map(base64url);
  const certificateBytes = base64url(header["certificate"]);
  const log = decodeIdentityLog(chain);
  const certificate = decodeCertificate(certificateBytes, log);
  demand(certificate.head.hash === log.head.hash, "the log ends with the event that the certificate names");
  demand(headerLine(log, certificate, certificateBytes, chain) === first, "the header says what the bytes say");
  demand(wanted.agentId === undefined || wanted.agentId === log.agentId, "another agent's");
  if (wanted.log !== undefined) checkUnder(wanted.log, certificate);

  const { size, root } = certificate.auditHead;
  demand(size > 0 && rest.length === size, "as many entries as were signed, and one at least");
  const wires = rest.map((line) => base64url(memberOf(line)["wire"]));
  const entries = wires.map(decodeAuditEntry);
  for (const [index, entry] of entries.entries()) {
    demand(entryLine(index + 1, entry, wires[index] ?? new Uint8Array(0)) === rest[index], "the entry says what its bytes say");
  }
  const holds = (head: AuditHead): boolean => head.size <= size && hex(treeHash(wires.slice(0, head.size))) === head.root;
  demand(holds({ size, root }), "the root");
  demand(wanted.contains === undefined || holds(wanted.contains), "a head that is known");
  const strange = log.events.filter(({ following }) => following !== null && following.auditHead !== null && !holds(following.auditHead));
  const said = entries.flatMap((entry, index) => gapOf(entry).map((gap) => ({ ...gap, index })));
  const gaps = said.filter(({ event, index }) => {
    const end = log.events[event]?.following;
    const isFirst = said.every((other) => other.event !== event || other.index >= index);
    return isFirst && end?.authority === RECOVERY && end.auditHead !== null && holds(end.auditHead) && index >= end.auditHead.size;
  });
  demand(
    strange.every(({ seq, time }) => time < (entries[0]?.time ?? 0) || gaps.some((gap) => seq > gap.seq && seq < gap.event)),
    "an event's head is not of these entries",
  );
  return { log, certificate, entries, earlier: strange.map(({ seq }) => seq) };
}

/** Between which events a record that came back from a backup has nothing. */
function gapOf({ kind, details }: AuditEntry): { readonly seq: number; readonly event: number }[] {
  const { seq, event } = Object.fromEntries(details);
  const isSaid = kind === "backup-restored" && typeof seq === "number" && typeof event === "number";
  return isSaid && seq >= 0 && seq < event ? [{ seq, event }] : [];
}

/** By a log from elsewhere: its key has to count. No migration makes anything void, so that no clock is asked. */
function checkUnder(log: IdentityLog, { agentId, head }: Certificate): void {
  demand(agentId === log.agentId, "another agent's");
  demand(
    standingAt(
      log,
      head,
      log.events.map(() => 0),
      0,
    ) !== "void",
    "the key counts no more",
  );
}

function headerLine(log: IdentityLog, certificate: Certificate, bytes: Uint8Array, chain: readonly Uint8Array[]): string {
  const { head, generation, from, auditHead } = certificate;
  return jsonObject([
    ["talos", quoted("audit-export")],
    ["version", "1"],
    ["did", quoted(log.did)],
    ["seq", `${head.seq}`],
    ["generation", `${generation}`],
    ["certifiedAt", `${from}`],
    ["size", `${auditHead.size}`],
    ["root", quoted(auditHead.root)],
    ["certificate", quoted(toBase64url(bytes))],
    ["log", `[${chain.map((event) => quoted(toBase64url(event))).join(",")}]`],
  ]);
}

function entryLine(order: number, { time, kind, generation, details }: AuditEntry, wire: Uint8Array): string {
  return jsonObject([
    ["order", `${order}`],
    ["at", `${time}`],
    ["kind", quoted(kind)],
    ["generation", `${generation}`],
    ["details", jsonObject(details.map(([name, value]) => [name, typeof value === "string" ? quoted(value) : `${value}`]))],
    ["wire", quoted(toBase64url(wire))],
  ]);
}

function jsonObject(members: readonly (readonly [string, string])[]): string {
  return `{${members.map(([name, value]) => `${quoted(name)}:${value}`).join(",")}}`;
}

const SHORT = new Map([
  [0x08, "\\b"],
  [0x09, "\\t"],
  [0x0a, "\\n"],
  [0x0c, "\\f"],
  [0x0d, "\\r"],
  [0x22, '\\"'],
  [0x5c, "\\\\"],
]);

function quoted(text: string): string {
  const characters = Array.from(text, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return SHORT.get(code) ?? (code < 0x20 ? `\\u00${hex(Uint8Array.of(code))}` : character);
  });
  return `"${characters.join("")}"`;
}

function memberOf(line: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(line);
  demand(typeof value === "object" && value !== null, "a line is an object");
  return value as Readonly<Record<string, unknown>>;
}

function listOf(value: unknown): readonly unknown[] {
  demand(Array.isArray(value), "a list");
  return value as readonly unknown[];
}

function base64url(value: unknown): Uint8Array {
  demand(typeof value === "string", "text");
  return new Uint8Array(Buffer.from(value, "base64url"));
}

function toBase64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}
