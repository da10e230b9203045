/** What an application asks for about backups: the arguments, and plain values out. Knows nothing of how it is done. */
import { exportKeys as makeBackup } from "./backup/export-keys.ts";
import type { ExportKeysOptions } from "./backup/backup-options.ts";
import type { BackupReport } from "./backup/backup-views.ts";
import { holdingProcess } from "./clock.ts";
import type { AgentContext } from "./context.ts";

/** @throws TalosError as `TalosClient.exportKeys` */
export async function exportKeys(context: AgentContext, options: ExportKeysOptions): Promise<BackupReport> {
  return await holdingProcess(makeBackup(context, options));
}
