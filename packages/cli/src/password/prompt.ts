/**
 * Asks on the terminal: for a password without echo, as bytes that are never a string; for what is no secret with it.
 * Reads `/dev/tty` in raw mode, so it works while standard input and output are redirected.
 */
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { ReadStream } from "node:tty";
import { SecretBytes, talosError, zeroBytes } from "@talos/core";

const MAX_PASSWORD_BYTES = 1024;
const KEY = {
  interrupt: 0x03,
  endOfInput: 0x04,
  backspace: 0x08,
  lineFeed: 0x0a,
  carriageReturn: 0x0d,
  clearLine: 0x15,
  escape: 0x1b,
  rubout: 0x7f,
};

/** Whether there is a terminal to ask on. */
export function canPrompt(): boolean {
  const terminal = openTerminal();
  if (terminal === undefined) return false;
  closeSync(terminal);
  return true;
}

/**
 * Writes `question` to the terminal and reads up to the end of the line.
 *
 * Errors: `PASSWORD_REQUIRED` without a terminal or for an empty line, `ABORTED` at ctrl-c or ctrl-d.
 */
export async function promptPassword(question: string): Promise<SecretBytes> {
  const terminal = openTerminal();
  if (terminal === undefined) throw talosError("PASSWORD_REQUIRED");
  const input = new ReadStream(terminal);
  const typed = new Uint8Array(new ArrayBuffer(MAX_PASSWORD_BYTES));
  let length = 0;
  // Before the question: whoever answers at once, a program for one, is not echoed either.
  input.setRawMode(true);
  writeSync(terminal, question);
  try {
    length = await readLine(input, typed);
    if (length === 0) throw talosError("PASSWORD_REQUIRED");
    return SecretBytes.copyOf(typed.subarray(0, length));
  } finally {
    zeroBytes(typed);
    input.setRawMode(false);
    writeSync(terminal, "\n");
    input.destroy();
  }
}

/**
 * Writes `question` to the terminal and reads what is no secret, with echo.
 *
 * Errors: `ABORTED` without a terminal, at the end of input, or when the signal aborts.
 */
export async function promptText(question: string, signal: AbortSignal): Promise<string> {
  const terminal = openTerminal();
  if (terminal === undefined) throw talosError("ABORTED");
  const input = new ReadStream(terminal);
  writeSync(terminal, question);
  try {
    // In its usual mode a terminal gives a line at a time.
    const line = await new Promise<string>((resolve, reject) => {
      const abort = (): void => reject(talosError("ABORTED"));
      signal.addEventListener("abort", abort, { once: true });
      input.once("error", abort).once("end", abort);
      input.once("data", (chunk: Buffer) => resolve(chunk.toString("utf8")));
    });
    return line.trim();
  } finally {
    input.destroy();
  }
}

function openTerminal(): number | undefined {
  try {
    return openSync("/dev/tty", constants.O_RDWR | constants.O_NOCTTY);
  } catch {
    return undefined;
  }
}

/** Collects keys into `typed` until the line ends; returns how many bytes stand there. */
function readLine(input: ReadStream, typed: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    let length = 0;
    input.on("error", () => reject(talosError("ABORTED")));
    input.on("end", () => reject(talosError("ABORTED")));
    input.on("data", (chunk: Buffer) => {
      try {
        for (const byte of chunk) {
          if (byte === KEY.carriageReturn || byte === KEY.lineFeed) return resolve(length);
          if (byte === KEY.interrupt || byte === KEY.endOfInput) return reject(talosError("ABORTED"));
          if (byte === KEY.escape) break; // an arrow or function key: the rest of this chunk is its code
          if (byte === KEY.clearLine) length = 0;
          else if (byte === KEY.backspace || byte === KEY.rubout) length = startOfLastCharacter(typed, length);
          else if (length < typed.length) typed[length++] = byte;
        }
      } finally {
        zeroBytes(chunk);
      }
    });
  });
}

/** Where the last UTF-8 character of the first `length` bytes begins. */
function startOfLastCharacter(bytes: Uint8Array, length: number): number {
  let start = Math.max(0, length - 1);
  while (start > 0 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start--;
  return start;
}
