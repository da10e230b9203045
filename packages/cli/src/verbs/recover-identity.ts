/**
 * `talos recover --identity-only KIT`: gives an agent whose machine is lost a new life on an empty one, with nothing but its recovery kit and
 * a directory. Shows the events since the last recovery event first: after which one to cut is a person's decision.
 */
import { TalosClient, type RecoveryOutlook } from "@talos/agent";
import { talosError } from "@talos/core";
import { eventIn, parseChosenEvent, type ChosenEvent } from "../chosen-event.ts";
import type { CommandContext } from "../command-context.ts";
import { dataDirectoryOf } from "../data-directory.ts";
import { outlookLines } from "../output/outlook.ts";
import { heldLine } from "../output/recovered-report.ts";
import { publishFirst } from "../output/publication.ts";
import { printable } from "../output/table.ts";
import { kitAt } from "../password/kit.ts";
import { canPrompt, promptText } from "../password/prompt.ts";
import { requireNewUnlocking } from "../password/unlocking.ts";
import type { RecoverChoices } from "./recover-choices.ts";

export interface RecoverIdentityChoices extends RecoverChoices {
  readonly identityOnly: string;
  readonly directory: string;
}

export async function recoverIdentity(choices: RecoverIdentityChoices, context: CommandContext): Promise<void> {
  const { output, env } = context;
  const { identityOnly: path, directory } = choices;
  const outlook = await TalosClient.recoveryOutlook({ directory, recoveryKit: { path } });
  if (choices.list === true) {
    output.document(outlook);
    for (const line of outlookLines(outlook)) output.line(line);
    return;
  }
  const name = choices.name ?? outlook.name ?? "";
  const dataDir = dataDirectoryOf(name, choices, env);
  if (TalosClient.exists({ dataDir })) throw talosError("VAULT_EXISTS", undefined, { details: { dataDir } });
  for (const line of outlookLines(outlook)) output.line(line);
  const chosen = choices.cutAfter ?? (await askWhere(outlook, context));
  const cutAfter = chosen && eventIn(outlook, chosen);
  using kit = await kitAt(path, choices, env);
  using unlocking = await requireNewUnlocking(choices, env);
  await using client = await TalosClient.recoverIdentity({
    name,
    dataDir,
    directory,
    recoveryKit: kit.options,
    ...(cutAfter === undefined ? {} : { cutAfter }),
    ...(choices.suspectFrom === undefined ? {} : { suspectFrom: choices.suspectFrom }),
    reason: choices.lost === true ? "lost" : "compromise",
    allowWeakPassword: choices.allowWeakPassword === true,
    ...unlocking.options,
  });
  if (!client.held) await publishFirst(client);
  const { held, publication } = client.status();
  const { did, identityKey } = client;
  const seq = chosen?.seq ?? outlook.cutAfter;
  output.document({ ...outlook, did, name, dataDir, cutAfter: seq, identityKey, publication, ...(held === undefined ? {} : { held }) });
  output.line(held === undefined ? `${printable(name)} lives again: ${did}` : `${printable(name)} is recovered, and held: ${did}`);
  if (held !== undefined) output.line(heldLine(held));
  output.line(`Its recovery event follows event ${seq} (${publication}). Peers, sessions and messages are gone with the old machine.`);
}

/**
 * Where there is a choice a person at a terminal is asked. Nobody else is answered for: whoever holds the keys may have made the later events,
 * and the library says so with the list.
 */
async function askWhere({ cutAfter, events }: RecoveryOutlook, { output, signal }: CommandContext): Promise<ChosenEvent | undefined> {
  if (cutAfter !== undefined || output.wantsJson || !process.stdin.isTTY || !canPrompt()) return undefined;
  const answer = await promptText(`Last event that is yours (${events[0]?.seq} to ${events.at(-1)?.seq}): `, signal);
  const chosen = parseChosenEvent(answer.trim());
  if (chosen !== undefined) return chosen;
  throw talosError("INVALID_ARGUMENT", "An event is named by its number, or by number and hash.", {
    hint: "As it stands in the list: 3, or 3:0123456789abcdef.",
  });
}
