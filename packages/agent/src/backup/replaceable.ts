/**
 * What a backup may take the place of where somebody has asked for that: an older backup of the same agent, also one that is damaged, and an empty
 * file. Nothing else, whatever was typed: a recovery kit, a password file and another agent's data are files too. Reads only.
 */
import { type AgentId, type Crypto, equalBytes, isTalosError, talosError, type TalosError } from "@talos/core";
import { statPath } from "../vault/files.ts";
import { readBackupFile } from "./backup-file.ts";
import { judgeBackup, type KnownLog } from "./backup-standing.ts";
import { isFromLaterRelease } from "./damaged-backup.ts";
import { readBackupFacts } from "./seal-backup.ts";

/** What lay there when it was looked at: that file, as it was, and no other one is replaced. */
export interface FormerFile {
  readonly dev: number;
  readonly ino: number;
  readonly size: number;
  /** Of its last change, whatever it says of its time itself. */
  readonly ctimeMs: number;
  /** Of the backup that it is; absent of one that is damaged, and of an empty file. */
  readonly id?: string;
}

type Reason = "not-a-backup" | "other-agent" | "newer" | "other-branch" | "later-release";

/** The first byte of a backup (a list of six), and within how many the id of its agent stands. */
const FIRST_BYTE = 0x86;
const CLEAR_BYTES = 512;

/** As it was when it was looked at: an inode may be another file's by now, or have been written over. */
export function isFormer(path: string, former: FormerFile): boolean {
  const there = statPath(path);
  return there !== undefined && (["dev", "ino", "size", "ctimeMs"] as const).every((field) => there[field] === former[field]);
}

/**
 * @param paths as `checkDestinations` gives them
 * @param known the log that the new backup is made at; one that has more, or another history, may be the only one that still counts
 * @returns by path; without those where nothing lies
 * @throws TalosError BACKUP_EXISTS (`details.reason`: not-a-backup, other-agent, newer, other-branch, later-release)
 */
export function replaceableFiles(
  paths: readonly string[],
  agentId: AgentId,
  known: KnownLog,
  crypto: Pick<Crypto, "sha256">,
): ReadonlyMap<string, FormerFile> {
  const former = new Map<string, FormerFile>();
  for (const path of paths) {
    const there = statPath(path);
    if (there === undefined) continue;
    const { dev, ino, size, ctimeMs } = there;
    const id = size === 0 ? undefined : idOfReplaceable(path, agentId, known, crypto);
    former.set(path, { dev, ino, size, ctimeMs, ...(id === undefined ? {} : { id }) });
  }
  return former;
}

function idOfReplaceable(path: string, agentId: AgentId, known: KnownLog, crypto: Pick<Crypto, "sha256">): string | undefined {
  try {
    const there = readBackupFacts(readBackupFile(path), crypto);
    if (!equalBytes(there.agentId, agentId)) throw refused(path, "other-agent");
    const { state } = judgeBackup([there.head], known);
    if (state === "ahead") throw refused(path, "newer");
    if (state === "other-branch") throw refused(path, "other-branch");
    return there.id;
  } catch (error) {
    if (isFromLaterRelease(error)) throw refused(path, "later-release");
    if (!isTalosError(error) || isTalosError(error, "BACKUP_EXISTS")) throw error;
    if (isDamagedBackup(path, agentId)) return undefined;
    throw refused(path, "not-a-backup");
  }
}

/** It begins as one of this agent does, whatever has become of the rest. */
function isDamagedBackup(path: string, agentId: AgentId): boolean {
  try {
    const bytes = readBackupFile(path);
    return bytes[0] === FIRST_BYTE && Buffer.from(bytes.subarray(0, CLEAR_BYTES)).includes(Buffer.from(agentId));
  } catch (error) {
    if (isTalosError(error)) return false;
    throw error;
  }
}

const REFUSED: Readonly<Record<Reason, readonly [message: string, hint: string]>> = {
  "not-a-backup": [
    "What lies there is no backup of this agent, and is not replaced.",
    "Choose another path; where it is nothing that is needed, remove it first.",
  ],
  "other-agent": ["A backup of another agent lies there.", "Choose another path."],
  newer: [
    "A backup of this agent lies there that is from a later event of the identity than this data directory has.",
    "Keep it: this data directory is the old one of the two. talos status says how the agent stands.",
  ],
  "other-branch": [
    "A backup of this agent lies there that has another history of the identity, and nothing has decided between the two.",
    "Keep it, and choose another path. talos status says how the agent stands.",
  ],
  "later-release": ["A backup lies there that a later release of Talos made.", "Choose another path, or use that release."],
};

function refused(path: string, reason: Reason): TalosError {
  const [message, hint] = REFUSED[reason];
  return talosError("BACKUP_EXISTS", message, { hint, details: { path, reason } });
}
