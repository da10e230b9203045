/**
 * `talos recover --identity-only KIT`: gives an agent whose machine is lost a new life on an empty one, with nothing but its recovery kit and
 * a directory. Shows the events since the last recovery event first: after which one to cut is a person's decision.
 */
import { TalosClient, type RecoverIdentityOptions, type RecoveryOutlook } from "@talos/agent";
import { talosError } from "@talos/core";
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
  readonly cutAfter?: number;
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
  const cutAfter = choices.cutAfter ?? (await askWhere(outlook, context));
  using kit = await kitAt(path, choices, env);
  using unlocking = await requireUnlocking(choices, env, { confirm: true });
  await using client = await TalosClient.recoverIdentity({
    name,
    dataDir,
    directory,
    recoveryKit: kit.options,
    cutAfter,
    reason: choices.lost === true ? "lost" : "compromise",
    allowWeakPassword: choices.allowWeakPassword === true,
    ...newUnlocking(unlocking.options),
  });
  const publication = await publishFirst(client);
  const { did, identityKey } = client;
  output.document({ ...outlook, did, name, dataDir, cutAfter, identityKey, publication });
  output.line(`${printable(name)} lives again: ${did}`);
  output.line(`Its recovery event follows event ${cutAfter} (${publication}). Peers, sessions and messages are gone with the old machine.`);
}

/** What opens the new data directory, as the client takes it. */
function newUnlocking(options: Unlocking["options"]): Pick<RecoverIdentityOptions, "newPassword" | "keyFile" | "credential"> {
  return "password" in options ? { newPassword: options.password } : options;
}

/** The head, unless somebody at a terminal says otherwise. */
async function askWhere({ cutAfter, events }: RecoveryOutlook, { output, signal }: CommandContext): Promise<number> {
  if (output.wantsJson || events.length < 2 || !process.stdin.isTTY || !canPrompt()) return cutAfter;
  const answer = await promptText(`Last event that is yours (empty: ${cutAfter}): `, signal);
  if (answer === "") return cutAfter;
  if (!/^\d{1,4}$/.test(answer)) throw talosError("INVALID_ARGUMENT", "An event is named by its number.");
  return Number(answer);
}

function outlookLines({ did, events, revoked }: RecoveryOutlook): string[] {
  const rows = events.map(({ seq, time, event, authority, reason, identityKey }) => [
    String(seq),
    formatTime(time),
    event,
    authority ?? "-",
    reason ?? "-",
    identityKey.slice(0, 16),
  ]);
  return [
    `${did}, events since the last recovery event:`,
    ...formatTable(["EVENT", "TIME", "KIND", "BY", "REASON", "IDENTITY KEY"], rows),
    ...(revoked === undefined
      ? []
      : [revoked.final ? "It is revoked for good." : "It is revoked; a recovery event cuts the revocation off."]),
  ];
}
