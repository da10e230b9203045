/** The audit as text. Knows no vault. */
import { AUDIT_THEMES, type AuditCheck, type AuditReview, type AuditTheme, type ExportCheck } from "@talos/agent";
import type { AuditEntry } from "@talos/core";
import { formatTime } from "./moments.ts";
import { formatTable, printable } from "./table.ts";

const TITLES: Readonly<Record<AuditTheme, string>> = {
  access: "Who came in, and by which ways",
  keys: "What became of keys",
  signed: "What was signed",
  peers: "What was heard of peers",
  recovery: "Recovery and emergencies",
  other: "Of a newer version",
};

/** A certificate a day and one an opening make no news by themselves. */
const SHOWN_ALIKE = 20;

/** A line per entry. */
export function entryLines(entries: readonly AuditEntry[]): string[] {
  if (entries.length === 0) return ["Nothing is on record."];
  const rows = entries.map((entry) => [`${entry.order}`, formatTime(entry.at), `${entry.generation}`, entry.kind, detailsOf(entry)]);
  return formatTable(["ENTRY", "TIME", "OPENING", "WHAT", "DETAILS"], rows);
}

export function checkLines({ sound, entries, signed, notYetSigned, earlierRecord, problems }: AuditCheck): string[] {
  const covered = signed === undefined ? "no certificate yet" : `${signed.entries} by the certificate of ${formatTime(signed.at)}`;
  return [
    sound ? `The audit is whole: ${entries} entries.` : `The audit is NOT what was signed: ${entries} entries.`,
    `signed  ${covered}; ${notYetSigned} not yet`,
    ...(earlierRecord.length === 0 ? [] : [`earlier events ${earlierRecord.join(", ")} name a record that was lost before this one began`]),
    ...problems.map(({ code, message }) => `problem ${code}: ${printable(message)}`),
  ];
}

/** What was found of an export that somebody handed over. */
export function exportLines({ did, entries, certifiedAt, earlierRecord, seq, comparedWith, logSeq }: ExportCheck): string[] {
  const former = logSeq > seq ? `; the key of event ${seq} that signed is a former one, and not void` : "";
  return [
    `The export is whole: ${entries} entries of ${did}, certified ${formatTime(certifiedAt)}.`,
    comparedWith === "export"
      ? `by the log in the file, up to event ${seq}; not compared with a directory`
      : `by the log ${LOG_SOURCES[comparedWith]}, up to event ${logSeq}${former}`,
    ...(earlierRecord.length === 0
      ? []
      : [
          `earlier events ${earlierRecord.join(", ")} name another record, lost before this one began if the time of its first entry is true`,
        ]),
  ];
}

const LOG_SOURCES = { directory: "at the directory", given: "that was given", known: "that this agent knows" } as const;

/** What happened, by theme; entries of one kind beyond some are counted. */
export function reviewLines(review: AuditReview, heading: (text: string) => string = (text) => text): string[] {
  const lines = [`${review.entries} entries since ${formatTime(review.since)}`];
  if (review.signedUnder.length > 0) {
    const rows = review.signedUnder.map((row) => [
      `${row.seq}`,
      `${row.certificates}`,
      `${row.batches}`,
      `${row.events}`,
      `${row.signatures}`,
      formatTime(row.firstAt),
      formatTime(row.lastAt),
    ]);
    lines.push("", heading("What each identity key signed"));
    lines.push(...formatTable(["KEY OF EVENT", "CERTIFICATES", "BATCHES", "EVENTS", "SIGNATURES", "FIRST", "LAST"], rows));
  }
  for (const theme of AUDIT_THEMES) lines.push(...themeLines(theme, review.themes[theme], heading));
  return lines;
}

function themeLines(theme: AuditTheme, entries: readonly AuditEntry[], heading: (text: string) => string): string[] {
  if (entries.length === 0) return [];
  const counts = new Map<string, number>();
  const shown = entries.filter(({ kind }) => {
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    return count <= SHOWN_ALIKE;
  });
  const rows = shown.map((entry) => [formatTime(entry.at), entry.kind, detailsOf(entry)]);
  const more = [...counts]
    .filter(([, count]) => count > SHOWN_ALIKE)
    .map(([kind, count]) => `${count - SHOWN_ALIKE} more of ${printable(kind)}`);
  return ["", heading(TITLES[theme]), ...formatTable(["TIME", "WHAT", "DETAILS"], rows), ...more];
}

/** Hashes are shortened: --json has them whole. */
function detailsOf({ details }: AuditEntry): string {
  return Object.entries(details)
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name} ${isTime(name) ? formatTime(Number(value)) : shortened(`${value}`)}`)
    .join(", ");
}

function isTime(name: string): boolean {
  return name === "from" || name === "to";
}

function shortened(value: string): string {
  return /^[0-9a-f]{64}$/.test(value) ? `${value.slice(0, 16)}...` : value;
}
