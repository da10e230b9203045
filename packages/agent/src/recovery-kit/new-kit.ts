/**
 * A kit that is about to be made: its place and password are checked first, its seed is drawn, its commitment goes into an event that is signed
 * in memory, then the file is written and read back, and only then the event may be committed. Knows no vault and no event.
 */
import { resolve } from "node:path";
import { type AgentId, type Crypto, isTalosError, type SecretBytes, talosError } from "@talos/core";
import type { PasswordSource } from "../options.ts";
import { isSameSecret, readPassword, requireStrongPassword } from "../password/index.ts";
import type { KdfParameters } from "../vault/index.ts";
import { checkNewSecret, type UnlockWith } from "../vault/slots/unlock-slots.ts";
import { checkNewKitPath, makeKit } from "./kit-file.ts";
import { SEED_BYTES } from "./kit-record.ts";
import { kitCommitment } from "./key-in-force.ts";

/** A checked place and password; disposing it wipes the password. */
export interface KitPlace extends Disposable {
  /** Absolute. */
  readonly path: string;
  readonly password: SecretBytes;
}

export interface KitPlaceRules {
  /** A kit inside it would be stolen with it. */
  readonly dataDir: string | undefined;
  /** What would open the data directory too. */
  readonly isKnown: (password: SecretBytes) => boolean;
  readonly allowWeak: boolean;
  /** The agent's name, which is guessed first. */
  readonly agentName: string;
}

/**
 * Before anything is made.
 *
 * @throws TalosError RECOVERY_KIT_EXISTS, FILE_NOT_FOUND, INVALID_ARGUMENT of the path; PASSWORD_REQUIRED, WEAK_PASSWORD, INVALID_ARGUMENT,
 *   RECOVERY_KIT_PASSWORD_REUSED of the password
 */
export async function readKitPlace(
  { path, password: source }: { readonly path: string; readonly password: PasswordSource },
  { dataDir, isKnown, allowWeak, agentName }: KitPlaceRules,
): Promise<KitPlace> {
  checkNewKitPath(path, dataDir);
  using cleanup = new DisposableStack();
  const password = cleanup.use(await readPassword(source));
  checkNewSecret({ kind: "password", secret: password });
  await requireStrong(password, allowWeak, agentName);
  if (isKnown(password)) throw talosError("RECOVERY_KIT_PASSWORD_REUSED");
  cleanup.move();
  return { path: resolve(path), password, [Symbol.dispose]: () => password.dispose() };
}

/** Whether a password is what opens a new vault, also as the content of a key file. */
export function isUnlock(unlock: UnlockWith, password: SecretBytes): boolean {
  return isSameSecret(unlock.secret, password);
}

async function requireStrong(password: SecretBytes, allowWeak: boolean, agentName: string): Promise<void> {
  try {
    await requireStrongPassword(password, { allowWeak, words: [agentName] });
  } catch (error) {
    if (!isTalosError(error, "WEAK_PASSWORD")) throw error;
    const { message, details } = error;
    throw talosError("WEAK_PASSWORD", message.replace("The password", "The recovery kit's password"), {
      hint: "Take five random words or twenty random characters: whoever finds the kit can guess at it for years.",
      details: { ...details, option: "recoveryKit" },
    });
  }
}

/** A drawn seed that no file holds yet. Disposing it wipes the seed. */
export class NewSeed implements Disposable {
  /** 32 bytes, to the first key: for the event. */
  readonly commitment: Uint8Array;
  readonly #seed: SecretBytes;
  readonly #place: KitPlace;
  readonly #crypto: Crypto;
  #isWritten = false;

  constructor(place: KitPlace, crypto: Crypto) {
    this.#place = place;
    this.#crypto = crypto;
    this.#seed = crypto.randomSecret(SEED_BYTES);
    this.commitment = kitCommitment(this.#seed, 0, crypto);
  }

  /** Once the event with the commitment is signed, and before anything of it is committed. @throws TalosError as `makeKit` */
  write(facts: { agentName: string; agentId: AgentId; now: number; kdf: KdfParameters | undefined }): void {
    const { agentName, agentId, now: createdAt, kdf } = facts;
    const { path, password } = this.#place;
    makeKit({ path, seed: this.#seed, password, agentName, agentId, createdAt, kdf, crypto: this.#crypto });
    this.#isWritten = true;
  }

  /** The same error, and what is to be known of the kit if it lies there by now. It is never removed: the commit may have come through. */
  explain(error: unknown, what: string): unknown {
    if (!this.#isWritten || !isTalosError(error)) return error;
    const { code, message, details, cause } = error;
    return talosError(code, message, {
      hint: `${error.hint} The recovery kit ${this.#place.path} was written already: ${what}`,
      details: { ...details, recoveryKit: this.#place.path },
      cause,
    });
  }

  [Symbol.dispose](): void {
    this.#seed.dispose();
  }
}
