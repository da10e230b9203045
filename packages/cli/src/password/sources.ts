/**
 * Where a command takes a password from, in this order: a file, an environment variable, a systemd credential, a prompt.
 * Never from argv, where every user of the machine can read it.
 */
import { join } from "node:path";
import { normalisedPassword } from "@talos/agent";
import { SecretBytes, secureCompare, talosError } from "@talos/core";
import { passwordFromCredential, passwordFromFile } from "./password-file.ts";
import { canPrompt, promptPassword } from "./prompt.ts";

const CREDENTIAL_NAME = "talos-key-password";

export interface PasswordChoices {
  readonly passwordFile?: string | undefined;
}

export interface NewPasswordChoices {
  readonly newPasswordFile?: string | undefined;
}

export interface KitPasswordChoices {
  readonly recoveryKitPasswordFile?: string | undefined;
}

/**
 * The password that was given without asking anybody, or nothing.
 *
 * Errors: `FILE_NOT_FOUND`, `PASSWORD_REQUIRED` (the source is there and empty), `MALFORMED` (not UTF-8).
 */
export function givenPassword(choices: PasswordChoices, env: NodeJS.ProcessEnv): SecretBytes | undefined {
  if (choices.passwordFile !== undefined) return passwordFromFile(choices.passwordFile);
  const fromEnvironment = passwordFromEnvironment("TALOS_KEY_PASSWORD", env);
  if (fromEnvironment !== undefined) return fromEnvironment;
  const credentials = env["CREDENTIALS_DIRECTORY"];
  return credentials === undefined ? undefined : passwordFromCredential(join(credentials, CREDENTIAL_NAME));
}

/** The password that was given, else one asked for on the terminal; `confirm` asks twice. */
export async function requirePassword(
  choices: PasswordChoices,
  env: NodeJS.ProcessEnv,
  { confirm = false }: { readonly confirm?: boolean } = {},
): Promise<SecretBytes> {
  const given = givenPassword(choices, env);
  if (given !== undefined) return given;
  if (!canPrompt()) throw talosError("PASSWORD_REQUIRED");
  return confirm ? await promptTwice("Password: ") : normalisedPassword(await promptPassword("Password: "));
}

/** The password to set, where one was given without asking anybody: `--new-password-file`, `TALOS_NEW_KEY_PASSWORD`. Errors as above. */
export function givenNewPassword(choices: NewPasswordChoices, env: NodeJS.ProcessEnv): SecretBytes | undefined {
  if (choices.newPasswordFile !== undefined) return passwordFromFile(choices.newPasswordFile);
  return passwordFromEnvironment("TALOS_NEW_KEY_PASSWORD", env);
}

/** The password to set that was given, else asked for twice. Errors as above. */
export async function requireNewPassword(choices: NewPasswordChoices, env: NodeJS.ProcessEnv): Promise<SecretBytes> {
  const given = givenNewPassword(choices, env);
  if (given !== undefined) return given;
  if (canPrompt()) return await promptTwice("New password: ");
  throw talosError("PASSWORD_REQUIRED", "A new password is needed and none was given.", {
    hint: "Use --new-password-file FILE, TALOS_NEW_KEY_PASSWORD, or run it on a terminal.",
  });
}

/**
 * The password of a recovery kit: `--recovery-kit-password-file`, `TALOS_RECOVERY_KIT_PASSWORD`, else asked for; `confirm` asks twice. Never the
 * agent's sources: the two are to differ. Errors as above.
 */
export async function requireKitPassword(
  choices: KitPasswordChoices,
  env: NodeJS.ProcessEnv,
  { confirm = false }: { readonly confirm?: boolean } = {},
): Promise<SecretBytes> {
  if (choices.recoveryKitPasswordFile !== undefined) return passwordFromFile(choices.recoveryKitPasswordFile);
  const fromEnvironment = passwordFromEnvironment("TALOS_RECOVERY_KIT_PASSWORD", env);
  if (fromEnvironment !== undefined) return fromEnvironment;
  const question = "Password of the recovery kit: ";
  if (canPrompt()) return confirm ? await promptTwice(question) : normalisedPassword(await promptPassword(question));
  throw talosError("PASSWORD_REQUIRED", "The recovery kit needs its password, and none was given.", {
    hint: "Use --recovery-kit-password-file FILE, TALOS_RECOVERY_KIT_PASSWORD, or run it on a terminal.",
  });
}

/** Asked for on the terminal, and once more. Errors: as `promptPassword`; `INVALID_ARGUMENT` where the two differ. */
export async function promptTwice(question: string): Promise<SecretBytes> {
  const password = normalisedPassword(await promptPassword(question));
  using again = normalisedPassword(await promptPassword("Once more: "));
  if (secureCompare(password, again)) return password;
  password.dispose();
  throw talosError("INVALID_ARGUMENT", "The two passwords differ.", { hint: "Start again and type the same one twice." });
}

function passwordFromEnvironment(name: string, env: NodeJS.ProcessEnv): SecretBytes | undefined {
  const text = env[name];
  if (text === "") throw talosError("PASSWORD_REQUIRED", `${name} is set and empty.`);
  return text === undefined ? undefined : SecretBytes.fromUtf8(text);
}
