/** Options of making and verifying backups, checked before anything happens. Texts of errors name the option, never its value. */
import { talosError } from "@talos/core";
import { parseDirectoryUrl } from "../directory/directory-url.ts";
import { check, isBoolean, isPassword, isText, wholeNumber, type AgentChoice, type Check, type PasswordSource } from "../options.ts";

export interface ExportKeysOptions {
  /** Of the file, or of several copies, 1 to 16: best on media of their own; never in the data directory. Their folders exist. */
  readonly path: string | readonly string[];
  /** The backup's own, 1 to 4: each opens it by itself, and none of them opens the data directory. */
  readonly password: PasswordSource | readonly PasswordSource[];
  /** Replace files that are there. Default false. */
  readonly force?: boolean;
  /** Take a password that can be guessed, for a trial. Well-known defaults are refused all the same. Default false. */
  readonly allowWeakPassword?: boolean;
}

export interface VerifyBackupOptions {
  readonly path: string;
  /** Any of its passwords. */
  readonly password: PasswordSource;
}

/** With a name or data directory it is compared with the log there, with a directory with the log there; else with nothing. */
export interface VerifyBackupAloneOptions extends VerifyBackupOptions, AgentChoice {
  /** URL of a directory that has the agent's log. */
  readonly directory?: string;
}

/**
 * A restoration that is tried by itself, again and again. The password is asked for each time: a `SecretBytes` has to live as long as that goes
 * on, a function gives a new one.
 */
export interface BackupDrillOptions extends VerifyBackupOptions {
  /** 1 to 365. Default 30. */
  readonly everyDays?: number;
}

export interface MaintenanceOptions {
  /** Try a restoration of what lies at that path, again and again; what comes of it is on record and in `status`, and an event `backupDrill`. */
  readonly backupDrill?: BackupDrillOptions;
}

export const DEFAULT_DRILL_DAYS = 30;
const MAX_DRILL_DAYS = 365;
const MAX_COPIES = 16;
const MAX_PASSWORDS = 4;

const upTo =
  (most: number, one: Check): Check =>
  (value) =>
    Array.isArray(value) ? value.length >= 1 && value.length <= most && Array.from(value).every(one) : one(value);

/** What was checked is what is used: a caller may change his own meanwhile. */
function ownCopy(options: unknown): unknown {
  if (typeof options !== "object" || options === null || Array.isArray(options)) return options;
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => [name, Array.isArray(value) ? Array.from<unknown>(value) : (value as unknown)]),
  );
}

const FILE = { path: isText, password: isPassword };
const ALONE = { ...FILE, name: isText, dataDir: isText, directory: isText };

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkExportOptions(options: unknown): ExportKeysOptions {
  const path = upTo(MAX_COPIES, isText);
  const password = upTo(MAX_PASSWORDS, isPassword);
  return requireFile(check<ExportKeysOptions>(ownCopy(options), { path, password, force: isBoolean, allowWeakPassword: isBoolean }));
}

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkVerifyOptions(options: unknown): VerifyBackupOptions {
  return requireFile(check<VerifyBackupOptions>(ownCopy(options), FILE));
}

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkVerifyAloneOptions(options: unknown): VerifyBackupAloneOptions {
  const checked = requireFile(check<VerifyBackupAloneOptions>(ownCopy(options), ALONE));
  if (checked.directory !== undefined) parseDirectoryUrl(checked.directory);
  return checked;
}

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkMaintenanceOptions(options: unknown): MaintenanceOptions {
  const checked = check<MaintenanceOptions>(options, { backupDrill: (value) => typeof value === "object" && value !== null });
  const { backupDrill: drill } = checked;
  if (drill !== undefined) requireFile(check<BackupDrillOptions>(drill, { ...FILE, everyDays: wholeNumber(1, MAX_DRILL_DAYS) }));
  return checked;
}

function requireFile<T extends { readonly path: unknown; readonly password: unknown }>(options: T): T {
  for (const name of ["path", "password"] as const) {
    if (options[name] === undefined) throw talosError("INVALID_ARGUMENT", `The option ${name} is needed.`, { details: { option: name } });
  }
  return options;
}
