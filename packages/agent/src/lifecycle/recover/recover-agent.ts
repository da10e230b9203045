/**
 * An agent from its backup, on an empty folder. Everything that can be refused is refused before the folder is touched; then one commit makes
 * the agent. With its log as the directory has it, or where nobody can say, it has the keys of the backup and is held until it has been
 * compared once more; where the identity has moved on it gets new ones by the recovery key. Source: docs/decisions/recover-follows-the-head.md.
 */
import { equalBytes, talosError, toHex, type IdentityLog, type SecretBytes, type TalosError } from "@talos/core";
import { readBackupFile } from "../../backup/backup-file.ts";
import { verifyContent } from "../../backup/backup-proof.ts";
import { importKeys } from "../../backup/restore-keys.ts";
import { openBackup, opensBackup, readBackupFacts, type OpenedBackup } from "../../backup/seal-backup.ts";
import { parseDirectoryUrl } from "../../directory/directory-url.ts";
import type { Environment } from "../../environment.ts";
import { checkName, dataDirOf } from "../../options.ts";
import { isSameSecret, isUnlockGiven, opensAsPassword, readPassword, readUnlock, requireStrongPassword } from "../../password/index.ts";
import { Vault, type FirstContent, type KeyFileStore, type UnlockWith } from "../../vault/index.ts";
import { openAuthority } from "../identity-plan/recovery-authority.ts";
import { beyondAll } from "../new-life.ts";
import { checkRecoverOptions, type RecoverOptions } from "../recover-options.ts";
import { idOf } from "../recovery-outlook.ts";
import { endsForGood } from "./branches.ts";
import { askingIn, compareLog, type BackupStanding } from "./compare-log.ts";
import { requireEmptyDataDir } from "./empty-data-dir.ts";
import { outdated } from "./held-recovery.ts";
import { placesOf, type Places } from "./places.ts";
import { buildRestoredLife } from "./restored-life.ts";
import { buildForwardLife, forwardBase, forwardEvent, type ForwardEvent, type ForwardInput } from "./rotate-forward.ts";

/** What a recovery from a backup found and did. Times are in milliseconds since 1970, hashes in hexadecimal. */
export interface RecoveryReport {
  /** `restored`: with the keys of the backup; `rotated`: with new ones, by the recovery key. */
  readonly way: "restored" | "rotated";
  readonly backup: {
    /** 16 hexadecimal characters, of this file alone. */
    readonly id: string;
    readonly createdAt: number;
    readonly head: { readonly seq: number; readonly hash: string };
    /** Whose password it was, 1 to 4. */
    readonly slot: number;
  };
  /** `not-needed`: nothing was behind; `not-used`: nobody could say whether something is. */
  readonly recoveryKit: "not-given" | "not-needed" | "not-used" | "used";
  readonly peers: number;
  /** Agents that were known and are not in the backup, where there are any: it would have become too large. */
  readonly peersLeftOut?: number;
  /** Entries of the record that came back. */
  readonly auditEntries: number;
  /** Of the way `rotated`. */
  readonly event?: ForwardEvent;
}

export interface RecoveredVault {
  readonly vault: Vault;
  readonly report: RecoveryReport;
}

/**
 * One Argon2id run with the parameters of the file, one more where a new password could be one of several that open it, and one for the kit.
 *
 * @throws TalosError as `TalosClient.recover`; then no agent was made
 */
export async function recoverVault(environment: Environment, options: RecoverOptions): Promise<RecoveredVault> {
  const checked = checkRecoverOptions(options);
  const { crypto, clock, kdf } = environment;
  const given = checked.directory === undefined ? undefined : parseDirectoryUrl(checked.directory);
  using unlock = await readNewUnlock(checked);
  using password = await readPassword(checked.password);
  const newPassword = unlock.kind === "password" ? unlock.secret : undefined;
  if (isSameSecret(unlock.secret, password)) throw reused();

  const file = readBackupFile(checked.backupPath);
  const facts = readBackupFacts(file, crypto);
  if (checked.did !== undefined && !equalBytes(idOf(checked.did), facts.agentId)) throw talosError("BACKUP_FOREIGN");
  const name = checkName(checked.name ?? facts.agentName);
  if (newPassword !== undefined) await requireStrong(newPassword, environment, checked, [name, facts.agentName]);
  const dataDir = dataDirOf({ ...checked, name });
  requireEmptyDataDir(dataDir);
  using opened = openBackup(file, password, crypto);
  if (opened.slots > 1 && opensAsPassword(unlock.secret, (secret) => opensBackup(file, secret, crypto))) throw reused();
  const log = verifyContent(opened.content, crypto, clock.now());
  if (log.revoked !== undefined) throw talosError("AGENT_REVOKED");

  const places = placesOf(opened.content, given, checked.formerDirectoryGone === true);
  requireMoved(places);
  const standing = await compareLog(askingIn(environment), log, places);
  const make = async (build: (files: KeyFileStore) => Promise<FirstContent>): Promise<Vault> => {
    const common = { dataDir, name, unlock, slotLabel: unlock.label, crypto, now: clock.now(), build };
    return await Vault.create(kdf === undefined ? common : { ...common, kdf });
  };
  const recovery = { environment, options: checked, opened, log, places, make };
  if (standing.kind === "behind") return await rotated(recovery, standing.logs);
  const [first, ...others] = standing.contending;
  // Somebody else had the keys: whoever has the kit at hand replaces them, once the owner's own branch is named.
  const isContended = first !== undefined && checked.recoveryKit !== undefined && places.home !== undefined;
  return isContended ? await rotated(recovery, [first, ...others]) : await restored(recovery, standing);
}

interface Recovery {
  readonly environment: Environment;
  readonly options: RecoverOptions;
  readonly opened: OpenedBackup;
  /** Of the backup, verified. */
  readonly log: IdentityLog;
  readonly places: Places;
  readonly make: (build: (files: KeyFileStore) => Promise<FirstContent>) => Promise<Vault>;
}

async function restored(recovery: Recovery, standing: BackupStanding): Promise<RecoveredVault> {
  const { environment, options, opened, log, places, make } = recovery;
  const { crypto, clock } = environment;
  const { content } = opened;
  // Before the folder is touched: what is in no backup has to be where it was.
  const elsewhere = content.keys.filter(({ secret }) => secret === undefined);
  await importKeys(elsewhere, NO_FILES, crypto);
  const vault = await make(async (files) => await buildRestoredLife(files, content, log, { crypto, now: clock.now(), places }));
  const unused = standing.kind === "unknown" ? "not-used" : "not-needed";
  return { vault, report: reportOf(opened, "restored", options.recoveryKit === undefined ? "not-given" : unused) };
}

/** @param logs as `ForwardInput` has them */
async function rotated(recovery: Recovery, logs: ForwardInput["logs"]): Promise<RecoveredVault> {
  const { environment, options, opened, log, places, make } = recovery;
  const { recoveryKit, cutAfter, reason = "compromise", suspectFrom, keyBackend = "software" } = options;
  if (logs.some((abroad) => endsForGood(log, abroad, environment.crypto))) throw talosError("AGENT_REVOKED");
  if (recoveryKit === undefined || places.home === undefined) {
    throw outdated(Math.max(...logs.map(({ head }) => head.seq)), beyondAll(logs, log).length);
  }
  const input: ForwardInput = { environment, content: opened.content, log, logs, reason, suspectFrom, places, keyBackend };
  const base = forwardBase(input, cutAfter);
  using authority = await openAuthority(recoveryKit, base, environment.crypto);
  const vault = await make(async (files) => await buildForwardLife(files, input, base, authority));
  return { vault, report: { ...reportOf(opened, "rotated", "used"), event: forwardEvent(input, base) } };
}

function reportOf(
  { content, id, slot }: OpenedBackup,
  way: RecoveryReport["way"],
  recoveryKit: RecoveryReport["recoveryKit"],
): RecoveryReport {
  const { createdAt, head, peers, leftOut, audit } = content;
  const backup = { id, createdAt, head: { seq: head.seq, hash: toHex(head.hash) }, slot };
  const missing = leftOut.peers === 0 ? {} : { peersLeftOut: leftOut.peers };
  return { way, backup, recoveryKit, peers: peers.length, ...missing, auditEntries: audit.length };
}

type NewUnlock = UnlockWith & Disposable & { readonly label: string };

async function readNewUnlock({ newPassword, keyFile, credential }: RecoverOptions): Promise<NewUnlock> {
  const given = {
    ...(newPassword === undefined ? {} : { password: newPassword }),
    ...(keyFile === undefined ? {} : { keyFile }),
    ...(credential === undefined ? {} : { credential }),
  };
  const password = process.env["TALOS_KEY_PASSWORD"];
  return await readUnlock(isUnlockGiven(given) || password === undefined ? given : { password });
}

async function requireStrong(
  password: SecretBytes,
  { allowWeakPasswords }: Environment,
  { allowWeakPassword }: RecoverOptions,
  words: readonly string[],
): Promise<void> {
  await requireStrongPassword(password, { allowWeak: allowWeakPassword === true || allowWeakPasswords === true, words });
}

/** Nobody lives at a directory that is gone. */
function requireMoved({ home, named, isFormerGone }: Places): void {
  if (!isFormerGone || named === undefined || home !== named) return;
  throw talosError("INVALID_ARGUMENT", "Where the directory that the backup names is gone for good, another one has to be named.", {
    hint: "Give its URL as directory (--directory URL).",
    details: { option: "directory" },
  });
}

function reused(): TalosError {
  return talosError(
    "BACKUP_PASSWORD_REUSED",
    "What is to open the data directory opens the backup too: whoever learns it would have both.",
  );
}

/** For keys that live elsewhere. */
const NO_FILES: KeyFileStore = {
  stage: () => {
    throw talosError("INTERNAL", "A key that is in no backup was to be stored.");
  },
  load: (kind, keyId) => {
    throw talosError("KEY_FILE_MISSING", undefined, { details: { kind, keyId } });
  },
};
