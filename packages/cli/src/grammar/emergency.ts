/** The grammar of what a theft makes necessary: `talos emergency-rotate`, `revoke`. */
import { type Command, Option } from "commander";
import type { CommonChoices } from "../command-context.ts";
import { common, KIT_PASSWORD_FILE, NO_NOTIFY, OFFLINE, type Dispatch } from "./parts.ts";

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
}
