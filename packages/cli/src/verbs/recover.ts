/** `talos recover`: an agent's return on an empty machine. Says which of the two ways is meant, and that a backup and a kit alone are not mixed. */
import { talosError, type TalosError } from "@talos/core";
import type { CommandContext } from "../command-context.ts";
import { recoverFromBackup } from "./recover-backup.ts";
import type { RecoverChoices } from "./recover-choices.ts";
import { recoverIdentity } from "./recover-identity.ts";

export async function recover(choices: RecoverChoices, context: CommandContext): Promise<void> {
  const { backup, identityOnly, directory, backupPasswordFile, recoveryKit, formerDirectoryGone } = choices;
  if ((backup === undefined) === (identityOnly === undefined)) {
    throw invalid(
      "An agent is recovered from a backup or from a recovery kit alone: exactly one of --backup and --identity-only is needed.",
    );
  }
  if (backup !== undefined) return await recoverFromBackup({ ...choices, backup }, context);
  if (identityOnly === undefined || directory === undefined) {
    throw invalid("With --identity-only it has to be said where the agent's log is.", "Use --directory URL.");
  }
  if (backupPasswordFile !== undefined || recoveryKit !== undefined || formerDirectoryGone !== undefined) {
    throw invalid(
      "--backup-password-file, --recovery-kit and --former-directory-gone go with --backup.",
      "The kit of --identity-only is named there.",
    );
  }
  await recoverIdentity({ ...choices, identityOnly, directory }, context);
}

function invalid(message: string, hint: string = "See talos recover --help for what goes together."): TalosError {
  return talosError("INVALID_ARGUMENT", message, { hint });
}
