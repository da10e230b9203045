/** The grammar of what a theft or loss makes necessary: `talos emergency-rotate`, `revoke`, `recover`. */
import { type Command, InvalidArgumentError, Option } from "commander";
import { parseChosenEvent, type ChosenEvent } from "../chosen-event.ts";
import type { CommonChoices } from "../command-context.ts";
import { ALLOW_WEAK_PASSWORD, common, KIT_PASSWORD_FILE, NO_NOTIFY, OFFLINE, type Dispatch } from "./parts.ts";

const RECOVERY_KIT = ["--recovery-kit <file>", "act with the recovery key, which outranks everything a thief can have"] as const;

export function addEmergencyCommands(program: Command, dispatch: Dispatch): void {
  common(
    program.command("emergency-rotate").description("after a theft: replace every key, drop every session, tell every peer, and report"),
  )
    .option(...RECOVERY_KIT)
    .option(...KIT_PASSWORD_FILE)
    .option("--reason <text>", "for the report and the record, at most 200 characters")
    .option("--suspected-since <time>", "2026-11-24, 2026-11-24T15:37Z, or how long ago: 90m, 12h, 7d; what was signed since is in doubt")
    .option("--new-password-file <path>", "file that holds the password of the data directory from now on (else TALOS_NEW_KEY_PASSWORD)")
    .option("--keep-old", "the old key is lost, not stolen: sessions go on")
    .option(...NO_NOTIFY)
    .option(...OFFLINE)
    .option("--report", "do nothing; show the report of the last one again, as things stand now")
    .action(async (choices: CommonChoices & { notify: boolean }) => {
      const { emergencyRotate } = await import("../verbs/emergency-rotate.ts");
      await dispatch(emergencyRotate, choices);
    });
  common(program.command("revoke").description("end the agent for good"))
    .option("--yes-end <name>", "the agent's name: confirms it")
    .addOption(new Option("--reason <reason>", "what peers are told").choices(["decommissioned", "compromise", "lost"]))
    .option(...RECOVERY_KIT)
    .option(...KIT_PASSWORD_FILE)
    .option(...NO_NOTIFY)
    .option(...OFFLINE)
    .action(async (choices: CommonChoices & { notify: boolean }) => {
      const { revoke } = await import("../verbs/revoke.ts");
      await dispatch(revoke, choices);
    });
  common(program.command("recover").description("a new life on an empty machine, from a recovery kit and a directory alone"))
    .requiredOption("--identity-only <file>", "the recovery kit")
    .requiredOption("--directory <url>", "a directory that has the agent's log; it becomes its home")
    .option("--name <name>", "name of the agent on this machine (default: the one in the kit)")
    .addOption(
      new Option(
        "--cut-after <event>",
        "the last event that is yours, as --list names it (EVENT or EVENT:HASH); what stands after it is cut off. Needed where several stand",
      ).argParser(chosenEvent),
    )
    .addOption(
      new Option("--suspect-from <index>", "what stands on record from this index of the former audit on is in doubt").argParser(
        auditIndex,
      ),
    )
    .option("--lost", "the keys are lost, not stolen: sessions of peers go on")
    .option("--list", "show the events that it may follow, and end")
    .option(...KIT_PASSWORD_FILE)
    .option(...ALLOW_WEAK_PASSWORD)
    .action(async (choices: CommonChoices & { identityOnly: string; directory: string }) => {
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
