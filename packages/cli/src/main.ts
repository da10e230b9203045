/** Runs the command: parses, dispatches, turns every ending into an exit code, and stops at signals in an orderly way. */
import { talosError } from "@talos/core";
import { CommanderError, type Command } from "commander";
import { reportFailure } from "./output/failure.ts";
import { Output, type Streams } from "./output/output.ts";
import type { Dispatch } from "./grammar/parts.ts";
import { buildProgram } from "./program.ts";

const EXIT_USAGE = 2;

/** Returns the exit code; the process ends when nothing is left to do. */
export async function main(argv: readonly string[], streams: Streams = process, env: NodeJS.ProcessEnv = process.env): Promise<number> {
  let exitCode = 0;
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  const dispatch: Dispatch = async (verb, choices) => {
    const output = new Output(choices, streams);
    process.once("SIGINT", onSignal).once("SIGTERM", onSignal);
    try {
      exitCode = (await verb(choices, { output, env, streams, signal: stop.signal })) ?? 0;
    } catch (error) {
      exitCode = reportFailure(error, output, streams);
    } finally {
      process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
    }
  };
  const program = buildProgram(dispatch);
  forEachCommand(program, (command) => {
    command.exitOverride().configureOutput({ writeOut: (text) => streams.stdout.write(text), writeErr: () => undefined });
  });
  try {
    await program.parseAsync([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return endOfParsing(error, program, argv, streams);
  }
  return exitCode;
}

function forEachCommand(command: Command, visit: (command: Command) => void): void {
  visit(command);
  for (const child of command.commands) forEachCommand(child, visit);
}

/** Help and version end well; everything else is a usage error of our own kind, and commander's text is not printed. */
function endOfParsing(error: CommanderError, program: Command, argv: readonly string[], streams: Streams): number {
  if (error.exitCode === 0) return 0;
  if (error.code === "commander.help") {
    if (argv.length === 0) streams.stdout.write(program.helpInformation());
    if (argv.length === 0) return EXIT_USAGE;
  }
  const output = new Output({ json: argv.includes("--json") }, streams);
  return reportFailure(usageError(error), output, streams);
}

function usageError(error: CommanderError): ReturnType<typeof talosError> {
  switch (error.code) {
    case "commander.unknownOption":
      return talosError("UNKNOWN_OPTION");
    case "commander.unknownCommand":
    case "commander.help":
      return talosError("UNKNOWN_COMMAND");
    case "commander.missingArgument":
      return talosError("INVALID_ARGUMENT", "An argument is missing.", { hint: "See talos --help for what the command takes." });
    case "commander.excessArguments":
      return talosError("INVALID_ARGUMENT", "There are more arguments than the command takes.", {
        hint: "Quote a text that has spaces; see talos --help.",
      });
    case "commander.missingMandatoryOptionValue":
      return talosError("INVALID_ARGUMENT", "An option that the command needs is missing.", {
        hint: "See the command's --help for what it needs.",
      });
    case "commander.optionMissingArgument":
      return talosError("INVALID_ARGUMENT", "An option lacks its value.", { hint: "See talos --help for what the option takes." });
    default:
      return talosError("INVALID_ARGUMENT");
  }
}
