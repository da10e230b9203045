/** Options of what is done with a recovery kit, checked before anything happens. Texts of errors name the option, never its value. */
import { SecretBytes, talosError } from "@talos/core";
import type { InspectOptions, NewRecoveryKit, PasswordSource } from "../options.ts";

/** A kit that is there. */
export interface RecoveryKitFile {
  readonly path: string;
  readonly password: PasswordSource;
}

export interface CreateRecoveryKitOptions extends NewRecoveryKit {
  /** Take a password that can be guessed, for a trial. Default false. */
  readonly allowWeakPassword?: boolean;
  /** Make the event without a directory's word: another copy of the agent could then make one in the same place. Default false. */
  readonly offline?: boolean;
}

/** Which agent, what opens it (else nothing is recorded), and the kit. */
export interface CheckRecoveryKitOptions extends InspectOptions {
  readonly recoveryKit: RecoveryKitFile;
}

export interface SplitRecoveryKitOptions extends RecoveryKitFile {
  /** 2 to 255 */
  readonly shares: number;
  /** How many of them give the kit back, 2 to `shares`. */
  readonly threshold: number;
  /** A folder; made where it is none. */
  readonly outputDir: string;
}

export interface JoinRecoverySharesOptions extends NewRecoveryKit {
  /** Paths of share files, in any order; more than it takes may be given. */
  readonly shares: readonly string[];
  /** As in `CreateRecoveryKitOptions`. */
  readonly allowWeakPassword?: boolean;
}

type Check = (value: unknown) => boolean;
type Checks<T> = { readonly [K in keyof Required<T>]: Check };

const isBoolean: Check = (value) => value === undefined || typeof value === "boolean";
const isText: Check = (value) => typeof value === "string" && value !== "";
const isPassword: Check = (value) => typeof value === "string" || value instanceof SecretBytes || typeof value === "function";
const isNumber: Check = (value) => typeof value === "number" && Number.isSafeInteger(value);
const isTexts: Check = (value) => Array.isArray(value) && value.every(isText);

const FILE: Checks<RecoveryKitFile> = { path: isText, password: isPassword };
const CREATE: Checks<CreateRecoveryKitOptions> = { ...FILE, allowWeakPassword: isBoolean, offline: isBoolean };
const SPLIT: Checks<SplitRecoveryKitOptions> = { ...FILE, shares: isNumber, threshold: isNumber, outputDir: isText };
const JOIN: Checks<JoinRecoverySharesOptions> = { ...FILE, shares: isTexts, allowWeakPassword: isBoolean };

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkKitFile(options: unknown): RecoveryKitFile {
  return check<RecoveryKitFile>(options, FILE);
}

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkCreateKitOptions(options: unknown): CreateRecoveryKitOptions {
  return check<CreateRecoveryKitOptions>(options, CREATE);
}

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkSplitOptions(options: unknown): SplitRecoveryKitOptions {
  return check<SplitRecoveryKitOptions>(options, SPLIT);
}

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkJoinOptions(options: unknown): JoinRecoverySharesOptions {
  return check<JoinRecoverySharesOptions>(options, JOIN);
}

/** Every option has its check, and the check of a needed one refuses its absence. */
function check<T extends object>(options: unknown, checks: Checks<T>): T {
  if (typeof options !== "object" || options === null || Array.isArray(options)) throw invalid("options");
  const given = options as Partial<Record<string, unknown>>;
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(checks, name)) throw talosError("UNKNOWN_OPTION", undefined, { details: { option: name } });
  }
  for (const [name, isFine] of Object.entries<Check>(checks)) if (!isFine(given[name])) throw invalid(name);
  return options as T;
}

function invalid(option: string): Error {
  return talosError("INVALID_ARGUMENT", `The option ${option} is missing, or has a value that is not allowed.`, { details: { option } });
}
