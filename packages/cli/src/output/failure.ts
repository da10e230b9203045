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
  return isTalosError(error) ? error : talosError("INTERNAL", undefined, { cause: error, details: { kind: nameOf(error) } });
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}
