/** `talos status`: the key table and what is under way. Reads only, works beside a running agent. */
import { inspectAgent } from "../agent-access.ts";
import type { CommandContext, CommonChoices } from "../command-context.ts";
import { statusLines } from "../output/status-report.ts";

export async function status(choices: CommonChoices, context: CommandContext): Promise<void> {
  const { output } = context;
  await using agent = await inspectAgent(choices, context);
  const report = agent.status();
  output.document(report);
  for (const line of statusLines(report, (text) => output.heading(text))) output.line(line);
}
