/**
 * What `metadata.json` offers for a rescue: agent id, own log, unlock slots, name, home, whether the agent is held. Nothing of it is trusted: the log must verify
 * and be the agent's, every slot that is used must be whole and within the bounds for password hashing, and every size is bounded before it is read.
 */
import { join } from "node:path";
import {
  type AgentId,
  agentId,
  type Crypto,
  decodeUtf8,
  fromBase64Url,
  fromHex,
  type IdentityLog,
  isTalosError,
  talosError,
  type TalosError,
  verifyLog,
} from "@talos/core";
import { readFile, statPath } from "../files.ts";
import { METADATA_FILE } from "../keys/layout.ts";
import { decodeSlot, type SlotFields, type StoredSlot } from "../slots/slot-record.ts";
import type { HeldSettings } from "../store/settings.ts";

/** Ten thousand prekeys, a log at its longest, and room. */
const MAX_METADATA_BYTES = 16_000_000;
/** In the middle of a change of the vault key, the slots of both. */
const MAX_STORED_SLOTS = 16;
/** One more, of the next opening, is a safe integer too: none can lock its owner out. */
const MAX_GENERATION: number = Number.MAX_SAFE_INTEGER - 1;

export interface RescueSlot extends StoredSlot {
  readonly fields: SlotFields;
}

export interface RescueSource {
  /** Proved by the log. */
  readonly agentId: AgentId;
  readonly log: IdentityLog;
  readonly name: string;
  readonly createdAt: number;
  /** As of the last time the file was written. */
  readonly generation: number;
  /** URL of the home directory; unproved. */
  readonly directory: string | undefined;
  /** Unproved. Whatever stands there, the agent is held. */
  readonly held: HeldSettings | undefined;
  readonly slots: readonly RescueSlot[];
  /** The file itself, to see whether it is still the same. */
  readonly bytes: Uint8Array;
}

/**
 * @throws TalosError RESCUE_NOT_POSSIBLE where the file is missing or is not what it must be (`details.reason`), LOG_INVALID and others of
 *   `verifyLog` where the log is not this agent's, KDF_PARAMETERS_REFUSED, UNSUPPORTED_VERSION, STORAGE_FAILED
 */
export function readRescueSource(dataDir: string, crypto: Crypto, now: number): RescueSource {
  const file = readBounded(dataDir);
  const fields = parseObject(file);
  const format = fields["format"];
  if (typeof format === "number" && format > 1) throw talosError("UNSUPPORTED_VERSION", undefined, { details: { file: METADATA_FILE } });
  if (format !== 1) throw broken("format");
  const claimed = idOf(fields["agentId"]);
  const log = verifyLog(undefined, listOf(fields["log"], "log"), now, crypto, claimed).log;
  return {
    agentId: log.agentId,
    log,
    name: nameOf(fields["name"]),
    createdAt: wholeNumber(fields["createdAt"], "createdAt", Number.MAX_SAFE_INTEGER),
    generation: wholeNumber(fields["generation"], "generation", MAX_GENERATION),
    directory: directoryOf(fields["directory"]),
    held: heldOf(fields["held"]),
    slots: slotsOf(fields["slots"], crypto),
    bytes: file,
  };
}

function readBounded(dataDir: string): Uint8Array {
  const path = join(dataDir, METADATA_FILE);
  const stats = statPath(path);
  if (stats === undefined) throw notPossible("metadata.json is missing, and with it the copy of the unlock slots.", "missing");
  if (!stats.isFile()) throw broken("no file");
  if (stats.size > MAX_METADATA_BYTES) throw broken("too large");
  return readFile(path) ?? new Uint8Array();
}

function parseObject(file: Uint8Array): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(decodeUtf8(file));
  } catch {
    throw broken("not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw broken("not JSON");
  return value as Record<string, unknown>;
}

function idOf(value: unknown): AgentId {
  try {
    return agentId(fromHex(value as string));
  } catch {
    throw broken("agentId");
  }
}

function nameOf(value: unknown): string {
  if (typeof value !== "string" || value === "" || value.length > 64 || /\p{Cc}/u.test(value)) throw broken("name");
  return value;
}

function directoryOf(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "string" || value.length > 2048 || !URL.canParse(value)) throw broken("directory");
  return value;
}

/** Only what is not there says that the agent is not held: a mark that cannot be read holds it too. */
function heldOf(value: unknown): HeldSettings | undefined {
  if (value === undefined) return undefined;
  const { mark, places } = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  return { mark: settingOf(mark) ?? "", places: settingOf(places) };
}

function settingOf(value: unknown): string | undefined {
  return value === undefined || typeof value === "string" ? value : JSON.stringify(value);
}

function wholeNumber(value: unknown, field: string, max: number): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1 || value > max) throw broken(field);
  return value;
}

/** How many and how large the events may be is `verifyLog`'s to say. */
function listOf(value: unknown, field: string): Uint8Array[] {
  if (!Array.isArray(value)) throw broken(field);
  try {
    return value.map((item) => fromBase64Url(item as string));
  } catch {
    throw broken(field);
  }
}

/** As at opening, one that is damaged keeps nobody out who has another one. */
function slotsOf(value: unknown, crypto: Crypto): RescueSlot[] {
  if (!Array.isArray(value) || value.length > MAX_STORED_SLOTS) throw broken("slots");
  let refusal: TalosError = broken("slots");
  const slots = value.flatMap((item: unknown, index) => {
    try {
      const record = fromBase64Url(item as string);
      return [{ number: index + 1, record, fields: decodeSlot(record, crypto) }];
    } catch (error) {
      if (isTalosError(error, "KDF_PARAMETERS_REFUSED")) refusal = error;
      return [];
    }
  });
  if (slots.length === 0) throw refusal;
  return slots;
}

function broken(reason: string): TalosError {
  return notPossible("metadata.json is not what Talos Keys wrote: it is damaged or was changed.", reason);
}

export function notPossible(message: string, reason: string, details: Readonly<Record<string, string | number>> = {}): TalosError {
  return talosError("RESCUE_NOT_POSSIBLE", message, { details: { reason, ...details } });
}
