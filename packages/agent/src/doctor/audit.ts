/** The agent's own record of what happened to it: whole, and the one that was signed; times only with the clock. */
import { CLOCK_SLACK_MILLISECONDS, isTalosError, type AuditEntry } from "@talos/core";
import { checkAudit as checkRecord } from "../audit/check-audit.ts";
import { DATABASE_FILE } from "../vault/keys/layout.ts";
import type { ReadTransaction } from "../vault/index.ts";
import { showTime } from "../vault/times.ts";
import { type DoctorFinding, finding } from "./finding.ts";
import type { StateLook } from "./look.ts";

/** The log has a check of its own. */
const OTHERS = ["log-invalid"];

export function checkAudit({ tx, facts, crypto }: StateLook): DoctorFinding[] {
  const { problems } = checkRecord(tx, facts.agentId, crypto);
  const [first] = problems.filter(({ code }) => !OTHERS.includes(code));
  if (first === undefined) return checkClockOf(tx);
  return [
    finding("AUDIT_DAMAGED", {
      file: DATABASE_FILE,
      message: `The audit is not what was written and signed. ${first.message}`,
      remedy:
        "Find out who can write to the folder. Compare with an untouched copy or an export; talos audit verify says all that differs.",
    }),
  ];
}

function checkClockOf(tx: ReadTransaction): DoctorFinding[] {
  const entries = readable(tx);
  const earlier = entries.find(({ at }, index) => at < (entries[index - 1]?.at ?? 0) - CLOCK_SLACK_MILLISECONDS);
  if (earlier === undefined) return [];
  return [
    finding("CLOCK_WENT_BACK", {
      file: DATABASE_FILE,
      message: `Entry ${earlier.order} of the audit is of ${showTime(earlier.at)}, earlier than the one before: the clock was wrong at one of the two.`,
      remedy: "Nothing needs to be done if the clock is right now: timedatectl status",
    }),
  ];
}

function readable(tx: ReadTransaction): readonly AuditEntry[] {
  try {
    return tx.audit.list();
  } catch (error) {
    if (!isTalosError(error, "VAULT_CORRUPT")) throw error;
    return [];
  }
}
