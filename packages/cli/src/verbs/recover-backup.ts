/**
 * `talos recover --backup FILE`: an agent whose machine is lost, on an empty one, from its backup; with its recovery kit too where the identity
 * has moved on since. What opens the new data directory is settled before anything is read.
 */
import { TalosClient, type CutAfter, type RecoveryOutlook } from "@talos/agent";
import type { SecretBytes } from "@talos/core";
import { eventIn } from "../chosen-event.ts";
import type { CommandContext } from "../command-context.ts";
import { dataDirectoryOf, namedDataDirectory } from "../data-directory.ts";
import { outlookLines } from "../output/outlook.ts";
import { recoveredLines } from "../output/recovered-report.ts";
import { publishFirst } from "../output/publication.ts";
import { requireBackupPassword } from "../password/backup.ts";
import { kitOf } from "../password/kit.ts";
import { requireNewUnlocking } from "../password/unlocking.ts";
import type { RecoverChoices } from "./recover-choices.ts";

const WHOLE_HASH_DIGITS = 64;

export interface RecoverBackupChoices extends RecoverChoices {
  readonly backup: string;
}

export async function recoverFromBackup(choices: RecoverBackupChoices, context: CommandContext): Promise<void> {
  if (choices.list === true) return await listEvents(choices, context);
  const { output, env } = context;
  const { backup: backupPath, name, directory, formerDirectoryGone, suspectFrom, lost, allowWeakPassword = false } = choices;
  const dataDir = name === undefined ? namedDataDirectory(choices, env) : dataDirectoryOf(name, choices, env);
  using unlocking = await requireNewUnlocking(choices, env);
  using password = await requireBackupPassword(choices);
  using kit = await kitOf(choices, env);
  const cutAfter = await cutAfterOf(choices, password);
  await using client = await TalosClient.recover({
    backupPath,
    password,
    ...unlocking.options,
    allowWeakPassword,
    ...(name === undefined ? {} : { name }),
    ...(dataDir === undefined ? {} : { dataDir }),
    ...(directory === undefined ? {} : { directory }),
    ...(formerDirectoryGone === true ? { formerDirectoryGone } : {}),
    ...(kit === undefined ? {} : { recoveryKit: kit.options }),
    ...(cutAfter === undefined ? {} : { cutAfter }),
    ...(suspectFrom === undefined ? {} : { suspectFrom }),
    ...(lost === true ? { reason: "lost" as const } : {}),
  });
  if (!client.held) await publishFirst(client);
  const { held, publication } = client.status();
  const { did, name: called, identityKey, recovered } = client;
  const agent = { did, name: called, dataDir: client.dataDir, publication, ...(held === undefined ? {} : { held }) };
  output.document({ ...agent, identityKey, recovered });
  for (const line of recovered === undefined ? [] : recoveredLines({ ...agent, recovered })) output.line(line);
}

/** What a recovery with the kit could follow. The kit is not needed, and nothing is made. */
async function listEvents(choices: RecoverBackupChoices, { output }: CommandContext): Promise<void> {
  using password = await requireBackupPassword(choices);
  const outlook = await outlookOf(choices, password);
  output.document(outlook);
  for (const line of outlookLines(outlook)) output.line(line);
}

/** A hash that is shortened is looked up; a whole one, and a number alone, are taken as they are. */
async function cutAfterOf(choices: RecoverBackupChoices, password: SecretBytes): Promise<CutAfter | number | undefined> {
  const { cutAfter } = choices;
  if (cutAfter?.hash === undefined) return cutAfter?.seq;
  if (cutAfter.hash.length === WHOLE_HASH_DIGITS) return { seq: cutAfter.seq, hash: cutAfter.hash };
  return eventIn(await outlookOf(choices, password), cutAfter);
}

/** All those are asked whom the recovery asks. */
async function outlookOf(choices: RecoverBackupChoices, password: SecretBytes): Promise<RecoveryOutlook> {
  const { backup: path, directory, recoveryKit } = choices;
  return await TalosClient.recoveryOutlook({
    backup: { path, password },
    ...(directory === undefined ? {} : { directory }),
    ...(recoveryKit === undefined ? {} : { recoveryKit: { path: recoveryKit } }),
  });
}
