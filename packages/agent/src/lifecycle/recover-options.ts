/** Options of a recovery from a kit alone, checked before anything happens. */
import { talosError } from "@talos/core";
import type { BackendName } from "../backends/index.ts";
import { check, isBoolean, isPassword, isText, wholeNumber, type Check, type Checks, type PasswordSource } from "../options.ts";
import { isKit, type RecoveryKitChoice } from "./identity-plan/identity-options.ts";

export interface RecoverIdentityOptions {
  readonly recoveryKit: RecoveryKitChoice;
  /** Of the agent from now on, on this machine. Default: the one in the kit. */
  readonly name?: string;
  /** Default: `$XDG_DATA_HOME/talos/<name>`. No agent may be there. */
  readonly dataDir?: string;
  /** URL of a directory that has the agent's log; it becomes its home. */
  readonly directory: string;
  /** Refuse another agent's kit. */
  readonly did?: string;
  /** What opens the new data directory: a password, or one of the two below. */
  readonly newPassword?: PasswordSource;
  readonly keyFile?: string;
  readonly credential?: string;
  /** The last event that is the owner's own, by its number; what stands after it is cut off. Default: the head. */
  readonly cutAfter?: number;
  /** `compromise`: nothing made with the former keys counts any more; `lost`: sessions of peers go on. Default `compromise`. */
  readonly reason?: "compromise" | "lost";
  readonly keyBackend?: BackendName;
  /** As in `CreateOptions`. */
  readonly allowWeakPassword?: boolean;
}

/** One of kit and DID is needed. */
export interface OutlookOptions {
  /** Its password is not needed. */
  readonly recoveryKit?: { readonly path: string };
  readonly did?: string;
  /** URL of a directory that has the agent's log. */
  readonly directory: string;
}

const MAX_SEQ = 9_999;

const isReason: Check = (value) => value === "compromise" || value === "lost";
const isBackend: Check = (value) => typeof value === "string" && ["software", "hsm", "tpm", "sgx", "nitro"].includes(value);
const isPath: Check = (value) => typeof value === "object" && value !== null && isText((value as Record<string, unknown>)["path"]);

const RECOVER: Checks<RecoverIdentityOptions> = {
  recoveryKit: isKit,
  name: isText,
  dataDir: isText,
  directory: isText,
  did: isText,
  newPassword: isPassword,
  keyFile: isText,
  credential: isText,
  cutAfter: wholeNumber(0, MAX_SEQ),
  reason: isReason,
  keyBackend: isBackend,
  allowWeakPassword: isBoolean,
};
const OUTLOOK: Checks<OutlookOptions> = { recoveryKit: isPath, did: isText, directory: isText };

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkRecoverIdentityOptions(options: unknown): RecoverIdentityOptions {
  return requireGiven(check<RecoverIdentityOptions>(options, RECOVER), ["recoveryKit", "directory"]);
}

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkOutlookOptions(options: unknown): OutlookOptions {
  return requireGiven(check<OutlookOptions>(options, OUTLOOK), ["directory"]);
}

function requireGiven<T extends object>(options: T, names: readonly (keyof T & string)[]): T {
  for (const name of names) {
    if (options[name] === undefined) throw talosError("INVALID_ARGUMENT", `The option ${name} is needed.`, { details: { option: name } });
  }
  return options;
}
