/** `talos directory stock`: what a directory's database holds, for its operator. Reads only, works beside the server. */
import { inspectStore } from "@talos/directory";
import type { CommandContext, CommonChoices } from "../command-context.ts";
import { formatTable } from "../output/table.ts";

export interface StockChoices extends CommonChoices {
  readonly store?: string;
}

export async function directoryStock(choices: StockChoices, { output }: CommandContext): Promise<void> {
  const agents = inspectStore(choices.store ?? "sqlite:talos-directory.db");
  output.document({ agents });
  if (agents.length === 0) return output.remark("No agents.");
  const rows = agents.map((agent) => [agent.did, String(agent.seq), String(agent.oneTimePrekeys), String(agent.mailboxItems)]);
  for (const line of formatTable(["AGENT ID", "SEQ", "ONE-TIME PREKEYS", "MAILBOX ITEMS"], rows)) output.line(line);
}
