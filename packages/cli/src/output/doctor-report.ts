/** What the doctor found, as text: what was checked, then each finding with its remedy, then the verdict. Knows no check. */
import type { CheckResult, DoctorFinding, DoctorReport } from "@talos/agent";
import { formatTime } from "./moments.ts";
import { formatTable, printable } from "./table.ts";

/** A hundred alike say no more than three; `--json` has each. */
const SHOWN_ALIKE = 3;
const INDENT = "  ";

const VERDICTS: Readonly<Record<DoctorReport["worst"], string>> = {
  sound: "Sound: nothing needs attention.",
  warning: "The agent works; something needs attention.",
  error: "The agent can be opened, but something is lost or in danger.",
  "cannot-be-opened": "The agent cannot be opened like this.",
};

export function doctorLines(report: DoctorReport, heading: (text: string) => string = (text) => text): string[] {
  const { did, name, dataDir, checkedAt, unlocked, checks } = report;
  return [
    heading(did === undefined ? "no agent could be read" : `${printable(name ?? "")}  ${did}`),
    `data directory ${printable(dataDir)}`,
    `checked ${formatTime(checkedAt)}, ${unlocked ? "opened" : "without opening it"}`,
    ...countLines(report),
    "",
    ...formatTable(
      ["CHECK", "RESULT"],
      checks.map((check) => [check.name, resultOf(check)]),
    ),
    ...findingLines(report.findings),
    "",
    VERDICTS[report.worst],
  ];
}

function countLines({ counts }: DoctorReport): string[] {
  if (counts === undefined) return [];
  const { oneTimePrekeys, sessions, outbox, inbox, peers, unlockSlots } = counts;
  return [
    `${oneTimePrekeys} one-time prekeys, ${sessions} sessions, ${peers} peers, ${outbox} in the outbox, ${inbox} in the inbox, ${unlockSlots} ways in`,
  ];
}

function resultOf({ outcome, because, findings }: CheckResult): string {
  if (outcome === "not-run") return `not run: ${because ?? ""}`;
  if (findings.length === 0) return "fine";
  const counts = (["error", "warning", "note"] as const)
    .map((severity) => ({ severity, count: findings.filter((one) => one.severity === severity).length }))
    .filter(({ count }) => count > 0);
  return counts.map(({ severity, count }) => `${count} ${severity}${count === 1 ? "" : "s"}`).join(", ");
}

function findingLines(findings: readonly DoctorFinding[]): string[] {
  const shown = new Map<string, number>();
  const lines: string[] = [];
  for (const { severity, code, file, message, remedy } of findings) {
    const alike = (shown.get(code) ?? 0) + 1;
    shown.set(code, alike);
    if (alike > SHOWN_ALIKE) continue;
    lines.push("", `${severity}: ${code}${file === undefined ? "" : `  ${printable(file)}`}`, `${INDENT}${printable(message)}`);
    lines.push(`${INDENT}remedy: ${printable(remedy)}`);
  }
  const rest = [...shown].filter(([, count]) => count > SHOWN_ALIKE);
  if (rest.length > 0) lines.push("");
  for (const [code, count] of rest) lines.push(`${count - SHOWN_ALIKE} more of ${code}; --json has each`);
  return lines;
}
