/** The vault's own record of what happened to it: without gaps, each entry whole, times and generations never going back. */
import { CLOCK_SLACK_MILLISECONDS, isTalosError } from "@talos/core";
import { DATABASE_FILE } from "../vault/layout.ts";
import type { AuditEntry } from "../vault/store/audit.ts";
import { type DoctorFinding, finding } from "./finding.ts";
import type { StateLook } from "./look.ts";

export function checkAudit({ tx }: StateLook): DoctorFinding[] {
  const remedy = "Find out who can write to the folder. Compare with an untouched copy.";
  const damaged = (what: string): DoctorFinding =>
    finding("AUDIT_DAMAGED", { file: DATABASE_FILE, message: `The audit trail ${what}.`, remedy });
  let entries: readonly AuditEntry[];
  try {
    entries = tx.audit.list();
  } catch (error) {
    if (!isTalosError(error, "VAULT_CORRUPT")) throw error;
    return [damaged("has an entry that cannot be read")];
  }
  if (entries.length === 0) return [damaged("is empty, though making the agent writes the first entry")];
  const gap = entries.find(({ order }, index) => order !== index + 1);
  if (gap !== undefined) return [damaged(`has a gap before entry ${gap.order}`)];
  const back = entries.find((entry, index) => goesBack(entries[index - 1], entry));
  return back === undefined ? [] : [damaged(`goes back in time or generation at entry ${back.order}`)];
}

function goesBack(before: AuditEntry | undefined, entry: AuditEntry): boolean {
  if (before === undefined) return false;
  return entry.generation < before.generation || entry.at < before.at - CLOCK_SLACK_MILLISECONDS;
}
