/**
 * What a command opens an agent with: `--password-file`, `--key-file` or `--credential`, else a password from elsewhere, else
 * the credential that is there for it. Reads neither key files nor that credential: the client does.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { SecretBytes } from "@talos/core";
import { talosError } from "@talos/core";
import { givenPassword, requirePassword } from "./sources.ts";

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

function withPassword(password: SecretBytes): Unlocking {
  return { options: { password }, [Symbol.dispose]: () => password.dispose() };
}

function nothingToWipe(): void {}
