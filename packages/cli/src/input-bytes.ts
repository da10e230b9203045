/** Bytes that a command is given: a file, or standard input. Bounded, and never shown in an error. */
import { readFile, stat } from "node:fs/promises";
import { talosError } from "@talos/core";

/** A person signs documents, not disks. */
const MAX_INPUT_BYTES = 256_000_000;

/** The file, else standard input. Errors: FILE_NOT_FOUND, MESSAGE_TOO_LARGE, INVALID_ARGUMENT where nothing is given. */
export async function readInput(path: string | undefined): Promise<Uint8Array> {
  return path === undefined ? await readStandardInput() : await readInputFile(path);
}

/** Errors: FILE_NOT_FOUND, MESSAGE_TOO_LARGE. */
export async function readInputFile(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size > MAX_INPUT_BYTES) throw talosError("MESSAGE_TOO_LARGE", undefined, { details: { bytes: size } });
    return await readFile(path);
  } catch (cause) {
    if (cause instanceof Error && "syscall" in cause) {
      throw talosError("FILE_NOT_FOUND", "A file that was named cannot be read.", { cause, details: { file: path } });
    }
    throw cause;
  }
}

/** As `readInputFile`, as text. */
export async function readTextFile(path: string): Promise<string> {
  return Buffer.from(await readInputFile(path)).toString("utf8");
}

async function readStandardInput(): Promise<Uint8Array> {
  if (process.stdin.isTTY) {
    throw talosError("INVALID_ARGUMENT", "There is nothing to read.", { hint: "Name a file, or pipe the content in." });
  }
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of process.stdin) {
    const chunk = Buffer.from(part as Buffer);
    bytes += chunk.length;
    if (bytes > MAX_INPUT_BYTES) throw talosError("MESSAGE_TOO_LARGE");
    parts.push(chunk);
  }
  return Buffer.concat(parts);
}
