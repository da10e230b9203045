/** How verbs open an agent: for looking only, or for work. */
import { TalosClient, type Inspection } from "@talos/agent";
import type { CommandContext, CommonChoices } from "./command-context.ts";
import { existingDataDirectory } from "./data-directory.ts";
import { givenUnlocking, requireUnlocking } from "./password/unlocking.ts";

/** Reads only and works beside a running agent. What is given to open it is checked all the same. */
export async function inspectAgent(choices: CommonChoices, { env }: CommandContext): Promise<Inspection> {
  const dataDir = existingDataDirectory(choices, env);
  using unlocking = givenUnlocking(choices, env);
  return await TalosClient.inspect({ dataDir, ...unlocking?.options });
}

/** Opens the agent for work: takes its lock and a new generation. */
export async function openAgent(choices: CommonChoices, { env }: CommandContext): Promise<TalosClient> {
  const dataDir = existingDataDirectory(choices, env);
  using unlocking = await requireUnlocking(choices, env);
  return await TalosClient.open({ dataDir, ...unlocking.options });
}
