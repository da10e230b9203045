/** What an application asks for about backups: the arguments, and plain values out. Knows nothing of how it is done. */
import { type ErrorCode, isTalosError, talosError } from "@talos/core";
import { placeOf } from "./backup/backup-file.ts";
import {
  checkVerifyOptions,
  type ExportKeysOptions,
  type VerifyBackupAloneOptions,
  type VerifyBackupOptions,
} from "./backup/backup-options.ts";
import type { BackupCheck, BackupPlan, BackupReport } from "./backup/backup-views.ts";
import { knownByAgent } from "./backup/backup-standing.ts";
import { storedCopy } from "./backup/copy-places.ts";
import { exportKeys as makeBackup } from "./backup/export-keys.ts";
import { backupPlan as planOf } from "./backup/practices.ts";
import { forgetBackup as forget, recordCheck, recordFailure } from "./backup/records.ts";
import { verifyBackupAlone as verifyAlone, verifyBackupFile } from "./backup/verify-backup.ts";
import { holdingProcess } from "./clock.ts";
import type { AgentContext } from "./context.ts";
import type { Environment } from "./environment.ts";

/** What backups need of an agent that is open. */
export type BackupContext = Pick<AgentContext, "vault" | "crypto" | "clock" | "policy" | "standing" | "backupKdf">;

/** @throws TalosError as `TalosClient.exportKeys` */
export async function exportKeys(context: BackupContext, options: ExportKeysOptions): Promise<BackupReport> {
  return await holdingProcess(makeBackup(context, options));
}

/** @throws TalosError as `client.verifyBackup` */
export async function verifyBackup(context: BackupContext, options: VerifyBackupOptions): Promise<BackupCheck> {
  return await holdingProcess(verifyAndRecord(context, checkVerifyOptions(options)));
}

/** @throws TalosError as `TalosClient.verifyBackup` */
export async function verifyBackupAlone(environment: Environment, options: VerifyBackupAloneOptions): Promise<BackupCheck> {
  return await holdingProcess(verifyAlone(environment, options));
}

/** @throws TalosError CLIENT_CLOSED, STORAGE_FAILED */
export function backupPlan({ vault, crypto, clock }: BackupContext): BackupPlan {
  const slots = vault.slots();
  return vault.read((tx) => planOf(tx, { dataDir: vault.dataDir, slots, crypto, now: clock.now() }));
}

/** @throws TalosError INVALID_ARGUMENT, COMMIT_FAILED, CLIENT_CLOSED */
export function forgetBackup({ vault }: BackupContext, id: string): void {
  if (vault.transaction((tx) => forget(tx, id))) return;
  throw talosError("INVALID_ARGUMENT", "No backup with this id is on record.", {
    hint: "talos backup plan lists those that are.",
    details: { argument: "id" },
  });
}

async function verifyAndRecord(context: BackupContext, options: VerifyBackupOptions): Promise<BackupCheck> {
  const { vault, crypto, clock } = context;
  const path = placeOf(options.path);
  try {
    const check = await verifyBackupFile(options, {
      crypto,
      now: clock.now(),
      expected: vault.agentId,
      compareWith: async () => [vault.read((tx) => knownByAgent(tx, "agent"))],
    });
    const copy = storedCopy(path, vault.dataDir);
    vault.transaction((tx) => recordCheck(tx, check, copy, clock.now()));
    return check;
  } catch (error) {
    noteFailure(context, path, isTalosError(error) ? error.code : "INTERNAL");
    throw error;
  }
}

/** What stopped it stands, whether it can be written down or not. */
function noteFailure({ vault, clock }: BackupContext, path: string, code: ErrorCode): void {
  try {
    vault.transaction((tx) => recordFailure(tx, path, code, clock.now()));
  } catch {
    // The store fails too, or is closed.
  }
}
