/** Options of recoveries, from a backup and from a kit alone, checked before anything happens. */
import { checkPolicy, talosError } from "@talos/core";
import type { BackendName } from "../backends/index.ts";
import {
  check,
  isBoolean,
  isPassword,
  isText,
  POLICY_CHECKS,
  wholeNumber,
  type Check,
  type Checks,
  type OpenOptions,
  type PasswordSource,
} from "../options.ts";
import { isKit, type RecoveryKitChoice } from "./identity-plan/identity-options.ts";

/** As in `OpenOptions`. */
type PolicyOptions = Pick<OpenOptions, "signMessages" | "maxHeadAgeDays" | "trust" | "rotation">;

export interface RecoverOptions extends PolicyOptions {
  readonly backupPath: string;
  /** Any of the backup's. */
  readonly password: PasswordSource;
  /** Of the agent from now on, on this machine. Default: the one in the backup. */
  readonly name?: string;
  /** Default: `$XDG_DATA_HOME/talos/<name>`. Empty, or not there yet. */
  readonly dataDir?: string;
  /**
   * What opens the new data directory: a password, or one of the two below; default: the password in TALOS_KEY_PASSWORD. None of the backup's
   * passwords.
   */
  readonly newPassword?: PasswordSource;
  readonly keyFile?: string;
  readonly credential?: string;
  /** URL of the home directory from now on. Default: the one in the backup. */
  readonly directory?: string;
  /**
   * With another `directory` than the backup's: that one is gone for good, and no other one is left that had the agent's log. Without it such an
   * agent is held until one of them has answered. What any of them says counts all the same. On record.
   */
  readonly formerDirectoryGone?: boolean;
  /** Refuse another agent's backup. */
  readonly did?: string;
  /** Used where the identity has moved on since the backup was made, and only there; the options below go with it. */
  readonly recoveryKit?: RecoveryKitChoice;
  /**
   * The last event that is the owner's own; what stands after it is cut off. Default: the directory's newest, where nothing contends with the
   * backup and nobody has revoked the agent. Not before the event that the backup was made at.
   */
  readonly cutAfter?: CutAfter | number;
  /** As in `RecoverIdentityOptions`; default `compromise`. */
  readonly reason?: "compromise" | "lost";
  /** With reason `compromise`: index into the audit tree of the life before, from which on it is in doubt. Default: the size of the backup's. */
  readonly suspectFrom?: number;
  /** Of fresh keys; those of the backup go where they were. */
  readonly keyBackend?: BackendName;
  /** As in `CreateOptions`. */
  readonly allowWeakPassword?: boolean;
}

export interface RecoverIdentityOptions extends PolicyOptions {
  readonly recoveryKit: RecoveryKitChoice;
  /** Of the agent from now on, on this machine. Default: the one in the kit. */
  readonly name?: string;
  /** Default: `$XDG_DATA_HOME/talos/<name>`. Empty, or not there yet. */
  readonly dataDir?: string;
  /** URL of a directory that has the agent's log; it becomes its home. */
  readonly directory: string;
  /** Refuse another agent's kit. */
  readonly did?: string;
  /** What opens the new data directory: a password, or one of the two below. */
  readonly newPassword?: PasswordSource;
  readonly keyFile?: string;
  readonly credential?: string;
  /**
   * The last event that is the owner's own; what stands after it is cut off. With the hash from `recoveryOutlook` it is that event and no
   * other; by its number alone it is the one that the directory has in that place now. Needed where there is a choice.
   */
  readonly cutAfter?: CutAfter | number;
  /**
   * With reason `compromise`: index into the audit tree of the life before, from which on what stands on record is in doubt. Default: where the
   * first of the events since the last recovery event says that the record stood; of the record itself nothing is left.
   */
  readonly suspectFrom?: number;
  /** `compromise`: nothing made with the former keys counts any more; `lost`: sessions of peers go on. Default `compromise`. */
  readonly reason?: "compromise" | "lost";
  readonly keyBackend?: BackendName;
  /** As in `CreateOptions`. */
  readonly allowWeakPassword?: boolean;
}

export interface CutAfter {
  readonly seq: number;
  /** 64 hexadecimal digits, as in `RecoveryOutlook`. */
  readonly hash: string;
}

/** One of kit, DID and backup is needed. */
export interface OutlookOptions {
  /** Then all those are asked whom a recovery from it asks: its home, homes before, and directories of its peers. */
  readonly backup?: { readonly path: string; readonly password: PasswordSource };
  /** Its password is not needed. */
  readonly recoveryKit?: { readonly path: string };
  readonly did?: string;
  /** URL of a directory that has the agent's log. Needed without a backup; default: the home that the backup names. */
  readonly directory?: string;
}

const MAX_SEQ = 9_999;

const MAX_AUDIT_INDEX = 2 ** 32;

const isSeq: Check = wholeNumber(0, MAX_SEQ);
const isCutAfter: Check = (value) => {
  if (typeof value !== "object" || value === null) return isSeq(value);
  const { seq, hash, ...others } = value as Record<string, unknown>;
  return isSeq(seq) && typeof hash === "string" && /^[0-9a-f]{64}$/.test(hash) && Object.keys(others).length === 0;
};
const isReason: Check = (value) => value === "compromise" || value === "lost";
const isBackend: Check = (value) => typeof value === "string" && ["software", "hsm", "tpm", "sgx", "nitro"].includes(value);
const isPath: Check = (value) => typeof value === "object" && value !== null && isText((value as Record<string, unknown>)["path"]);

const IDENTITY_ALONE: Checks<RecoverIdentityOptions> = {
  recoveryKit: isKit,
  name: isText,
  dataDir: isText,
  directory: isText,
  did: isText,
  newPassword: isPassword,
  keyFile: isText,
  credential: isText,
  cutAfter: isCutAfter,
  suspectFrom: wholeNumber(0, MAX_AUDIT_INDEX),
  reason: isReason,
  keyBackend: isBackend,
  allowWeakPassword: isBoolean,
  ...POLICY_CHECKS,
};
const RECOVER_FROM_BACKUP: Checks<RecoverOptions> = {
  ...IDENTITY_ALONE,
  backupPath: isText,
  password: isPassword,
  formerDirectoryGone: isBoolean,
};
const WITH_KIT = ["cutAfter", "reason", "suspectFrom"] as const;
const isBackup: Check = (value) => isPath(value) && isPassword((value as Record<string, unknown>)["password"]);
const OUTLOOK: Checks<OutlookOptions> = { backup: isBackup, recoveryKit: isPath, did: isText, directory: isText };

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkRecoverIdentityOptions(options: unknown): RecoverIdentityOptions {
  const checked = requireDoubt(requireGiven(check<RecoverIdentityOptions>(options, IDENTITY_ALONE), ["recoveryKit", "directory"]));
  checkPolicy(checked.rotation);
  return checked;
}

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkRecoverOptions(options: unknown): RecoverOptions {
  const checked = requireDoubt(requireGiven(check<RecoverOptions>(options, RECOVER_FROM_BACKUP), ["backupPath", "password"]));
  checkPolicy(checked.rotation);
  const alone = checked.recoveryKit === undefined ? WITH_KIT.find((name) => checked[name] !== undefined) : undefined;
  if (alone === undefined) return checked;
  throw talosError("INVALID_ARGUMENT", `The option ${alone} goes with a recovery kit: without one no event is made.`, {
    details: { option: alone },
  });
}

function requireDoubt<T extends Pick<RecoverIdentityOptions, "suspectFrom" | "reason">>(options: T): T {
  if (options.suspectFrom === undefined || options.reason !== "lost") return options;
  throw talosError("INVALID_ARGUMENT", "Nothing is in doubt of keys that are lost: suspectFrom goes with the reason compromise.", {
    details: { option: "suspectFrom" },
  });
}

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkOutlookOptions(options: unknown): OutlookOptions {
  const checked = check<OutlookOptions>(options, OUTLOOK);
  return checked.backup === undefined ? requireGiven(checked, ["directory"]) : checked;
}

function requireGiven<T extends object>(options: T, names: readonly (keyof T & string)[]): T {
  for (const name of names) {
    if (options[name] === undefined) throw talosError("INVALID_ARGUMENT", `The option ${name} is needed.`, { details: { option: name } });
  }
  return options;
}
