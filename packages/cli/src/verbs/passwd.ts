/** `talos passwd`: another password for the same keys; `--rekey`: and another vault key under it. Touches no network. */
import { Custody } from "@talos/agent";
import { talosError } from "@talos/core";
import type { CommandContext, CommonChoices } from "../command-context.ts";
import { existingDataDirectory } from "../data-directory.ts";
import { printable } from "../output/table.ts";
import { requireNewPassword, requirePassword } from "../password/sources.ts";

export interface PasswdChoices extends CommonChoices {
  readonly newPasswordFile?: string;
  readonly rekey?: boolean;
  readonly allowWeakPassword?: boolean;
}

export async function passwd(choices: PasswdChoices, { output, env }: CommandContext): Promise<void> {
  if (choices.keyFile !== undefined || choices.credential !== undefined) {
    throw talosError("INVALID_ARGUMENT", "A password is changed with the old one, not with a key file or credential.", {
      hint: "Use talos slots add and talos slots remove to set a password without the old one.",
    });
  }
  const dataDir = existingDataDirectory(choices, env);
  using current = await requirePassword(choices, env);
  // Before the new one is asked for: a wrong one, or an agent that runs, is heard of at once.
  await using custody = await Custody.open({ dataDir, password: current });
  using next = await requireNewPassword(choices, env);
  const change = await custody.changePassword({
    currentPassword: current,
    newPassword: next,
    rekey: choices.rekey === true,
    allowWeakPassword: choices.allowWeakPassword === true,
  });
  output.document({ name: custody.name, dataDir, ...change });
  output.line(
    `The password of ${printable(custody.name)} is changed${change.rekeyed ? ", and everything is sealed under a new vault key" : ""}.`,
  );
  for (const note of change.notes) output.line(printable(note));
}
