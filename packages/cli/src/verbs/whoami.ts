/** `talos whoami`: who the agent is. Reads only. */
import { inspectAgent } from "../agent-access.ts";
import type { CommandContext, CommonChoices } from "../command-context.ts";
import { printable } from "../output/table.ts";

export async function whoami(choices: CommonChoices, context: CommandContext): Promise<void> {
  const { output } = context;
  await using agent = await inspectAgent(choices, context);
  const { did, name, directory, identityKey, dataDir } = agent;
  const address = directory === undefined ? did : `${did}@${new URL(directory).host}`;
  output.document({ did, name, address, identityKey, directory: directory ?? null, dataDir });
  output.line(`name          ${printable(name)}`);
  output.line(`agent id      ${did}`);
  output.line(`address       ${address}`);
  output.line(`identity key  Ed25519 ${identityKey}`);
  output.line(`data          ${dataDir}`);
}
