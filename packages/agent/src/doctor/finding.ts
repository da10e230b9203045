/**
 * What the doctor can find: a stable code for each, how grave it is, and whether the agent can be opened in spite of it. A finding is a
 * plain sentence and a remedy. Knows no check.
 */
import { join } from "node:path";
import { quote } from "../vault/permissions.ts";

/** `note`: nothing is wrong. `warning`: something needs attention. `error`: something is lost or in danger. */
export const SEVERITIES = ["note", "warning", "error"] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Where a code is one of the errors too, it means the same. Codes are stable: they may be added, never renamed. */
export const FINDING_SEVERITIES = {
  AGENT_REVOKED: "note",
  AUDIT_DAMAGED: "error",
  BACKUP_OUTDATED: "error",
  CERTIFICATE_EXPIRED: "note",
  CLOCK_BEHIND: "warning",
  CLOCK_IMPLAUSIBLE: "warning",
  CLOCK_WENT_BACK: "warning",
  FILE_LEFT_OVER: "note",
  FILE_MISPLACED: "note",
  FILE_SYSTEM_NETWORK: "warning",
  FILE_UNKNOWN: "warning",
  FILE_UNRELATED: "note",
  IDENTITY_MOVED: "error",
  KDF_BELOW_DEFAULT: "note",
  KDF_PARAMETERS_REFUSED: "error",
  KEY_DUE: "warning",
  KEY_EXPIRED: "warning",
  KEY_FILE_CORRUPT: "error",
  KEY_FILE_MISSING: "error",
  KEY_FILE_SWAPPED: "error",
  LOCK_DAMAGED: "error",
  LOCK_HELD: "note",
  LOCK_LEFT_BEHIND: "note",
  LOG_INVALID: "error",
  MAIL_KEPT: "note",
  METADATA_MISSING: "warning",
  METADATA_STALE: "warning",
  NEXT_KEY_LOST: "error",
  ONE_TIME_PREKEYS_LOW: "warning",
  OWNER_FOREIGN: "error",
  PERMISSIONS_TOO_OPEN: "error",
  QUARANTINE_NOT_EMPTY: "note",
  RECOVERY_UNCHECKED: "warning",
  RESCUE_NOT_POSSIBLE: "error",
  RESCUE_POSSIBLE: "note",
  ROW_DAMAGED: "error",
  SLOT_DAMAGED: "error",
  SLOT_ONLY_ONE: "note",
  SPACE_GONE: "error",
  SPACE_LOW: "warning",
  STORAGE_FAILED: "error",
  STATE_OLDER: "error",
  SUPERSEDED: "error",
  SYMLINK_REFUSED: "error",
  UNFINISHED: "note",
  UNSUPPORTED_VERSION: "error",
  VAULT_CORRUPT: "error",
  VAULT_FOREIGN: "error",
  VAULT_NOT_FOUND: "error",
  WRONG_PASSWORD: "error",
  WRONG_UNLOCK_KEY: "error",
} as const;

export type FindingCode = keyof typeof FINDING_SEVERITIES;

export interface DoctorFinding {
  readonly severity: Severity;
  readonly code: FindingCode;
  /** Relative to the data directory, `.` for the folder itself; absent where it is about no file. */
  readonly file?: string;
  /** One or two plain sentences. */
  readonly message: string;
  /** What to do, with the command where there is one. */
  readonly remedy: string;
  /** The agent cannot be opened before this is mended. */
  readonly preventsOpening: boolean;
}

export interface FindingText {
  readonly file?: string;
  readonly message: string;
  readonly remedy: string;
  readonly preventsOpening?: boolean;
}

export function finding(code: FindingCode, { preventsOpening = false, ...text }: FindingText): DoctorFinding {
  return { severity: FINDING_SEVERITIES[code], code, ...text, preventsOpening };
}

/** `talos VERB --data-dir PATH`, to be pasted into a shell. */
export function command(verb: string, dataDir: string): string {
  return `talos ${verb} --data-dir ${quote(dataDir)}`;
}

/** A path for a shell, of a file given relative to the data directory. */
export function pathFor(dataDir: string, file: string): string {
  return quote(join(dataDir, file));
}

export const NOTHING_TO_DO = "Nothing needs to be done.";
