/**
 * Key files and systemd credentials: 32 to 1024 bytes that open a vault, read as bytes. A key file that others can read
 * is refused, since whoever copies it needs no password; a credential is guarded by the service manager.
 */
import { closeSync, fstatSync, openSync, readSync, statSync, type Stats } from "node:fs";
import { join } from "node:path";
import { SecretBytes, talosError, zeroBytes } from "@talos/core";
import { quote } from "../vault/permissions.ts";

const MIN_MATERIAL_BYTES = 32;
const MAX_MATERIAL_BYTES = 1024;
const OTHERS = 0o077;

/**
 * The content of a key file. A symbolic link is followed: what it leads to is checked.
 *
 * @param path absolute or relative to the working directory
 * @throws TalosError FILE_NOT_FOUND; PERMISSIONS_TOO_OPEN, OWNER_FOREIGN with the command that mends it; INVALID_ARGUMENT for
 *   another length
 */
export function readKeyFile(path: string): SecretBytes {
  const bytes = readMaterial(path, "keyFile", (stats) => checkKeyFile(path, stats));
  if (bytes !== undefined) return bytes;
  throw talosError("FILE_NOT_FOUND", "The key file does not exist or cannot be read.", {
    hint: `Check the path; a new one is made with: (umask 077; head -c 32 /dev/urandom > ${quote(path)})`,
    details: { option: "keyFile" },
  });
}

/**
 * The content of a credential that systemd gave to this service.
 *
 * @param name a file name under `$CREDENTIALS_DIRECTORY`
 * @throws TalosError CREDENTIAL_NOT_FOUND; INVALID_ARGUMENT for a name that is none, or another length
 */
export function readCredential(name: string, env: NodeJS.ProcessEnv): SecretBytes {
  if (!/^(?!\.{1,2}$)[^/\p{Cc}]{1,64}$/u.test(name)) {
    throw talosError("INVALID_ARGUMENT", "A credential is named by a file name, without slashes.", { details: { option: "credential" } });
  }
  const folder = env["CREDENTIALS_DIRECTORY"];
  if (folder === undefined || folder === "") {
    throw talosError("CREDENTIAL_NOT_FOUND", "There are no systemd credentials: CREDENTIALS_DIRECTORY is not set.", {
      hint: `Run it as a service with LoadCredential=${name}:PATH or LoadCredentialEncrypted=${name}:PATH.`,
    });
  }
  const bytes = readMaterial(join(folder, name), "credential", () => undefined);
  if (bytes !== undefined) return bytes;
  throw talosError("CREDENTIAL_NOT_FOUND", undefined, {
    hint: `Give it to the service with LoadCredential=${name}:PATH or LoadCredentialEncrypted=${name}:PATH.`,
  });
}

/** Undefined where there is nothing that can be read. */
function readMaterial(path: string, option: "keyFile" | "credential", check: (stats: Stats) => void): SecretBytes | undefined {
  try {
    // Before it is opened: a database of ours loses its lock when it is opened and closed as a file, and has another length.
    checkLength(statSync(path), option);
    const file = openSync(path, "r");
    try {
      const stats = fstatSync(file);
      checkLength(stats, option);
      check(stats);
      return read(file, option);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (error instanceof Error && "syscall" in error) return undefined;
    throw error;
  }
}

function read(file: number, option: "keyFile" | "credential"): SecretBytes {
  const bytes = new Uint8Array(MAX_MATERIAL_BYTES + 1);
  try {
    let length = 0;
    for (let count = -1; count !== 0 && length < bytes.length; length += count)
      count = readSync(file, bytes, length, bytes.length - length, null);
    if (length < MIN_MATERIAL_BYTES || length > MAX_MATERIAL_BYTES) throw wrongLength(option);
    return SecretBytes.copyOf(bytes.subarray(0, length));
  } finally {
    zeroBytes(bytes);
  }
}

function checkLength(stats: Stats, option: "keyFile" | "credential"): void {
  if (!stats.isFile() || stats.size < MIN_MATERIAL_BYTES || stats.size > MAX_MATERIAL_BYTES) throw wrongLength(option);
}

function wrongLength(option: "keyFile" | "credential"): Error {
  const what = option === "keyFile" ? "A key file" : "A credential";
  return talosError(
    "INVALID_ARGUMENT",
    `${what} that unlocks an agent is a file of ${MIN_MATERIAL_BYTES} to ${MAX_MATERIAL_BYTES} bytes.`,
    {
      hint: "Make one with: head -c 32 /dev/urandom; a password goes into a password file instead.",
      details: { option },
    },
  );
}

function checkKeyFile(path: string, stats: Stats): void {
  const user = process.getuid?.();
  if (user === undefined) return; // a system without such owners and modes
  if (stats.uid !== user) {
    throw talosError("OWNER_FOREIGN", "The key file belongs to another user.", {
      hint: `Run: chown ${user} ${quote(path)}`,
      details: { option: "keyFile" },
    });
  }
  if ((stats.mode & OTHERS) !== 0) {
    throw talosError("PERMISSIONS_TOO_OPEN", "The key file can be used by others than its owner.", {
      hint: `Run: chmod 600 ${quote(path)}`,
      details: { option: "keyFile" },
    });
  }
}
