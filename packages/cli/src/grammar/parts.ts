/** What the grammar of several commands shares: options, arguments and their forms. Knows no verb. */
import { type Command, InvalidArgumentError, Option } from "commander";
import type { CommonChoices, Verb } from "../command-context.ts";

/** Runs a verb with its choices: `main` supplies output, signals and exit codes. */
export type Dispatch = <Choices extends CommonChoices>(verb: Verb<Choices>, choices: Choices) => Promise<void>;

export const ALLOW_WEAK_PASSWORD = ["--allow-weak-password", "take a password that can be guessed, for a trial"] as const;
export const KIT_PASSWORD_FILE = [
  "--recovery-kit-password-file <path>",
  "file that holds the kit's own password (else TALOS_RECOVERY_KIT_PASSWORD, or a prompt)",
] as const;

export const BACKUP_PASSWORD_FILE = ["--backup-password-file <path>", "file that holds a password of the backup (else a prompt)"] as const;

export const NO_NOTIFY = ["--no-notify", "bring the event to nobody; peers learn of it when they next look"] as const;
export const OFFLINE = [
  "--offline",
  "make the event without the directory; another copy of the agent could then make one in its place",
] as const;

/** Options of commands that touch an agent. */
export function common(command: Command): Command {
  return outputOptions(command)
    .option("--data-dir <path>", "the agent's data directory (default: TALOS_DATA_DIR, else $XDG_DATA_HOME/talos/NAME)")
    .option("--password-file <path>", "file that holds the password; one line end after it is dropped")
    .option("--key-file <path>", "file of 32 to 1024 random bytes that opens the agent instead of a password")
    .option("--credential <name>", "systemd credential of 32 to 1024 random bytes that opens the agent instead of a password");
}

export function outputOptions(command: Command): Command {
  return command.option("--json", "print one JSON document").option("--quiet", "no remarks on standard error");
}

export function group(program: Command, name: string, description: string): Command {
  return program.command(name).description(description).helpCommand(false);
}

export function secondsOption(flags: string, description: string, fallback: number): Option {
  return new Option(flags, description).default(fallback).argParser(parseSeconds);
}

/** For an option that may be given several times. */
export function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value];
}

export function countOption(flags: string, description: string, fallback?: number): Option {
  const option = new Option(flags, description).argParser(parseCount);
  return fallback === undefined ? option : option.default(fallback);
}

function parseCount(text: string): number {
  if (!/^\d{1,4}$/.test(text)) throw new InvalidArgumentError("It takes a whole number.");
  return Number(text);
}

function parseSeconds(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError("It takes a whole number of seconds.");
  return Number(text);
}
