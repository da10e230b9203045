/**
 * What a command opens an agent with: `--password-file`, `--key-file` or `--credential`, else a password from elsewhere, else
 * the credential that is there for it. Reads neither key files nor that credential: the client does.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { SecretBytes } from "@talos/core";
import { talosError } from "@talos/core";
import { passwordFromFile } from "./password-file.ts";
import { canPrompt } from "./prompt.ts";
import { givenPassword, promptTwice, requirePassword, type NewPasswordChoices } from "./sources.ts";

/** A credential of this name opens the agent where nothing else is given. */
const UNLOCK_CREDENTIAL = "talos-unlock-key";

export interface UnlockChoices {
  readonly passwordFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly credential?: string | undefined;
}

/** Disposing it wipes the password, if it is one. */
export interface Unlocking extends Disposable {
  /** As the client takes it. */
  readonly options: { readonly password: SecretBytes } | { readonly keyFile: string } | { readonly credential: string };
}

/** What was given without asking anybody, or nothing. Errors: `INVALID_ARGUMENT` for several; as `givenPassword`. */
export function givenUnlocking(choices: UnlockChoices, env: NodeJS.ProcessEnv): Unlocking | undefined {
  const { passwordFile, keyFile, credential } = choices;
  if ([passwordFile, keyFile, credential].filter((given) => given !== undefined).length > 1) {
    throw talosError("INVALID_ARGUMENT", "One of --password-file, --key-file and --credential opens an agent; several are given.", {
      hint: "Give one of them.",
    });
  }
  if (keyFile !== undefined) return { options: { keyFile }, [Symbol.dispose]: nothingToWipe };
  if (credential !== undefined) return { options: { credential }, [Symbol.dispose]: nothingToWipe };
  const password = givenPassword(choices, env);
  if (password !== undefined) return withPassword(password);
  const credentials = env["CREDENTIALS_DIRECTORY"];
  const isThere = credentials !== undefined && credentials !== "" && existsSync(join(credentials, UNLOCK_CREDENTIAL));
  return isThere ? { options: { credential: UNLOCK_CREDENTIAL }, [Symbol.dispose]: nothingToWipe } : undefined;
}

/** What was given, else a password asked for on the terminal; `confirm` asks twice. Errors: also `PASSWORD_REQUIRED`. */
export async function requireUnlocking(
  choices: UnlockChoices,
  env: NodeJS.ProcessEnv,
  asking: { readonly confirm?: boolean } = {},
): Promise<Unlocking> {
  return givenUnlocking(choices, env) ?? withPassword(await requirePassword(choices, env, asking));
}

export interface NewUnlockChoices extends UnlockChoices, NewPasswordChoices {}

/** Disposing it wipes the password, if it is one. */
export interface NewUnlocking extends Disposable {
  /** As a recovery takes it. */
  readonly options: { readonly newPassword: SecretBytes } | { readonly keyFile: string } | { readonly credential: string };
}

/**
 * What is to open a data directory that a recovery makes: `--new-password-file`, else whatever would open an agent, else a password asked for
 * twice. Errors: `INVALID_ARGUMENT` for several; as `requireUnlocking` and `promptTwice`.
 */
export async function requireNewUnlocking(choices: NewUnlockChoices, env: NodeJS.ProcessEnv): Promise<NewUnlocking> {
  const { newPasswordFile, passwordFile, keyFile, credential } = choices;
  if (newPasswordFile === undefined) return asNew(givenUnlocking(choices, env) ?? withPassword(await promptNewPassword()));
  if (passwordFile === undefined && keyFile === undefined && credential === undefined) {
    return asNew(withPassword(passwordFromFile(newPasswordFile)));
  }
  throw talosError("INVALID_ARGUMENT", "One thing opens the new data directory; several are given.", {
    hint: "Give one of --new-password-file, --password-file, --key-file and --credential.",
  });
}

async function promptNewPassword(): Promise<SecretBytes> {
  if (canPrompt()) return await promptTwice("Password of the new data directory: ");
  throw talosError("PASSWORD_REQUIRED", "The new data directory needs a password, and none was given.", {
    hint: "Use --new-password-file FILE, --key-file FILE, TALOS_KEY_PASSWORD, or run it on a terminal.",
  });
}

function asNew(unlocking: Unlocking): NewUnlocking {
  const { options } = unlocking;
  return {
    options: "password" in options ? { newPassword: options.password } : options,
    [Symbol.dispose]: () => unlocking[Symbol.dispose](),
  };
}

function withPassword(password: SecretBytes): Unlocking {
  return { options: { password }, [Symbol.dispose]: () => password.dispose() };
}

function nothingToWipe(): void {}
