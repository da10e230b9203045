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
  const rows = agents.map(({ did, seq, oneTimePrekeys, mailboxItems, contenders, cutOffEvents }) => [
    did,
    ...[seq, oneTimePrekeys, mailboxItems, contenders, cutOffEvents].map(String),
  ]);
  for (const line of formatTable(["AGENT ID", "SEQ", "ONE-TIME PREKEYS", "MAILBOX ITEMS", "CONTENDERS", "CUT OFF"], rows))
    output.line(line);
  if (agents.some(({ contenders }) => contenders > 0)) {
    output.remark(
      "A contender is well signed and came second: somebody else has that agent's keys, or two copies of it run. Tell its owner.",
    );
  }
}
