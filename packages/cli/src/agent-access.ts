/** How verbs open an agent: for looking only, or for work. */
import { TalosClient, type Inspection } from "@talos/agent";
import type { CommandContext, CommonChoices } from "./command-context.ts";
import { existingDataDirectory } from "./data-directory.ts";
import { givenPassword, requirePassword } from "./password/sources.ts";

/** Reads only and works beside a running agent. A password that is given is checked all the same. */
export async function inspectAgent(choices: CommonChoices, { env }: CommandContext): Promise<Inspection> {
  const dataDir = existingDataDirectory(choices, env);
  using password = givenPassword(choices, env);
  return await TalosClient.inspect({ dataDir, ...(password === undefined ? {} : { password }) });
}

/** Opens the agent for work: takes its lock and a new generation. */
export async function openAgent(choices: CommonChoices, { env }: CommandContext): Promise<TalosClient> {
  const dataDir = existingDataDirectory(choices, env);
  using password = await requirePassword(choices, env);
  return await TalosClient.open({ dataDir, password });
}
