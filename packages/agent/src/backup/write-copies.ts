/**
 * Copies of a backup: each whole under its name, or not there at all. Written under another name beside it, synced, read back, and only then
 * given its name (place-copy.ts); what a crash leaves lies under such another name, and the next call removes it. Knows no seal and no vault.
 */
import { lstatSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { type AgentId, type Crypto, equalBytes, isTalosError, talosError, type TalosError, toHex, utf8 } from "@talos/core";
import { listFolder, readFile, unlinkQuietly, writeNewFile } from "../vault/files.ts";
import { mayBeRunning } from "../vault/lock.ts";
import { type MediumCalls, placeCopy, SYSTEM_CALLS } from "./place-copy.ts";
import type { FormerFile } from "./replaceable.ts";

/** Where copies go. */
export interface Destinations {
  /** Absolute. */
  readonly paths: readonly string[];
  /** By path, what may be replaced. */
  readonly former: ReadonlyMap<string, FormerFile>;
}

/** What became of the copies. */
export interface WrittenCopies {
  /** Those that are there, whole and durable. */
  readonly written: readonly string[];
  /** Those of them that have taken the place of another file. */
  readonly replaced: readonly string[];
  /**
   * STORAGE_FAILED, BACKUP_EXISTS or FILE_NOT_FOUND, with `details.path` of the copy that failed: what was there before is there again, and
   * none was written after it. `details.unverified` where the failed copy could not be taken away.
   */
  readonly failure: TalosError | undefined;
}

type CopyCrypto = Pick<Crypto, "sha256" | "randomBytes">;

const AGENT_CHARACTERS = 16;
const HOST_CHARACTERS = 8;
const CALL_BYTES = 4;
/** Whoever writes one on another machine has given up by then. */
const LONGEST_MILLISECONDS = 3_600_000;
/** After the name of the agent: host, process and call, and the number of the copy. */
const LEFT = /^[0-9a-f]{8}-[1-9][0-9]{0,9}-[0-9a-f]{8}-[0-9]{1,2}\.(?:new|old)$/;
/** What fsync(2) answers where folders cannot be synced: then the server, or nobody, answers for names. */
const NO_SYNC: readonly string[] = ["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"];

/**
 * Writes every copy beside its place first and reads it back, then gives each its name. Where one fails, those before it stay.
 *
 * @param agentId tells the leavings of this agent's calls from others'
 */
export function writeCopies(
  sealed: Uint8Array,
  { paths, former }: Destinations,
  agentId: AgentId,
  crypto: CopyCrypto,
  medium: MediumCalls = SYSTEM_CALLS,
): WrittenCopies {
  const names = namesFor(agentId, crypto);
  const copies = paths.map((path, index) => ({ path, temporary: join(dirname(path), `${names.call}${index + 1}.new`) }));
  const written: string[] = [];
  const replaced: string[] = [];
  let current = paths[0] ?? "";
  try {
    for (const { path, temporary } of copies) {
      current = path;
      removeLeavings(dirname(path), names, (name) => isOfEndedCall(name, names));
      writeNewFile(temporary, sealed);
      requireSame(temporary, sealed);
      const madeAt = lstatSync(temporary).mtimeMs;
      removeLeavings(dirname(path), names, (_, { mtimeMs }) => Math.abs(madeAt - mtimeMs) > LONGEST_MILLISECONDS);
    }
    for (const { path, temporary } of copies) {
      current = path;
      const placed = placeCopy(temporary, path, former.get(path), medium);
      try {
        syncNames(dirname(path), medium);
        requireSame(path, sealed);
      } catch (error) {
        throw placed.undo() || !isTalosError(error) ? error : unverified(error, path);
      }
      placed.settle();
      written.push(path);
      if (placed.hasReplaced) replaced.push(path);
    }
    return { written, replaced, failure: undefined };
  } catch (error) {
    if (!isTalosError(error)) throw error;
    return { written, replaced, failure: explained(error, current, written) };
  } finally {
    for (const { temporary } of copies) unlinkQuietly(temporary);
  }
}

interface Names {
  /** Of everything that any copy of the agent leaves. */
  readonly agent: string;
  /** Of what calls on this machine leave; the process follows. */
  readonly host: string;
  /** Of this call alone: two copies of an agent never write into one file. */
  readonly call: string;
}

function namesFor(agentId: AgentId, crypto: CopyCrypto): Names {
  const agent = `.talos-backup-${toHex(crypto.sha256(agentId)).slice(0, AGENT_CHARACTERS)}-`;
  const host = `${agent}${toHex(crypto.sha256(utf8(hostname()))).slice(0, HOST_CHARACTERS)}-`;
  return { agent, host, call: `${host}${process.pid}-${toHex(crypto.randomBytes(CALL_BYTES))}-` };
}

/** Of this process none is under way: a call ends in the turn that it begins in. */
function isOfEndedCall(name: string, { host }: Names): boolean {
  if (!name.startsWith(host)) return false;
  const pid = Number.parseInt(name.slice(host.length), 10);
  return pid === process.pid || !mayBeRunning({ pid, host: hostname() });
}

/** Only plain files under names of our own, of a call that is over. */
function removeLeavings(
  folder: string,
  { agent, call }: Names,
  isOver: (name: string, stats: { readonly mtimeMs: number }) => boolean,
): void {
  for (const name of listFolder(folder)) {
    if (!name.startsWith(agent) || name.startsWith(call) || !LEFT.test(name.slice(agent.length))) continue;
    const path = join(folder, name);
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats?.isFile() === true && isOver(name, stats)) unlinkQuietly(path);
  }
}

function requireSame(path: string, sealed: Uint8Array): void {
  const back = readFile(path);
  if (back !== undefined && equalBytes(back, sealed)) return;
  throw talosError("STORAGE_FAILED", "The backup could not be read back as it was written.", {
    hint: "Check the medium, or write it to another one.",
    details: { operation: "read back" },
  });
}

function syncNames(folder: string, medium: MediumCalls): void {
  try {
    medium.syncFolder(folder);
  } catch (error) {
    if (!isTalosError(error, "STORAGE_FAILED") || !NO_SYNC.includes(String(error.details["system"]))) throw error;
  }
}

function unverified(error: TalosError, path: string): TalosError {
  return talosError(error.code, error.message, {
    hint: `${error.hint} What lies there now could not be proved, and could not be taken away: do not rely on it.`,
    details: { ...error.details, unverified: path },
    cause: error,
  });
}

function explained(error: TalosError, path: string, written: readonly string[]): TalosError {
  const others = written.length === 0 ? "" : ` Copies that are whole and stay: ${written.join(", ")}.`;
  return talosError(error.code, error.code === "STORAGE_FAILED" ? "A copy of the backup could not be written." : error.message, {
    hint: `${error.hint}${others}`,
    details: { ...error.details, path, ...(written.length === 0 ? {} : { written: written.join(", ") }) },
    cause: error,
  });
}
