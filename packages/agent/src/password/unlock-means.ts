/**
 * From options to what opens a vault: a password, a key file's bytes, or a credential's. The only place where the process's
 * credentials are looked at. Knows no slot.
 */
import { decodeUtf8, isTalosError, revealSecret, SecretBytes, talosError } from "@talos/core";
import type { PasswordSource, UnlockOptions } from "../options.ts";
import type { UnlockKind, UnlockWith } from "../vault/index.ts";
import { readCredential, readKeyFile } from "./key-material.ts";

/** Wiped when it is disposed. */
export interface UnlockMeans extends UnlockWith, Disposable {
  /** What a slot made of it is called unless its owner says otherwise: of a credential its name. */
  readonly label: string;
}

/** Whether one of them is given. */
export function isUnlockGiven({ password, keyFile, credential }: UnlockOptions): boolean {
  return password !== undefined || keyFile !== undefined || credential !== undefined;
}

/**
 * @throws TalosError PASSWORD_REQUIRED where none is given, INVALID_ARGUMENT where several are; as `readPassword`,
 *   `readKeyFile` and `readCredential`
 */
export async function readUnlock({ password, keyFile, credential }: UnlockOptions): Promise<UnlockMeans> {
  if ([password, keyFile, credential].filter((given) => given !== undefined).length > 1) {
    throw talosError("INVALID_ARGUMENT", "Of password, key file and credential, one opens an agent; several are given.", {
      details: { options: "password, keyFile, credential" },
    });
  }
  if (keyFile !== undefined) return means("key-file", readKeyFile(keyFile));
  if (credential !== undefined) return means("credential", readCredential(credential, process.env), credential);
  return means("password", await readPassword(password));
}

/**
 * The password's bytes in Unicode form NFC, in memory of their own: the caller's `SecretBytes` is copied, so disposing the result
 * does not touch it.
 *
 * @throws TalosError PASSWORD_REQUIRED when there is none or it is empty; INVALID_ARGUMENT for another type; MALFORMED for bytes that
 *   are not UTF-8
 */
export async function readPassword(source: PasswordSource | undefined): Promise<SecretBytes> {
  const given = typeof source === "function" ? await source() : source;
  if (given === undefined || given === "") throw talosError("PASSWORD_REQUIRED");
  if (typeof given === "string") return SecretBytes.fromUtf8(given);
  if (!(given instanceof SecretBytes)) {
    throw talosError("INVALID_ARGUMENT", "A password is text or SecretBytes.", { details: { option: "password" } });
  }
  if (given.length === 0) throw talosError("PASSWORD_REQUIRED");
  return normalisedPassword(given.clone());
}

/**
 * The same password in Unicode form NFC, as text gets it: typed on another system it is the same. Takes over what it is given. ASCII
 * needs no normal form, so it never becomes a string, which could not be wiped.
 *
 * @throws TalosError MALFORMED where it is not UTF-8
 */
export function normalisedPassword(password: SecretBytes): SecretBytes {
  const bytes = revealSecret(password);
  if (bytes.every((byte) => byte < 0x80)) return password;
  try {
    return SecretBytes.fromUtf8(decodeUtf8(bytes));
  } catch (error) {
    if (!isTalosError(error, "MALFORMED")) throw error;
    throw talosError("MALFORMED", "The password is not UTF-8 text.", {
      hint: "Give it as UTF-8; random bytes belong in a key file.",
      details: { option: "password" },
    });
  } finally {
    password.dispose();
  }
}

function means(kind: UnlockKind, secret: SecretBytes, label = ""): UnlockMeans {
  return { kind, secret, label, [Symbol.dispose]: () => secret.dispose() };
}
