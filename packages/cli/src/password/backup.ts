/**
 * The passwords of a backup: files of their own, else a prompt. Never the agent's sources, since the two must differ, and never the
 * environment: what an agent is started with must not open its backups.
 */
import { normalisedPassword } from "@talos/agent";
import { type SecretBytes, talosError, type TalosError } from "@talos/core";
import { passwordFromFile } from "./password-file.ts";
import { canPrompt, promptPassword, promptText } from "./prompt.ts";
import { promptTwice } from "./sources.ts";

const MAX_PASSWORDS = 4;

export interface BackupPasswordChoices {
  readonly backupPasswordFile?: string | undefined;
}

/** Disposing it wipes them. */
export interface BackupPasswords extends Disposable {
  readonly passwords: readonly SecretBytes[];
}

/** Those in the files, or nothing where no file is named. Errors: `INVALID_ARGUMENT` for more than four; as `passwordFromFile`. */
export function givenBackupPasswords(files: readonly string[] | undefined): BackupPasswords | undefined {
  if (files === undefined) return undefined;
  if (files.length > MAX_PASSWORDS) throw tooMany(files.length);
  using given = new DisposableStack();
  const passwords = files.map((file) => given.use(passwordFromFile(file)));
  return keep(passwords, given.move());
}

/** Asked for on the terminal, each twice, one to four. Errors: `PASSWORD_REQUIRED` without a terminal, `ABORTED`, `INVALID_ARGUMENT`. */
export async function promptBackupPasswords(signal: AbortSignal): Promise<BackupPasswords> {
  if (!canPrompt()) throw passwordRequired();
  using given = new DisposableStack();
  const passwords: SecretBytes[] = [];
  do passwords.push(given.use(await promptTwice(`Password ${passwords.length + 1} of the backup: `)));
  while (passwords.length < MAX_PASSWORDS && (await wantsAnother(signal)));
  return keep(passwords, given.move());
}

/** One that opens a backup: its file, else asked for once. Errors: `PASSWORD_REQUIRED`; as `passwordFromFile` and `promptPassword`. */
export async function requireBackupPassword({ backupPasswordFile }: BackupPasswordChoices): Promise<SecretBytes> {
  if (backupPasswordFile !== undefined) return passwordFromFile(backupPasswordFile);
  if (!canPrompt()) throw passwordRequired();
  return normalisedPassword(await promptPassword("A password of the backup: "));
}

async function wantsAnother(signal: AbortSignal): Promise<boolean> {
  const answer = await promptText("Shall another password open it too, one for the safe? (y/N) ", signal);
  return /^y(es)?$/i.test(answer);
}

function keep(passwords: readonly SecretBytes[], stack: DisposableStack): BackupPasswords {
  return { passwords, [Symbol.dispose]: () => stack.dispose() };
}

function passwordRequired(): TalosError {
  return talosError("PASSWORD_REQUIRED", "The backup needs its password, and none was given.", {
    hint: "Use --backup-password-file FILE, or run it on a terminal.",
  });
}

function tooMany(given: number): TalosError {
  return talosError("INVALID_ARGUMENT", `A backup has one to ${MAX_PASSWORDS} passwords.`, {
    hint: "Give --backup-password-file up to four times.",
    details: { given },
  });
}
