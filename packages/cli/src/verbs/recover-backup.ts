/**
 * `talos recover --backup FILE`: an agent whose machine is lost, on an empty one, from its backup; with its recovery kit too where the identity
 * has moved on since. What opens the new data directory is settled before anything is read.
 */
import { TalosClient, type CutAfter } from "@talos/agent";
import { talosError } from "@talos/core";
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

export interface RecoverBackupChoices extends RecoverChoices {
  readonly backup: string;
}

export async function recoverFromBackup(choices: RecoverBackupChoices, context: CommandContext): Promise<void> {
  if (choices.list === true) return await listEvents(choices, context);
  const { output, env } = context;
  const { backup: backupPath, name, directory, suspectFrom, lost, allowWeakPassword = false } = choices;
  const dataDir = name === undefined ? namedDataDirectory(choices, env) : dataDirectoryOf(name, choices, env);
  using unlocking = await requireNewUnlocking(choices, env);
  using password = await requireBackupPassword(choices);
  using kit = await kitOf(choices, env);
  const cutAfter = await cutAfterOf(choices);
  await using client = await TalosClient.recover({
    backupPath,
    password,
    ...unlocking.options,
    allowWeakPassword,
    ...(name === undefined ? {} : { name }),
    ...(dataDir === undefined ? {} : { dataDir }),
    ...(directory === undefined ? {} : { directory }),
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

/** What a recovery with the kit could follow. Its password is not needed, and nothing is made. */
async function listEvents(choices: RecoverBackupChoices, { output }: CommandContext): Promise<void> {
  const outlook = await outlookOf(choices);
  output.document(outlook);
  for (const line of outlookLines(outlook)) output.line(line);
}

/** A hash that is shortened is looked up; a whole one, and a number alone, are taken as they are. */
async function cutAfterOf(choices: RecoverBackupChoices): Promise<CutAfter | number | undefined> {
  const { cutAfter } = choices;
  if (cutAfter?.hash === undefined) return cutAfter?.seq;
  return eventIn(await outlookOf(choices), cutAfter);
}

async function outlookOf({ directory, recoveryKit: path }: RecoverBackupChoices): ReturnType<typeof TalosClient.recoveryOutlook> {
  if (directory !== undefined && path !== undefined) return await TalosClient.recoveryOutlook({ directory, recoveryKit: { path } });
  throw talosError("INVALID_ARGUMENT", "Events are looked up at a directory, for the agent that a recovery kit names.", {
    hint: "Add --directory URL and --recovery-kit FILE.",
  });
}
