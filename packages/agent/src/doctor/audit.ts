/** The vault's own record of what happened to it: without gaps, each entry whole, generations never going back; times only with the clock. */
import { CLOCK_SLACK_MILLISECONDS, isTalosError } from "@talos/core";
import { DATABASE_FILE } from "../vault/keys/layout.ts";
import type { AuditEntry } from "../vault/store/audit.ts";
import { showTime } from "../vault/times.ts";
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
  const older = entries.find(({ generation }, index) => generation < (entries[index - 1]?.generation ?? 0));
  if (older !== undefined) return [damaged(`goes back in generation at entry ${older.order}`)];
  const earlier = entries.find(({ at }, index) => at < (entries[index - 1]?.at ?? 0) - CLOCK_SLACK_MILLISECONDS);
  if (earlier === undefined) return [];
  return [
    finding("CLOCK_WENT_BACK", {
      file: DATABASE_FILE,
      message: `Entry ${earlier.order} of the audit trail is of ${showTime(earlier.at)}, earlier than the one before: the clock was wrong at one of the two.`,
      remedy: "Nothing needs to be done if the clock is right now: timedatectl status",
    }),
  ];
}
