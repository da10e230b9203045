/**
 * The public options of `TalosClient`, checked before anything happens: an unknown name is UNKNOWN_OPTION (a misspelt
 * option must not mean its default), a wrong type or value INVALID_ARGUMENT. Error texts name the option, never its
 * value. Knows nothing of what the options do.
 */
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { SecretBytes, talosError, type TalosError } from "@talos/core";
import { parseDirectoryUrl } from "./directory/directory-url.ts";

/** A password, or a function that gives it (asked once, when it is needed). */
export type PasswordSource = string | SecretBytes | (() => string | SecretBytes | Promise<string | SecretBytes>);

export type BackendName = "software" | "hsm" | "tpm" | "sgx" | "nitro";

/** Who signs a message's content: the instance key (of this run), the identity key itself, or nobody. */
export type SignMessages = "instance" | "identity" | "none";

export interface OpenOptions {
  /** Default: `$XDG_DATA_HOME/talos/<name>`, else `~/.local/share/talos/<name>`. */
  readonly dataDir?: string;
  readonly password?: PasswordSource;
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
}

export interface CreateOptions extends OpenOptions {
  /** What to do when there is no agent in the data directory. Default `"create"`. */
  readonly ifMissing?: "create" | "fail";
  /** Not available in this release: refused by name. */
  readonly recoveryKit?: { readonly path: string; readonly password: PasswordSource };
}

export interface InspectOptions {
  readonly dataDir?: string;
  /** Checked when it is given. */
  readonly password?: PasswordSource;
  readonly expectAgentId?: string;
}

export interface SendOptions {
  /** At most 127 bytes. Default `text/plain; charset=utf-8` for a string, else `application/octet-stream`. */
  readonly contentType?: string;
  readonly sign?: SignMessages;
  /** Resolve only when the message has got so far; without it, once it is durable here. */
  readonly waitFor?: "deposited" | "delivered";
  /** Ends the waiting with DELIVERY_NOT_REACHED; the message stays in the outbox. */
  readonly signal?: AbortSignal;
}

export interface ReceiveOptions {
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
}

type Check = (value: unknown) => boolean;
type Checks<T> = { readonly [K in keyof Required<T>]: Check };

const isText: Check = (value) => typeof value === "string" && value.length > 0;
const isObject: Check = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isPassword: Check = (value) => typeof value === "string" || value instanceof SecretBytes || typeof value === "function";
const isSignal: Check = (value) => value instanceof AbortSignal;
const oneOf =
  (...allowed: readonly string[]): Check =>
  (value) =>
    typeof value === "string" && allowed.includes(value);
const wholeNumber =
  (min: number, max: number): Check =>
  (value) =>
    typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;

const INSPECT_CHECKS: Checks<InspectOptions> = { dataDir: isText, password: isPassword, expectAgentId: isText };

const OPEN_CHECKS: Checks<OpenOptions> = {
  ...INSPECT_CHECKS,
  directory: isText,
  keyBackend: oneOf("software", "hsm", "tpm", "sgx", "nitro"),
  hsmConfig: isObject,
  tpmConfig: isObject,
  enclavePath: isText,
  enclaveCid: wholeNumber(3, 4_294_967_295),
  signMessages: oneOf("instance", "identity", "none"),
  maxHeadAgeDays: wholeNumber(1, 365),
};

const CREATE_CHECKS: Checks<CreateOptions> = { ...OPEN_CHECKS, ifMissing: oneOf("create", "fail"), recoveryKit: isObject };

const SEND_CHECKS: Checks<SendOptions> = {
  contentType: (value) => typeof value === "string" && value.isWellFormed() && Buffer.byteLength(value) <= 127,
  sign: oneOf("instance", "identity", "none"),
  waitFor: oneOf("deposited", "delivered"),
  signal: isSignal,
};

const RECEIVE_CHECKS: Checks<ReceiveOptions> = { signal: isSignal };

function check<T extends object>(options: unknown, checks: Checks<T>): T {
  if (!isObject(options)) throw invalid("options", "The options are not an object.");
  for (const [name, value] of Object.entries(options as object)) {
    if (!Object.hasOwn(checks, name)) throw talosError("UNKNOWN_OPTION", undefined, { details: { option: name } });
    if (value !== undefined && !checks[name as keyof T](value)) throw invalid(name);
  }
  return options as T;
}

function invalid(option: string, message = `The option ${option} has a value that is not allowed.`): TalosError {
  return talosError("INVALID_ARGUMENT", message, { details: { option } });
}

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT, OPTION_NOT_AVAILABLE (recoveryKit) */
export function checkCreateOptions(options: unknown): CreateOptions {
  const checked = check<CreateOptions>(options, CREATE_CHECKS);
  if (checked.recoveryKit !== undefined) {
    throw talosError("OPTION_NOT_AVAILABLE", "This release cannot make a recovery kit yet; create the agent without one.", {
      details: { option: "recoveryKit" },
      hint: "Leave recoveryKit out; a kit can be added to the agent later.",
    });
  }
  checkDirectory(checked);
  return checked;
}

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkOpenOptions(options: unknown): OpenOptions {
  const checked = check<OpenOptions>(options, OPEN_CHECKS);
  checkDirectory(checked);
  return checked;
}

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkInspectOptions(options: unknown): InspectOptions {
  return check<InspectOptions>(options, INSPECT_CHECKS);
}

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkSendOptions(options: unknown): SendOptions {
  return check<SendOptions>(options, SEND_CHECKS);
}

/** @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT */
export function checkReceiveOptions(options: unknown): ReceiveOptions {
  return check<ReceiveOptions>(options, RECEIVE_CHECKS);
}

function checkDirectory(options: OpenOptions): void {
  if (options.directory !== undefined) parseDirectoryUrl(options.directory);
}

/** An agent's local name: it becomes a folder's name, so it cannot leave its parent. */
export function checkName(name: unknown): string {
  if (typeof name !== "string" || !/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) {
    throw talosError("INVALID_ARGUMENT", "An agent's name is 1 to 64 letters, digits, dots, dashes and underscores, and starts with a letter or digit.", {
      details: { argument: "name" },
    });
  }
  return name;
}

/** The folder that holds the agent, absolute. */
export function dataDirOf(name: string, options: { readonly dataDir?: string }): string {
  if (options.dataDir !== undefined) return resolve(options.dataDir);
  const base = process.env["XDG_DATA_HOME"];
  const root = base !== undefined && base.startsWith("/") ? base : join(homedir(), ".local", "share");
  return join(root, "talos", name);
}

/**
 * The password's bytes, in memory of their own: the caller's `SecretBytes` is copied, so disposing the result does not
 * touch it.
 *
 * @throws TalosError PASSWORD_REQUIRED when there is none or it is empty; INVALID_ARGUMENT for another type
 */
export async function readPassword(source: PasswordSource | undefined): Promise<SecretBytes> {
  const given = typeof source === "function" ? await source() : source;
  if (given === undefined || given === "") throw talosError("PASSWORD_REQUIRED");
  if (typeof given === "string") return SecretBytes.fromUtf8(given);
  if (!(given instanceof SecretBytes)) throw invalid("password");
  if (given.length === 0) throw talosError("PASSWORD_REQUIRED");
  return given.clone();
}
