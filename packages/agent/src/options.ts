/**
 * The public options of `TalosClient`, checked before anything happens: an unknown name is UNKNOWN_OPTION (a misspelt
 * option must not mean its default), a wrong type or value INVALID_ARGUMENT. Error texts name the option, never its
 * value. Knows nothing of what the options do.
 */
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { checkPolicy, SecretBytes, talosError, type RotationPolicy, type TalosError } from "@talos/core";
import type { BackendName } from "./backends/index.ts";
import { parseDirectoryUrl } from "./directory/directory-url.ts";

/** A password, or a function that gives it (asked once, when it is needed). As `SecretBytes`: UTF-8, in any Unicode form. */
export type PasswordSource = string | SecretBytes | (() => string | SecretBytes | Promise<string | SecretBytes>);

/** Who signs a message's content: the instance key (of this run), the identity key itself, or nobody. */
export type SignMessages = "instance" | "identity" | "none";

export type TrustPolicy = "first-use" | "verified-only";

/** Which agent is meant: one of the two is needed, and a name that is given must be the agent's. */
export interface AgentChoice {
  readonly name?: string;
  /** Default: `$XDG_DATA_HOME/talos/<name>`, else `~/.local/share/talos/<name>`. */
  readonly dataDir?: string;
}

/** What opens the data directory: exactly one of them. */
export interface UnlockOptions {
  readonly password?: PasswordSource;
  /** Path of a file of 32 to 1024 bytes, its user's alone (0600 or stricter). */
  readonly keyFile?: string;
  /** Name of a systemd credential of 32 to 1024 bytes, a file under `$CREDENTIALS_DIRECTORY`. */
  readonly credential?: string;
}

/** A recovery kit that is to be made. */
export interface NewRecoveryKit {
  /** Of a file that is not there yet, best on a medium of its own; never in the data directory. */
  readonly path: string;
  /** The kit's own: another one than what opens the data directory. */
  readonly password: PasswordSource;
}

interface CommonOptions extends UnlockOptions {
  /** URL of the home directory, `http(s)://host[:port]`. Default: the one used last. */
  readonly directory?: string;
  readonly keyBackend?: BackendName;
  readonly hsmConfig?: object;
  readonly tpmConfig?: object;
  readonly enclavePath?: string;
  readonly enclaveCid?: number;
  /** Refuse the data directory of another agent. A DID. */
  readonly expectAgentId?: string;
  /** Default `"instance"`; can be said for each message too. */
  readonly signMessages?: SignMessages;
  /** How old a peer's newest certificate may be for sending to it, in days, 1 to 365. Default 21. */
  readonly maxHeadAgeDays?: number;
  /**
   * `"first-use"`: a peer that is met for the first time is taken to be who it says. `"verified-only"`: nothing is sent to a peer, and
   * nothing taken from it, before `peers.verify`. Default `"first-use"`.
   */
  readonly trust?: TrustPolicy;
  /** When this agent's own keys are replaced; each within bounds (docs/operations/rotation.md). Default: `DEFAULT_ROTATION_POLICY`. */
  readonly rotation?: Partial<RotationPolicy>;
}

export interface OpenOptions extends CommonOptions, AgentChoice {}

export interface CreateOptions extends CommonOptions {
  /** Default: `$XDG_DATA_HOME/talos/<name>`, else `~/.local/share/talos/<name>`. */
  readonly dataDir?: string;
  /** What to do when there is no agent in the data directory. Default `"create"`. */
  readonly ifMissing?: "create" | "fail";
  /** Make a recovery kit with the agent; of one that is there already nothing is made. */
  readonly recoveryKit?: NewRecoveryKit;
  /** Take a password that can be guessed, for a trial. Well-known defaults are refused all the same. Default false. */
  readonly allowWeakPassword?: boolean;
}

/** What opens the data directory is needed for nothing here, and checked when it is given. */
export interface InspectOptions extends AgentChoice, UnlockOptions {
  readonly expectAgentId?: string;
}

export interface DoctorOptions extends AgentChoice, UnlockOptions {}

export interface RescueOptions extends AgentChoice, UnlockOptions {
  /** URL of the home directory, `http(s)://host[:port]`. Default: the one that the copy in metadata.json names. */
  readonly directory?: string;
}

export interface AddSlotOptions extends UnlockOptions {
  /** For people, at most 64 bytes. Default: of a credential its name, else empty. */
  readonly label?: string;
  /** As in `CreateOptions`. */
  readonly allowWeakPassword?: boolean;
}

export interface ChangePasswordOptions {
  readonly currentPassword: PasswordSource;
  readonly newPassword: PasswordSource;
  /** Make a new vault key and seal everything anew; all other ways in end. Default false. */
  readonly rekey?: boolean;
  /** As in `CreateOptions`. */
  readonly allowWeakPassword?: boolean;
}

export interface SendOptions {
  /** At most 127 bytes. Default `text/plain; charset=utf-8` for a string, else `application/octet-stream`. */
  readonly contentType?: string;
  readonly sign?: SignMessages;
  /** Resolve only when the message has got so far; without it, once it is durable here. */
  readonly waitFor?: "deposited" | "delivered";
  /** How long `waitFor` waits, 0 to 86,400; then DELIVERY_NOT_REACHED, and the message stays in the outbox. Default: no limit. */
  readonly timeoutSeconds?: number;
  /** Ends the waiting in the same way. */
  readonly signal?: AbortSignal;
}

export interface FlushOptions {
  /** 0 to 86,400. Default 10. */
  readonly timeoutSeconds?: number;
}

export interface ReceiveOptions {
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
  /**
   * Ends the iteration when the mailbox has been read to its end and nothing has come for so long, 0 to 86,400. Default: it
   * waits for ever.
   */
  readonly idleSeconds?: number;
}

export type Check = (value: unknown) => boolean;
export type Checks<T> = { readonly [K in keyof Required<T>]: Check };

export const isBoolean: Check = (value) => typeof value === "boolean";
export const isText: Check = (value) => typeof value === "string" && value.length > 0;
const isObject: Check = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
export const isPassword: Check = (value) => typeof value === "string" || value instanceof SecretBytes || typeof value === "function";
const isSignal: Check = (value) => value instanceof AbortSignal;
const oneOf =
  (...allowed: readonly string[]): Check =>
  (value) =>
    typeof value === "string" && allowed.includes(value);
export const wholeNumber: (min: number, max: number) => Check = (min, max) => (value) =>
  typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;

const seconds: Check = (value) => typeof value === "number" && value >= 0 && value <= 86_400;

const CHOICE_CHECKS: Checks<AgentChoice> = { name: isText, dataDir: isText };
const UNLOCK_CHECKS: Checks<UnlockOptions> = { password: isPassword, keyFile: isText, credential: isText };
const INSPECT_CHECKS: Checks<InspectOptions> = { ...CHOICE_CHECKS, ...UNLOCK_CHECKS, expectAgentId: isText };

/** How an open agent behaves. */
export const POLICY_CHECKS: Checks<Pick<CommonOptions, "signMessages" | "maxHeadAgeDays" | "trust" | "rotation">> = {
  signMessages: oneOf("instance", "identity", "none"),
  maxHeadAgeDays: wholeNumber(1, 365),
  trust: oneOf("first-use", "verified-only"),
  rotation: isObject,
};

const COMMON_CHECKS: Checks<CommonOptions> = {
  ...UNLOCK_CHECKS,
  ...POLICY_CHECKS,
  expectAgentId: isText,
  directory: isText,
  keyBackend: oneOf("software", "hsm", "tpm", "sgx", "nitro"),
  hsmConfig: isObject,
  tpmConfig: isObject,
  enclavePath: isText,
  enclaveCid: wholeNumber(3, 4_294_967_295),
};

const NEW_KIT_CHECKS: Checks<NewRecoveryKit> = { path: isText, password: isPassword };

const OPEN_CHECKS: Checks<OpenOptions> = { ...CHOICE_CHECKS, ...COMMON_CHECKS };

const CREATE_CHECKS: Checks<CreateOptions> = {
  ...COMMON_CHECKS,
  dataDir: isText,
  ifMissing: oneOf("create", "fail"),
  recoveryKit: isObject,
  allowWeakPassword: isBoolean,
};

const DOCTOR_CHECKS: Checks<DoctorOptions> = { ...CHOICE_CHECKS, ...UNLOCK_CHECKS };
const RESCUE_CHECKS: Checks<RescueOptions> = { ...DOCTOR_CHECKS, directory: isText };

const ADD_SLOT_CHECKS: Checks<AddSlotOptions> = {
  ...UNLOCK_CHECKS,
  label: (value) => typeof value === "string" && value.isWellFormed(),
  allowWeakPassword: isBoolean,
};

const CHANGE_PASSWORD_CHECKS: Checks<ChangePasswordOptions> = {
  currentPassword: isPassword,
  newPassword: isPassword,
  rekey: isBoolean,
  allowWeakPassword: isBoolean,
};

const SEND_CHECKS: Checks<SendOptions> = {
  contentType: (value) => typeof value === "string" && value.isWellFormed() && Buffer.byteLength(value) <= 127,
  sign: oneOf("instance", "identity", "none"),
  waitFor: oneOf("deposited", "delivered"),
  timeoutSeconds: seconds,
  signal: isSignal,
};

const RECEIVE_CHECKS: Checks<ReceiveOptions> = { signal: isSignal, idleSeconds: seconds };
const FLUSH_CHECKS: Checks<FlushOptions> = { timeoutSeconds: seconds };

/** For the options of one call, checked beside what they are for. @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function check<T extends object>(options: unknown, checks: Checks<T>): T {
  if (!isObject(options)) throw invalid("options", "The options are not an object.");
  for (const [name, value] of Object.entries(options as object)) {
    if (!Object.hasOwn(checks, name)) throw talosError("UNKNOWN_OPTION", undefined, { details: { option: name } });
    if (value !== undefined && !checks[name as keyof T](value)) throw invalid(name);
  }
  return options as T;
}

function requireGiven<T extends object>(options: T, names: readonly (keyof T & string)[]): void {
  for (const name of names) if (options[name] === undefined) throw invalid(name, `The option ${name} is needed.`);
}

function invalid(option: string, message = `The option ${option} has a value that is not allowed.`): TalosError {
  return talosError("INVALID_ARGUMENT", message, { details: { option } });
}

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkCreateOptions(options: unknown): CreateOptions {
  const checked = check<CreateOptions>(options, CREATE_CHECKS);
  checkPolicy(checked.rotation);
  if (checked.recoveryKit !== undefined) check<NewRecoveryKit>(checked.recoveryKit, NEW_KIT_CHECKS);
  if (checked.recoveryKit !== undefined) requireGiven(checked.recoveryKit, ["path", "password"]);
  checkDirectory(checked);
  return checked;
}

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkOpenOptions(options: unknown): OpenOptions {
  const checked = check<OpenOptions>(options, OPEN_CHECKS);
  checkDirectory(checked);
  checkPolicy(checked.rotation);
  return checked;
}

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkInspectOptions(options: unknown): InspectOptions {
  return check<InspectOptions>(options, INSPECT_CHECKS);
}

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkDoctorOptions(options: unknown): DoctorOptions {
  return check<DoctorOptions>(options, DOCTOR_CHECKS);
}

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkRescueOptions(options: unknown): RescueOptions {
  const checked = check<RescueOptions>(options, RESCUE_CHECKS);
  checkDirectory(checked);
  return checked;
}

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkAddSlotOptions(options: unknown): AddSlotOptions {
  return check<AddSlotOptions>(options, ADD_SLOT_CHECKS);
}

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkChangePasswordOptions(options: unknown): ChangePasswordOptions {
  return check<ChangePasswordOptions>(options, CHANGE_PASSWORD_CHECKS);
}

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkChoice(options: unknown): AgentChoice {
  return check<AgentChoice>(options, CHOICE_CHECKS);
}

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkSendOptions(options: unknown): SendOptions {
  return check<SendOptions>(options, SEND_CHECKS);
}

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkReceiveOptions(options: unknown): ReceiveOptions {
  return check<ReceiveOptions>(options, RECEIVE_CHECKS);
}

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkFlushOptions(options: unknown): FlushOptions {
  return check<FlushOptions>(options, FLUSH_CHECKS);
}

function checkDirectory(options: CommonOptions): void {
  if (options.directory !== undefined) parseDirectoryUrl(options.directory);
}

/** An agent's local name: it becomes a folder's name, so it cannot leave its parent. */
export function checkName(name: unknown): string {
  if (typeof name !== "string" || !/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) {
    throw talosError(
      "INVALID_ARGUMENT",
      "An agent's name is 1 to 64 letters, digits, dots, dashes and underscores, and starts with a letter or digit.",
      {
        details: { argument: "name" },
      },
    );
  }
  return name;
}

/**
 * The folder that holds the agent, absolute.
 *
 * @throws TalosError INVALID_ARGUMENT when neither folder nor name is given
 */
export function dataDirOf({ name, dataDir }: AgentChoice): string {
  if (dataDir !== undefined) return resolve(dataDir);
  if (name === undefined) throw invalid("dataDir", "The agent's data directory or its name is needed.");
  const base = process.env["XDG_DATA_HOME"];
  const root = base !== undefined && base.startsWith("/") ? base : join(homedir(), ".local", "share");
  return join(root, "talos", checkName(name));
}
