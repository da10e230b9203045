/** What `talos recover` is told, whichever of its two ways is meant. */
import type { ChosenEvent } from "../chosen-event.ts";
import type { CommonChoices } from "../command-context.ts";
import type { BackupPasswordChoices } from "../password/backup.ts";
import type { KitChoices } from "../password/kit.ts";

export interface RecoverChoices extends CommonChoices, KitChoices, BackupPasswordChoices {
  /** Path of a backup. */
  readonly backup?: string;
  /** Path of a recovery kit. */
  readonly identityOnly?: string;
  readonly name?: string;
  readonly directory?: string;
  /** With a backup: nobody is left who had the log. */
  readonly formerDirectoryGone?: boolean;
  readonly newPasswordFile?: string;
  readonly cutAfter?: ChosenEvent;
  /** Index into the audit tree of the life before. */
  readonly suspectFrom?: number;
  readonly lost?: boolean;
  /** Shows the events, and ends. */
  readonly list?: boolean;
  readonly allowWeakPassword?: boolean;
}
