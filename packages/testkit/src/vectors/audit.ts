// Vectors of audit entries and of exports of an audit.
import {
  agentId,
  assembleCertificate,
  auditExportLines,
  auditLeaf,
  decodeAuditEntry,
  fromHex,
  nodeCrypto,
  prepareCertificate,
  toHex,
  verifyAuditExport,
  verifyLog,
  type AuditHead,
  type CborValue,
} from "@talos/core";
import { entries, entryOf, headOf, start } from "./audit-story.ts";
import { inceptionOf, logOfBranch, recovered, rotated, type Branch } from "./branch.ts";
import { brokenStructures, extension, withFields } from "./breakage.ts";
import { castMember, certificateInput, signAll, STORY_START } from "./cast.ts";
import { field, toJson, type Json, type Reading, type VectorCase, type VectorSet } from "./format.ts";

export const auditEntryVectors: VectorSet = {
  structure: "audit-entry",
  specification: "audit.md, Entries",
  cases: entryCases,
  read: readEntry,
};

function readEntry(wire: Json): Reading {
  const bytes = fromHex(wire as string);
  const { kind, at, generation, details } = decodeAuditEntry(bytes, 1);
  return {
    fields: toJson({ kind, time: at, generation, details: Object.entries(details) }),
    derived: { leaf: toHex(auditLeaf(bytes, nodeCrypto)) },
  };
}

type Details = Readonly<Record<string, CborValue>>;

function entryCases(): VectorCase[] {
  const plain = entries[0] as Uint8Array;
  const detailed = (details: Details): Uint8Array => withFields(plain, { 5: new Map(Object.entries(details)) });
  const numbered = (count: number): Details => Object.fromEntries(Array.from({ length: count }, (_, i) => [`name ${i}`, i]));
  const valid = (name: string, description: string, wire: Uint8Array): VectorCase => ({
    name,
    description,
    wire: toHex(wire),
    ...readEntry(toHex(wire)),
  });
  const refused = (name: string, description: string, wire: Uint8Array, error: string = "MALFORMED"): VectorCase => ({
    name,
    description,
    wire: toHex(wire),
    error,
  });
  return [
    valid("plain", "The first entry of an agent.", plain),
    valid("signature", "A signature that is put on record.", entries[2] as Uint8Array),
    valid("characters", "With characters that JSON writes otherwise, or as they are.", entries[5] as Uint8Array),
    valid("details-none", "Without details.", entryOf("unlocked", {})),
    valid("details-32", "With the most details there can be.", detailed(numbered(32))),
    valid("details-order", "The order of the names is that of the encoded map.", detailed({ zz: 1, b: 2, aaa: 3, A: 4, "": 5 })),
    valid(
      "details-large",
      "With the longest text and the largest number.",
      detailed({ text: "x".repeat(1024), number: Number.MAX_SAFE_INTEGER }),
    ),
    valid("kind-unknown", "Of a kind of a later release: read and shown.", withFields(plain, { 2: "something-new" })),
    valid("kind-64", "Of the longest kind.", withFields(plain, { 2: "k".repeat(64) })),
    valid("extensions", "With an extension that is unknown and not critical.", withFields(plain, { 99: [extension(1, false)] })),
    ...brokenStructures(plain).map(({ name, description, body, error }) => refused(name, description, body, error)),
    refused("kind-65", "A kind that is too long.", withFields(plain, { 2: "k".repeat(65) })),
    refused("details-33", "More than 32 details.", detailed(numbered(33))),
    refused("details-array", "Details that are no map.", withFields(plain, { 5: [] })),
    refused("name-number", "A detail whose name is a number.", detailed({ a: 1, "10": 2 })),
    refused("name-digit", "A detail whose name begins with a digit.", detailed({ "1st": 2 })),
    refused("name-1025", "A name that is too long.", detailed({ ["n".repeat(1025)]: 1 })),
    refused("name-integer", "A detail with an integer for a name.", withFields(plain, { 5: new Map([[1, "one"]]) })),
    refused("text-1025", "A text that is too long.", detailed({ text: "x".repeat(1025) })),
    refused("detail-bytes", "A detail that is bytes.", detailed({ text: new Uint8Array(3) })),
    refused("detail-negative", "A number below zero.", detailed({ number: -1 })),
    refused("detail-true", "A detail that is true.", detailed({ flag: true })),
  ];
}

export const auditExportVectors: VectorSet = {
  structure: "audit-export",
  specification: "audit.md, Export",
  cases: exportCases,
  read: readExport,
};

function readExport(wire: Json, context: Json): Reading {
  const id = field(context ?? {}, "agentId");
  const log = field(context ?? {}, "log");
  const atLeast = field(context ?? {}, "atLeast");
  const found = verifyAuditExport(wire as string, nodeCrypto, {
    ...(id === null ? {} : { agentId: agentId(fromHex(id as string)) }),
    ...(log === null ? {} : { log: verifyLog(undefined, (log as readonly string[]).map(fromHex), STORY_START, nodeCrypto).log }),
    ...(atLeast === null ? {} : { atLeast: { size: field(atLeast, "size") as number, root: fromHex(field(atLeast, "root") as string) } }),
  });
  const { certificate } = found;
  const { head, generation, auditHead, from } = certificate;
  return {
    fields: toJson({
      agentId: found.log.agentId,
      head,
      generation,
      certifiedAt: from,
      auditHead,
      entries: found.entries.length,
      earlierRecord: found.earlierRecord,
    }),
  };
}

interface Exported {
  readonly entries?: readonly Uint8Array[];
  /** Default: of exactly these entries. */
  readonly auditHead?: AuditHead;
}

const alice = castMember("alice");

function exportOf(branch: Branch, { entries: given = entries, auditHead = headOf(given.length, given) }: Exported = {}): string {
  const log = logOfBranch(branch);
  const { agentId: id } = log;
  const prepared = prepareCertificate(certificateInput(alice, { agentId: id, head: branch.head, generation: 2, auditHead }));
  const certificate = assembleCertificate(log, prepared.body, signAll(prepared, { 1: branch.identity }), nodeCrypto);
  return auditExportLines(log, certificate, given).join("");
}

/** From a backup at the inception, after two rotations whose record is lost. */
function cameBack({
  byRecovery = true,
  said = { seq: 0, event: 3 },
  goesOnFrom,
  also,
}: {
  byRecovery?: boolean;
  said?: Readonly<Record<string, number>>;
  /** What the event says of the record that goes on; null: nothing. Default: where the backup ends. */
  goesOnFrom?: "after-the-entry" | null;
  /** Said before that by another entry. */
  also?: Readonly<Record<string, number>>;
} = {}): string {
  const lost = { size: 4, root: headOf(3).root };
  const first = rotated(start, "alice first", { auditHead: lost, time: STORY_START + 4 });
  const second = rotated(first, "alice second", { auditHead: { ...lost, size: 5 }, time: STORY_START + 5 });
  const restored = [...(also === undefined ? [] : [also]), said].map((details) =>
    entryOf("backup-restored", { ...details, entries: 4 }, 6),
  );
  const given = [...entries.slice(0, 4), ...restored];
  const auditHead = goesOnFrom === null ? null : goesOnFrom === undefined ? headOf(4) : headOf(given.length, given);
  const changes = { ...(auditHead === null ? {} : { auditHead }), time: STORY_START + 6 };
  const third = byRecovery ? recovered(second, "alice back", changes) : rotated(second, "alice back", changes);
  return exportOf(third, { entries: given });
}

function exportCases(): VectorCase[] {
  const one = rotated(start, "alice first", { auditHead: headOf(4), time: STORY_START + 4 });
  const foreign = rotated(start, "alice first", { auditHead: { size: 3, root: headOf(4).root } });
  const plain = exportOf(start);
  const lines = plain.split("\n").slice(0, -1);
  const joined = (changed: readonly string[]): string => changed.map((line) => `${line}\n`).join("");
  const valid = (name: string, description: string, text: string, context?: Json): VectorCase => ({
    name,
    description,
    ...(context === undefined ? {} : { context }),
    wire: text,
    ...readExport(text, context ?? null),
  });
  const refused = (name: string, description: string, text: string, context?: Json): VectorCase => ({
    name,
    description,
    ...(context === undefined ? {} : { context }),
    wire: text,
    error: "AUDIT_INVALID",
  });
  const known = (branch: Branch): Json => ({ log: branch.wires.map(toHex) });
  const later = entries.slice(3);
  const head = (size: number): Json => ({ atLeast: toJson(headOf(size)) });
  return [
    valid("plain", "Six entries, certified under the inception.", plain),
    valid("one-entry", "One entry.", exportOf(start, { entries: entries.slice(0, 1) })),
    valid("rotated", "Certified under a rotation that carries the head of the first four entries.", exportOf(one)),
    valid("its-agent", "Of the agent that it has to be of.", plain, { agentId: toHex(start.head.hash) }),
    valid("contains-a-head", "It contains a head that the verifier knows.", plain, head(5)),
    valid("by-the-same-log", "By the log that the verifier has.", exportOf(one), known(one)),
    valid("by-a-longer-log", "The key was rotated away as planned since.", plain, known(one)),
    valid(
      "earlier-record",
      "The event carries a head that is not of these entries, and is older than the first of them.",
      exportOf(rotated(start, "alice first", { auditHead: { size: 9, root: headOf(4).root }, time: STORY_START + 2 }), { entries: later }),
    ),
    valid(
      "came-back",
      "It goes on from a backup of four entries, and two events of before the recovery carry heads of what is lost.",
      cameBack(),
    ),
    refused("came-back-by-whom", "The event that ends the gap is not by the recovery key.", cameBack({ byRecovery: false })),
    refused("came-back-unsaid", "It does not say that it goes on from a backup.", cameBack({ said: {} })),
    refused("came-back-later", "It says that it knew the first of the two events.", cameBack({ said: { seq: 1, event: 3 } })),
    refused("came-back-unanchored", "The event that ends the gap does not say which record goes on.", cameBack({ goesOnFrom: null })),
    refused("came-back-before", "It was said before the place from which the record goes on.", cameBack({ goesOnFrom: "after-the-entry" })),
    refused(
      "came-back-twice",
      "Another entry says before it that it knew the first of the two events.",
      cameBack({ also: { seq: 1, event: 3 } }),
    ),
    refused("another-agent", "Of another agent.", plain, { agentId: toHex(inceptionOf("bob").head.hash) }),
    refused("older", "It ends before a head that the verifier knows.", exportOf(start, { entries: entries.slice(0, 3) }), head(5)),
    refused("other-history", "A head that the verifier knows is not in it.", plain, { atLeast: toJson({ size: 5, root: headOf(4).root }) }),
    refused("by-another-agents-log", "By another agent's log.", plain, known(inceptionOf("bob"))),
    refused("void", "The key was rotated away for compromise since.", plain, known(recovered(start, "alice saved"))),
    refused("cut-off", "Certified under an event that was cut off.", exportOf(one), known(recovered(start, "alice saved"))),
    refused("unknown-head", "Certified under an event that the verifier's log does not have.", exportOf(one), known(start)),
    refused("event-head-differs", "An event of this record carries a head of other entries.", exportOf(foreign)),
    refused("empty", "Without entries.", exportOf(start, { entries: [] })),
    refused("nothing", "No line.", ""),
    refused(
      "root-differs",
      "Entries that the certificate does not cover.",
      exportOf(start, { auditHead: headOf(6, entries.toReversed()) }),
    ),
    refused("too-few", "The last entry is missing.", joined(lines.slice(0, -1))),
    refused("too-many", "An entry twice.", joined([...lines, lines.at(-1) as string])),
    refused(
      "order",
      "Two entries in the other order.",
      joined([...lines.slice(0, 2), lines[3] as string, lines[2] as string, ...lines.slice(4)]),
    ),
    refused("no-line-end", "The last line has no end.", plain.slice(0, -1)),
    refused("blank-line", "An empty line at the end.", `${plain}\n`),
    refused("carriage-returns", "Lines that end with a carriage return as well.", plain.replaceAll("\n", "\r\n")),
    refused("header-size", "The header says another size.", plain.replace('"size":6', '"size":7')),
    refused(
      "header-time",
      "The header says another time.",
      plain.replace(`"certifiedAt":${STORY_START}`, `"certifiedAt":${STORY_START + 1}`),
    ),
    refused("header-member", "A member more in the header.", plain.replace('"version":1,', '"version":1,"note":1,')),
    refused("header-version", "A later version.", plain.replace('"version":1,', '"version":2,')),
    refused("entry-kind", "Other words than the signed bytes.", plain.replace('"kind":"unlocked"', '"kind":"unlockex"')),
    refused("entry-blank", "A blank that the form does not have.", plain.replace('{"order":2', '{ "order":2')),
    refused("entry-escape", "A character written otherwise.", plain.replace("ñ", "\\u00f1")),
    refused("entry-number", "A number written otherwise.", plain.replace('"slot":1', '"slot":1.0')),
    refused("entry-member", "A member twice.", plain.replace('"order":1,', '"order":1,"order":1,')),
  ];
}
