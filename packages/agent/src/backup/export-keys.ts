/**
 * Making a backup: where it goes and what opens it are checked first, then it is gathered, sealed, opened once more in memory, written, and
 * put on record. Knows how to read no option's default but its own.
 */
import { isTalosError, type SecretBytes, talosError, type TalosError, toHex } from "@talos/core";
import type { AgentContext } from "../context.ts";
import { keyEntry } from "../lifecycle/audit-entries.ts";
import { opensInAnyForm } from "../password/index.ts";
import type { BackupContent, BackupKey } from "./backup-content.ts";
import { checkDestinations } from "./backup-file.ts";
import { knownByAgent, requireSettled } from "./backup-standing.ts";
import { readNewPasswords } from "./backup-passwords.ts";
import { checkExportOptions, type ExportKeysOptions } from "./backup-options.ts";
import { verifyContent } from "./backup-proof.ts";
import type { BackupKeyView, BackupReport, NotIncludedKey } from "./backup-views.ts";
import { storedCopy } from "./copy-places.ts";
import { gatherBackup } from "./gather.ts";
import { recordBackup } from "./records.ts";
import { type FormerFile, replaceableFiles } from "./replaceable.ts";
import { BACKUP_KDF, openBackup, sealBackup } from "./seal-backup.ts";
import { writeCopies } from "./write-copies.ts";

/** What it needs of an agent that is open. */
export type ExportContext = Pick<AgentContext, "vault" | "crypto" | "clock" | "policy" | "standing" | "backupKdf">;

/**
 * One Argon2id run for each password and one for the trial, each at 256 MiB by default: about a second in which nothing else of this process
 * runs.
 *
 * @throws TalosError as `TalosClient.exportKeys`
 */
export async function exportKeys(context: ExportContext, options: ExportKeysOptions): Promise<BackupReport> {
  const { path, password, force = false, allowWeakPassword = false } = checkExportOptions(options);
  const { vault, crypto, clock, policy, standing } = context;
  if (standing.isRevoked) standing.requireActive();
  const paths = checkDestinations(listOf(path), vault.dataDir, force);
  const former = vault.read((tx) => {
    requireSettled(tx);
    return force ? replaceableFiles(paths, vault.agentId, knownByAgent(tx, "agent"), crypto) : new Map<string, FormerFile>();
  });
  const triedWays = vault.slots().flatMap(({ kind, createdAt }) => (kind === "password" ? [createdAt] : []));
  using passwords = await readNewPasswords(listOf(password), {
    isKnown: (secret) => opensInAnyForm(secret, (unlock) => vault.opensWith(unlock)),
    allowWeak: allowWeakPassword || policy.allowWeakPasswords,
    agentName: vault.name,
  });
  const now = clock.now();
  using content = await gatherBackup(vault, crypto, now);
  const { sealed, id } = seal(content, passwords.secrets, context);
  // Before anybody could have them; nothing else runs from here until the copies are written.
  vault.transaction((tx) => {
    requireSettled(tx, content.head);
    for (const { keyId } of content.keys.filter(isIncluded)) {
      const entry = tx.inventory.get(keyId);
      if (entry !== undefined) tx.audit.append(keyEntry("key-exported", entry, now));
    }
  });
  const { written, replaced, failure } = writeCopies(sealed, { paths, former }, vault.agentId, crypto);
  const report = reportOf(content, { id, paths: written, bytes: sealed.length, slots: passwords.secrets.length });
  // What was moved away while passwords were asked for is somewhere still.
  const copies = written.map((copy) => ({
    ...storedCopy(copy, vault.dataDir),
    replaced: replaced.includes(copy) ? former.get(copy)?.id : undefined,
  }));
  if (written.length > 0) onRecord(written, () => vault.transaction((tx) => recordBackup(tx, report, copies, triedWays, clock.now())));
  if (failure !== undefined) throw failure;
  return report;
}

/** What the backup holds and what it does not, as plain values. */
export function reportOf(
  { createdAt, head, keys, peers, audit, leftOut }: BackupContent,
  file: Pick<BackupReport, "id" | "paths" | "bytes" | "slots">,
): BackupReport {
  return {
    ...file,
    createdAt,
    head: { seq: head.seq, hash: toHex(head.hash) },
    keys: keys.map(keyView),
    notIncluded: keys.filter((key) => !isIncluded(key)).map(notIncluded),
    peers: peers.length,
    auditEntries: audit.length,
    leftOut,
  };
}

/** Copies that nobody knows of would never be destroyed: whoever called hears of them. */
function onRecord(written: readonly string[], record: () => void): void {
  try {
    record();
  } catch (error) {
    if (!isTalosError(error)) throw error;
    const hint = `${error.hint} Copies were written, and are on no record: ${written.join(", ")}.`;
    throw talosError(error.code, error.message, { hint, details: { ...error.details, written: written.join(", ") }, cause: error });
  }
}

/** Sealed, and opened again: what is written is known to give these keys. */
function seal(
  content: BackupContent,
  passwords: readonly SecretBytes[],
  { backupKdf, crypto }: ExportContext,
): { sealed: Uint8Array; id: string } {
  const sealed = sealBackup(content, passwords, backupKdf ?? BACKUP_KDF, crypto);
  const [first] = passwords;
  if (first === undefined) throw talosError("INTERNAL");
  using opened = openBackup(sealed, first, crypto);
  try {
    verifyContent(opened.content, crypto, content.createdAt);
  } catch (error) {
    throw isTalosError(error, "BACKUP_DAMAGED") ? damagedVault(error) : error;
  }
  return { sealed, id: opened.id };
}

/** There is no file yet: what does not agree in it is so in the data directory. */
function damagedVault(error: TalosError): TalosError {
  const reason = String(error.details["reason"]);
  if (reason === "audit") {
    return talosError("AUDIT_INVALID", "The record of this data directory is not whole: entries of it are missing or were changed.", {
      hint: "talos audit verify says which; nothing was written.",
      details: { reason },
      cause: error,
    });
  }
  return talosError("VAULT_CORRUPT", "What this data directory has does not agree with itself, and was not made a backup of.", {
    hint: "talos doctor says more; nothing was written, and earlier backups stay what they are.",
    details: { reason },
    cause: error,
  });
}

function isIncluded({ secret }: BackupKey): boolean {
  return secret !== undefined;
}

function keyView(key: BackupKey): BackupKeyView {
  const { kind, keyId, backend, protection } = key;
  return { kind, keyId, included: isIncluded(key), backend, protection };
}

const IN_HARDWARE =
  "Keep that hardware, or its maker's own backup of it, where the agent is to be recovered: without it the recovery kit alone brings the agent back.";

function notIncluded({ kind, backend }: BackupKey): NotIncludedKey {
  const advice = `The ${kind} key lives in the backend "${backend}", which gives no key away. ${IN_HARDWARE}`;
  return { kind, backend, advice };
}

function listOf<T>(one: T | readonly T[]): readonly T[] {
  return Array.isArray(one) ? (one as readonly T[]) : [one as T];
}
