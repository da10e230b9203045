/**
 * Password files: UTF-8, one password, as a person could type it at a prompt. A pipe will do, and a file without end is left in time. Knows no
 * other source of passwords.
 */
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { normalisedPassword } from "@talos/agent";
import { SecretBytes, talosError, zeroBytes } from "@talos/core";
import { printable } from "../output/table.ts";

const MAX_FILE_BYTES = 65_536;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BYTE_ORDER_MARK = Buffer.from("\u{feff}");
const PAUSE_MILLISECONDS = 20;
/** For somebody who is asked by what writes into the pipe. */
const WRITER_MILLISECONDS = 120_000;
/** Until one comes who writes. */
const NO_WRITER_MILLISECONDS = 10_000;

/**
 * One line end after the password is dropped: editors and `echo` add it.
 *
 * @throws TalosError FILE_NOT_FOUND (also where nobody writes into a pipe); PASSWORD_REQUIRED (the file is empty); MALFORMED (not UTF-8);
 *   INVALID_ARGUMENT (too large for a password, or nothing that can be typed)
 */
export function passwordFromFile(path: string): SecretBytes {
  return passwordFromBytes(readFile(path), path);
}

/** Of a credential that may not be there: undefined then. @throws TalosError as `passwordFromFile` */
export function passwordFromCredential(path: string): SecretBytes | undefined {
  let bytes: Buffer;
  try {
    bytes = readAll(path);
  } catch {
    return undefined;
  }
  return passwordFromBytes(bytes, path);
}

function readFile(path: string): Buffer {
  try {
    return readAll(path);
  } catch (cause) {
    throw talosError("FILE_NOT_FOUND", `The password file ${printable(path)} cannot be read.`, { cause });
  }
}

/** At most one byte more than a password file may have. @throws TalosError FILE_NOT_FOUND where a writer writes nothing; of the system */
function readAll(path: string): Buffer {
  // A pipe that nobody has opened for writing would hold up the process, and no signal would end that.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const bytes = Buffer.alloc(MAX_FILE_BYTES + 1);
  try {
    const isPipe = fstatSync(file).isFIFO();
    let length = 0;
    let waited = 0;
    while (length < bytes.length) {
      const count = readSome(file, bytes.subarray(length));
      const mayCome = isPipe && length === 0 && waited < NO_WRITER_MILLISECONDS;
      if (count === 0 && !mayCome) break;
      if (count === undefined && waited >= WRITER_MILLISECONDS) throw talosError("FILE_NOT_FOUND");
      length += count ?? 0;
      if (!count) waited += pause();
    }
    return Buffer.from(bytes.subarray(0, length));
  } finally {
    zeroBytes(bytes);
    closeSync(file);
  }
}

/** @returns how long, in milliseconds */
function pause(): number {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MILLISECONDS);
  return PAUSE_MILLISECONDS;
}

/** Undefined where there is nothing yet, and there may be. */
function readSome(file: number, into: Uint8Array): number | undefined {
  try {
    return readSync(file, into, 0, into.length, null);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EAGAIN") return undefined;
    throw error;
  }
}

/** Wipes the bytes. */
function passwordFromBytes(bytes: Buffer, path: string): SecretBytes {
  try {
    const password = withoutLineEnd(bytes);
    if (password.length === 0) {
      throw talosError("PASSWORD_REQUIRED", `The password file ${printable(path)} is empty.`, {
        hint: "Write the password into it, as one line.",
      });
    }
    if (password.length > MAX_FILE_BYTES) {
      throw talosError("INVALID_ARGUMENT", `The password file ${printable(path)} is too large to hold a password.`, {
        hint: "It holds the password alone, as one line.",
      });
    }
    requireTypeable(password, path);
    return normalisedPassword(SecretBytes.copyOf(password));
  } finally {
    zeroBytes(bytes);
  }
}

function withoutLineEnd(bytes: Buffer): Buffer {
  if (bytes.at(-1) !== LINE_FEED) return bytes;
  return bytes.subarray(0, bytes.at(-2) === CARRIAGE_RETURN ? -2 : -1);
}

/** What an editor has put there would be part of the password, and nobody could type it when it is needed elsewhere. */
function requireTypeable(password: Buffer, path: string): void {
  const hasMark = password.indexOf(BYTE_ORDER_MARK) === 0;
  const hasControl = password.some((byte) => byte < 0x20 || byte === 0x7f);
  if (!hasMark && !hasControl) return;
  const what = hasMark ? "begins with a byte order mark" : "has a second line, a tab or another control character";
  throw talosError("INVALID_ARGUMENT", `The password file ${printable(path)} ${what}, which nobody can type.`, {
    hint: "It holds the password alone, as one line of UTF-8: printf '%s\\n' PASSWORD in a shell that keeps no history, or an editor that adds nothing.",
  });
}
