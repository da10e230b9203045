/** The passwords of a backup that is to be made: each strong, each another one, and none of them a way into the data directory. */
import { isTalosError, type SecretBytes, talosError } from "@talos/core";
import type { PasswordSource } from "../options.ts";
import { isSameSecret, readPassword, requireStrongPassword } from "../password/index.ts";
import { checkNewSecret } from "../vault/slots/unlock-slots.ts";

export interface PasswordRules {
  /** What would open the data directory too. */
  readonly isKnown: (password: SecretBytes) => boolean;
  readonly allowWeak: boolean;
  /** The agent's name, which is guessed first. */
  readonly agentName: string;
}

/** Disposing it wipes them. */
export interface NewPasswords extends Disposable {
  /** UTF-8 of NFC, in the order in which they were given. */
  readonly secrets: readonly SecretBytes[];
}

/**
 * @throws TalosError PASSWORD_REQUIRED, INVALID_ARGUMENT, MALFORMED, WEAK_PASSWORD; BACKUP_PASSWORD_REUSED (`details.reason`:
 *   `data-directory`, or `repeated`)
 */
export async function readNewPasswords(
  sources: readonly PasswordSource[],
  { isKnown, allowWeak, agentName }: PasswordRules,
): Promise<NewPasswords> {
  using cleanup = new DisposableStack();
  const secrets: SecretBytes[] = [];
  for (const source of sources) {
    const secret = cleanup.use(await readPassword(source));
    checkNewSecret({ kind: "password", secret });
    await requireStrong(secret, allowWeak, agentName);
    if (secrets.some((other) => isSameSecret(other, secret))) throw reused("repeated");
    // Last, since it takes longest.
    if (isKnown(secret)) throw reused("data-directory");
    secrets.push(secret);
  }
  const held = cleanup.move();
  return { secrets, [Symbol.dispose]: () => held.dispose() };
}

function reused(reason: "data-directory" | "repeated"): Error {
  const message =
    reason === "repeated"
      ? "Two passwords of the backup are the same."
      : "The backup's password opens the data directory too: whoever learns it would have both.";
  return talosError("BACKUP_PASSWORD_REUSED", message, { details: { reason } });
}

async function requireStrong(password: SecretBytes, allowWeak: boolean, agentName: string): Promise<void> {
  try {
    await requireStrongPassword(password, { allowWeak, words: [agentName] });
  } catch (error) {
    if (!isTalosError(error, "WEAK_PASSWORD")) throw error;
    throw talosError("WEAK_PASSWORD", error.message.replace("The password", "The backup's password"), {
      hint: "Take five random words or twenty random characters: whoever finds the backup can guess at it for years.",
      details: error.details,
    });
  }
}
