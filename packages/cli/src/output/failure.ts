/** How a command ends badly: one line, then `hint:`, and the exit code of the error. Never a stack, never an input. */
import { isTalosError, talosError, type TalosError } from "@talos/core";
import type { Output, Streams } from "./output.ts";
import { printable } from "./table.ts";

/** Prints the error and returns the exit code. An error that is not of the taxonomy is `INTERNAL`. */
export function reportFailure(error: unknown, output: Output, streams: Streams): number {
  const failure = asTalosError(error);
  const { code, message, hint, details } = failure;
  output.document({ error: { code, message, hint, details } });
  const facts = Object.entries(details).map(([name, value]) => `${name}: ${printable(String(value))}`);
  streams.stderr.write(`talos: ${printable(message)} [${code}]${facts.length === 0 ? "" : ` (${facts.join(", ")})`}\n`);
  streams.stderr.write(`hint: ${printable(hint)}\n`);
  return failure.exitCode;
}

function asTalosError(error: unknown): TalosError {
  if (isTalosError(error)) return error;
  if (isWithoutFolder(error)) {
    return talosError("FILE_NOT_FOUND", "The folder in which this runs is not there any more.", {
      hint: "Change into another one, or name files and folders by their whole paths.",
      cause: error,
    });
  }
  return talosError("INTERNAL", undefined, { cause: error, details: { kind: nameOf(error) } });
}

/** What the system says of every path that does not begin at the root, once the shell stands on a medium that was taken away. */
function isWithoutFolder(error: unknown): boolean {
  return error instanceof Error && "syscall" in error && error.syscall === "uv_cwd";
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}
