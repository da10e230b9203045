/** `talos backup create|verify|plan|forget`: makes a backup, proves one, and says what is missing. `plan` and a plain `verify` only look. */
import { TalosClient, type BackupCheck } from "@talos/agent";
import { isTalosError } from "@talos/core";
import { inspectAgent, openAgent } from "../agent-access.ts";
import type { CommandContext, CommonChoices } from "../command-context.ts";
import { dataDirectoryIfAny, namedDataDirectory } from "../data-directory.ts";
import { BACKUP_ADVICE, backupCheckLines, backupPlanLines, createdBackupLines } from "../output/backup-report.ts";
import { printable } from "../output/table.ts";
import { givenBackupPasswords, promptBackupPasswords, requireBackupPassword, type BackupPasswordChoices } from "../password/backup.ts";

export interface CreateBackupChoices extends CommonChoices {
  readonly to: readonly string[];
  readonly backupPasswordFile?: readonly string[];
  readonly force?: boolean;
  readonly allowWeakPassword?: boolean;
}

export interface VerifyBackupChoices extends CommonChoices, BackupPasswordChoices {
  readonly file: string;
  readonly directory?: string;
  readonly record?: boolean;
}

export interface ForgetBackupChoices extends CommonChoices {
  readonly id: string;
}

/** Verdicts on a backup that was read; no error has one of these. It is to be kept, and was not shown to bring the agent back. */
const EXIT_NOT_SHOWN = 10;
/** Its keys count no more. A script that destroys backups goes by this one. */
const EXIT_DANGEROUS = 11;

export async function createBackup(choices: CreateBackupChoices, context: CommandContext): Promise<void> {
  const { output, signal } = context;
  const { force = false, allowWeakPassword = false } = choices;
  using given = givenBackupPasswords(choices.backupPasswordFile);
  await using client = await openAgent(choices, context);
  using asked = given === undefined ? await promptBackupPasswords(signal) : undefined;
  const { passwords = [] } = given ?? asked ?? {};
  const report = await client.exportKeys({ path: choices.to, password: passwords, force, allowWeakPassword });
  output.document({ agentId: client.did, name: client.name, ...report });
  for (const line of createdBackupLines(client, report)) output.line(line);
  output.remark(BACKUP_ADVICE);
}

export async function verifyBackup(choices: VerifyBackupChoices, context: CommandContext): Promise<number> {
  const { output } = context;
  const check = await checkOf(choices, context);
  output.document({ agentId: check.did, ...check });
  for (const line of backupCheckLines(check)) output.line(line);
  if (check.verdict === "good") return 0;
  return check.verdict === "dangerous" ? EXIT_DANGEROUS : EXIT_NOT_SHOWN;
}

async function checkOf(choices: VerifyBackupChoices, context: CommandContext): Promise<BackupCheck> {
  const { file: path, directory, record } = choices;
  if (record === true) {
    using password = await requireBackupPassword(choices);
    await using client = await openAgent(choices, context);
    return await client.verifyBackup({ path, password });
  }
  const named = namedDataDirectory(choices, context.env);
  const dataDir = named ?? (directory === undefined ? dataDirectoryIfAny(choices, context.env) : undefined);
  using password = await requireBackupPassword(choices);
  const options = { path, password, ...(directory === undefined ? {} : { directory }) };
  try {
    return await TalosClient.verifyBackup({ ...options, ...(dataDir === undefined ? {} : { dataDir }) });
  } catch (error) {
    // Nobody said that it is the backup of the only agent here.
    if (named !== undefined || !isTalosError(error, "BACKUP_FOREIGN")) throw error;
    return await TalosClient.verifyBackup(options);
  }
}

export async function backupPlan(choices: CommonChoices, context: CommandContext): Promise<void> {
  const { output } = context;
  await using agent = await inspectAgent(choices, context);
  const plan = agent.backupPlan();
  output.document({ agentId: agent.did, name: agent.name, ...plan });
  for (const line of backupPlanLines(plan)) output.line(line);
}

export async function forgetBackup(choices: ForgetBackupChoices, context: CommandContext): Promise<void> {
  const { output } = context;
  await using client = await openAgent(choices, context);
  client.forgetBackup(choices.id);
  const { backups } = client.status();
  output.document({ forgotten: choices.id, backups });
  output.line(`Backup ${printable(choices.id)} is off the record. Whoever has a copy of it can still open it with its password.`);
}
