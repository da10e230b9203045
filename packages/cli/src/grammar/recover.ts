/** The grammar of `talos recover`: from a backup, or from a recovery kit alone. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { parseChosenEvent, type ChosenEvent } from "../chosen-event.ts";
import type { CommonChoices } from "../command-context.ts";
import { ALLOW_WEAK_PASSWORD, BACKUP_PASSWORD_FILE, common, KIT_PASSWORD_FILE, type Dispatch } from "./parts.ts";

export function addRecoverCommand(program: Command, dispatch: Dispatch): void {
  common(program.command("recover").description("bring the agent back on an empty machine: from a backup, or from a recovery kit alone"))
    .option("--backup <file>", "a backup: keys, peers, trust, settings and record come back")
    .option(...BACKUP_PASSWORD_FILE)
    .option("--recovery-kit <file>", "with --backup: where the identity has moved on since, the kit replaces its keys in the same call")
    .option("--identity-only <file>", "a recovery kit: the identity comes back, and nothing else")
    .option(...KIT_PASSWORD_FILE)
    .option("--directory <url>", "a directory that has the agent's log; it becomes its home (default: the one in the backup)")
    .option("--former-directory-gone", "with --backup and another --directory: no directory is left that had the agent's log; on record")
    .option("--name <name>", "name of the agent on this machine (default: the one in the backup or kit)")
    .option(
      "--new-password-file <path>",
      "file that holds the password of the new data directory (else --password-file, --key-file, --credential, TALOS_KEY_PASSWORD or a prompt)",
    )
    .addOption(
      new Option(
        "--cut-after <event>",
        "the last event that is yours, as --list names it (EVENT or EVENT:HASH); what stands after it is cut off. Needed where several stand and there is no backup",
      ).argParser(chosenEvent),
    )
    .addOption(
      new Option("--suspect-from <index>", "what stands on record from this index of the former audit on is in doubt").argParser(
        auditIndex,
      ),
    )
    .option("--lost", "the keys are lost, not stolen: sessions of peers go on")
    .option("--list", "show the events that it may follow, and end")
    .option(...ALLOW_WEAK_PASSWORD)
    .action(async (choices: CommonChoices) => {
      const { recover } = await import("../verbs/recover.ts");
      await dispatch(recover, choices);
    });
}

function chosenEvent(text: string): ChosenEvent {
  const chosen = parseChosenEvent(text);
  if (chosen === undefined)
    throw new InvalidArgumentError("It takes the number of an event, or number and hash: 3, or 3:0123456789abcdef.");
  return chosen;
}

function auditIndex(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("It takes a whole number.");
  return Number(text);
}
