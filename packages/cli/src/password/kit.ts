/** A recovery kit that a command is given: `--recovery-kit FILE`, and its password from its own sources. */
import type { SecretBytes } from "@talos/core";
import { requireKitPassword, type KitPasswordChoices } from "./sources.ts";

export interface KitChoices extends KitPasswordChoices {
  readonly recoveryKit?: string;
}

/** Disposing it wipes the password. */
export interface GivenKit extends Disposable {
  /** As the client takes it. */
  readonly options: { readonly path: string; readonly password: SecretBytes };
}

/** Nothing where no kit is given. Errors: as `requireKitPassword`. */
export async function kitOf(choices: KitChoices, env: NodeJS.ProcessEnv): Promise<GivenKit | undefined> {
  const { recoveryKit } = choices;
  return recoveryKit === undefined ? undefined : await kitAt(recoveryKit, choices, env);
}

/** The kit in that file. Errors: as `requireKitPassword`. */
export async function kitAt(path: string, choices: KitPasswordChoices, env: NodeJS.ProcessEnv): Promise<GivenKit> {
  const password = await requireKitPassword(choices, env);
  return { options: { path, password }, [Symbol.dispose]: () => password.dispose() };
}
