/**
 * `talos recover --identity-only KIT`: gives an agent whose machine is lost a new life on an empty one, with nothing but its recovery kit and
 * a directory. Shows the events since the last recovery event first: after which one to cut is a person's decision.
 */
import { TalosClient, type RecoverIdentityOptions, type RecoveryOutlook } from "@talos/agent";
import { talosError } from "@talos/core";
import { eventName, parseChosenEvent, type ChosenEvent } from "../chosen-event.ts";
import type { CommandContext, CommonChoices } from "../command-context.ts";
import { dataDirectoryOf } from "../data-directory.ts";
import { formatTime } from "../output/moments.ts";
import { publishFirst } from "../output/publication.ts";
import { formatTable, printable } from "../output/table.ts";
import { kitAt } from "../password/kit.ts";
import { canPrompt, promptText } from "../password/prompt.ts";
import type { KitPasswordChoices } from "../password/sources.ts";
import { requireUnlocking, type Unlocking } from "../password/unlocking.ts";

export interface RecoverChoices extends CommonChoices, KitPasswordChoices {
  /** Path of the recovery kit. */
  readonly identityOnly: string;
  readonly name?: string;
  readonly directory: string;
  readonly cutAfter?: ChosenEvent;
  /** Index into the audit tree of the life before. */
  readonly suspectFrom?: number;
  readonly lost?: boolean;
  /** Shows the events, and ends. */
  readonly list?: boolean;
  readonly allowWeakPassword?: boolean;
}

export async function recover(choices: RecoverChoices, context: CommandContext): Promise<void> {
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
  const cutAfter = chosen && found(outlook, chosen);
  using kit = await kitAt(path, choices, env);
  using unlocking = await requireUnlocking(choices, env, { confirm: true });
  await using client = await TalosClient.recoverIdentity({
    name,
    dataDir,
    directory,
    recoveryKit: kit.options,
    ...(cutAfter === undefined ? {} : { cutAfter }),
    ...(choices.suspectFrom === undefined ? {} : { suspectFrom: choices.suspectFrom }),
    reason: choices.lost === true ? "lost" : "compromise",
    allowWeakPassword: choices.allowWeakPassword === true,
    ...newUnlocking(unlocking.options),
  });
  const publication = await publishFirst(client);
  const { did, identityKey } = client;
  const seq = chosen?.seq ?? outlook.cutAfter;
  output.document({ ...outlook, did, name, dataDir, cutAfter: seq, identityKey, publication });
  output.line(`${printable(name)} lives again: ${did}`);
  output.line(`Its recovery event follows event ${seq} (${publication}). Peers, sessions and messages are gone with the old machine.`);
}

/** What opens the new data directory, as the client takes it. */
function newUnlocking(options: Unlocking["options"]): Pick<RecoverIdentityOptions, "newPassword" | "keyFile" | "credential"> {
  return "password" in options ? { newPassword: options.password } : options;
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

/** The one that was shown, with its whole hash: the log is fetched once more, and may then be another. */
function found({ events }: RecoveryOutlook, { seq, hash = "" }: ChosenEvent): NonNullable<RecoverIdentityOptions["cutAfter"]> {
  const event = events.find((one) => one.seq === seq);
  if (event === undefined) return seq;
  if (event.hash.startsWith(hash)) return { seq, hash: event.hash };
  throw talosError("IDENTITY_MOVED", "The directory has another event in that place than the one that was chosen.", {
    hint: "Look again (talos recover --list), at another directory too: one of the two branches may be a thief's.",
    details: { seq, hash: event.hash },
  });
}

function outlookLines({ did, events, revoked }: RecoveryOutlook): string[] {
  const rows = events.map(({ seq, hash, time, event, authority, reason }) => [
    eventName(seq, hash),
    formatTime(time),
    event,
    authority ?? "-",
    reason ?? "-",
  ]);
  return [
    `${did}, events since the last recovery event:`,
    ...formatTable(["EVENT", "TIME", "KIND", "BY", "REASON"], rows),
    ...(revoked === undefined
      ? []
      : [revoked.final ? "It is revoked for good." : "It is revoked; a recovery event cuts the revocation off."]),
  ];
}
