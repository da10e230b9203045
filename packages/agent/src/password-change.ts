/**
 * `client.changePassword`: another password for the same keys, and what its owner has to know then. Knows no other way in
 * than passwords.
 */
import { secureCompare, talosError } from "@talos/core";
import { checkChangePasswordOptions, type ChangePasswordOptions } from "./options.ts";
import { readPassword, requireStrongPassword } from "./password/index.ts";
import type { SlotContext } from "./slots.ts";
import type { SlotInfo } from "./vault/index.ts";

export interface PasswordChange {
  /** The way in that the new password is. */
  readonly slot: SlotInfo;
  /** Whether there is a new vault key, under which everything was sealed anew. */
  readonly rekeyed: boolean;
  /** Ways in that ended with the old vault key, and have to be added again. */
  readonly toAddAgain: readonly SlotInfo[];
  /** What the owner has to know, in sentences. */
  readonly notes: readonly string[];
}

/**
 * @throws TalosError UNKNOWN_OPTION, INVALID_ARGUMENT, PASSWORD_REQUIRED, PASSWORD_UNCHANGED, WEAK_PASSWORD, WRONG_PASSWORD (nothing
 *   was changed), CLIENT_CLOSED, COMMIT_FAILED
 */
export async function changePassword({ vault, clock, policy }: SlotContext, options: ChangePasswordOptions): Promise<PasswordChange> {
  const { currentPassword, newPassword, rekey = false, allowWeakPassword = false } = checkChangePasswordOptions(options);
  using current = await readPassword(currentPassword);
  using next = await readPassword(newPassword);
  if (secureCompare(current, next)) throw talosError("PASSWORD_UNCHANGED");
  await requireStrongPassword(next, { allowWeak: allowWeakPassword || policy.allowWeakPasswords, words: [vault.name] });
  const { slot, toAddAgain } = vault.changePassword({ current, next, now: clock.now(), rekey });
  return { slot, rekeyed: rekey, toAddAgain, notes: notesOn(rekey, toAddAgain) };
}

function notesOn(rekeyed: boolean, toAddAgain: readonly SlotInfo[]): readonly string[] {
  const notes = ["Copies of the data directory made before still open with the old password; whoever has both has these keys."];
  if (!rekeyed) {
    notes.push(
      "The vault key is the same: with such a copy and the old password, later copies open too. If somebody may know the old password, change it again with rekey.",
    );
  }
  if (rekeyed) notes.push("A file in quarantine was not sealed anew: a state.db there, from a rescue, still opens the old way.");
  if (toAddAgain.length > 0) notes.push(`These ways in have ended and have to be added again: ${toAddAgain.map(nameOf).join(", ")}.`);
  return notes;
}

function nameOf({ number, kind, label }: SlotInfo): string {
  return label === "" ? `${number} (${kind})` : `${number} (${kind} ${label})`;
}
