/** Options of the operations on an identity, checked before anything happens. Texts of errors name the option, never its value. */
import { MAX_MIGRATION_SECONDS } from "@talos/core";
import { check, isBoolean, isPassword, type Check, type Checks, type PasswordSource } from "../../options.ts";

export interface RotateIdentityOptions {
  /** How long peers accept what was signed under the key before, 0 to 30. Default 7. */
  readonly migrationDays?: number;
  /** Bring the event to every peer. Default true; peers also learn of it from the next message. */
  readonly notifyPeers?: boolean;
  /** Without a directory's word: another copy of the agent could then make an event in the same place. Default false. */
  readonly offline?: boolean;
}

export interface RecoveryKitChoice {
  readonly path: string;
  readonly password: PasswordSource;
}

export interface EmergencyRotateOptions {
  /** For the report and the audit, at most 200 characters. Default: "suspected compromise". */
  readonly reason?: string;
  /** True: the old key is compromised, and everything made with it ends; false: it is lost, and sessions go on. Default true. */
  readonly revokeOld?: boolean;
  readonly notifyPeers?: boolean;
  /** Without it a thief of the whole vault can contest the event. */
  readonly recoveryKit?: RecoveryKitChoice;
  /** Of the data directory from now on; without it the thief may know the password. */
  readonly newPassword?: PasswordSource;
  /** By this machine's clock: what the agent signed from then on is in doubt. A date, or milliseconds since 1970. */
  readonly suspectedSince?: Date | number;
  readonly offline?: boolean;
  /** As in `CreateOptions`. */
  readonly allowWeakPassword?: boolean;
}

export interface RevokeIdentityOptions {
  /** Default: "decommissioned". */
  readonly reason?: "decommissioned" | "compromise" | "lost";
  readonly recoveryKit?: RecoveryKitChoice;
  readonly notifyPeers?: boolean;
  readonly suspectedSince?: Date | number;
  readonly offline?: boolean;
}

const MAX_MIGRATION_DAYS = 30;
const DEFAULT_MIGRATION_DAYS = 7;
const DAY_SECONDS = 86_400;
const MAX_REASON_CHARACTERS = 200;
/** What a `Date` can say. */
const MAX_TIME = 8_640_000_000_000_000;

const isTime: Check = (value) => {
  const time = value instanceof Date ? value.getTime() : value;
  return typeof time === "number" && Number.isInteger(time) && time >= 0 && time <= MAX_TIME;
};
export const isKit: Check = (value) => {
  if (typeof value !== "object" || value === null) return false;
  const { path, password, ...others } = value as Record<string, unknown>;
  return typeof path === "string" && path !== "" && isPassword(password) && Object.keys(others).length === 0;
};

const ROTATE: Checks<RotateIdentityOptions> = {
  migrationDays: (value) => typeof value === "number" && value >= 0 && value <= MAX_MIGRATION_DAYS,
  notifyPeers: isBoolean,
  offline: isBoolean,
};
const EMERGENCY: Checks<EmergencyRotateOptions> = {
  reason: (value) =>
    typeof value === "string" && value !== "" && value.length <= MAX_REASON_CHARACTERS && value.isWellFormed() && !/\p{Cc}/u.test(value),
  revokeOld: isBoolean,
  notifyPeers: isBoolean,
  recoveryKit: isKit,
  newPassword: isPassword,
  suspectedSince: isTime,
  offline: isBoolean,
  allowWeakPassword: isBoolean,
};
const REVOKE: Checks<RevokeIdentityOptions> = {
  reason: (value) => value === "decommissioned" || value === "compromise" || value === "lost",
  recoveryKit: isKit,
  notifyPeers: isBoolean,
  suspectedSince: isTime,
  offline: isBoolean,
};

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkRotateIdentityOptions(options: unknown): RotateIdentityOptions {
  return check<RotateIdentityOptions>(options, ROTATE);
}

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkEmergencyRotateOptions(options: unknown): EmergencyRotateOptions {
  return check<EmergencyRotateOptions>(options, EMERGENCY);
}

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkRevokeIdentityOptions(options: unknown): RevokeIdentityOptions {
  return check<RevokeIdentityOptions>(options, REVOKE);
}

export function migrationSecondsOf({ migrationDays = DEFAULT_MIGRATION_DAYS }: RotateIdentityOptions): number {
  return Math.min(MAX_MIGRATION_SECONDS, Math.round(migrationDays * DAY_SECONDS));
}

/** milliseconds since 1970 */
export function timeOf(time: Date | number | undefined): number | undefined {
  return time instanceof Date ? time.getTime() : time;
}
