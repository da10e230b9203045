/**
 * Which data directory a command means: `--data-dir`, `TALOS_DATA_DIR`, else the only agent under
 * `$XDG_DATA_HOME/talos`. Reads names of folders, nothing in them.
 */
import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { isTalosError, talosError } from "@talos/core";

export interface DataDirectoryChoices {
  readonly dataDir?: string | undefined;
}

/** Where agents live by default. */
function agentsFolder(env: NodeJS.ProcessEnv): string {
  const base = env["XDG_DATA_HOME"];
  return join(base !== undefined && base.startsWith("/") ? base : join(homedir(), ".local", "share"), "talos");
}

/** For `init`: the directory of a new agent. */
export function dataDirectoryOf(name: string, choices: DataDirectoryChoices, env: NodeJS.ProcessEnv): string {
  return namedDataDirectory(choices, env) ?? join(agentsFolder(env), name);
}

/** For every other command. Errors: `INVALID_ARGUMENT` where several agents would do, `VAULT_NOT_FOUND` where none is. */
export function existingDataDirectory(choices: DataDirectoryChoices, env: NodeJS.ProcessEnv): string {
  const named = namedDataDirectory(choices, env);
  if (named !== undefined) return named;
  const folder = agentsFolder(env);
  const agents = existsSync(folder) ? readdirSync(folder).sort() : [];
  const [only] = agents;
  if (only === undefined) throw talosError("VAULT_NOT_FOUND", undefined, { details: { folder } });
  if (agents.length > 1) {
    throw talosError("INVALID_ARGUMENT", "There are several agents; say which one.", {
      hint: `Use --data-dir with one of: ${agents.map((agent) => join(folder, agent)).join(", ")}`,
    });
  }
  return join(folder, only);
}

/**
 * For a command that an agent helps and that needs none: the one named, else the only one there. Errors: `INVALID_ARGUMENT` where several
 * would do.
 */
export function dataDirectoryIfAny(choices: DataDirectoryChoices, env: NodeJS.ProcessEnv): string | undefined {
  try {
    return existingDataDirectory(choices, env);
  } catch (error) {
    if (isTalosError(error, "VAULT_NOT_FOUND")) return undefined;
    throw error;
  }
}

/** The one that was named: by the option, else by the environment. */
export function namedDataDirectory(choices: DataDirectoryChoices, env: NodeJS.ProcessEnv): string | undefined {
  const path = choices.dataDir ?? env["TALOS_DATA_DIR"];
  return path === undefined || path === "" ? undefined : resolve(path);
}
