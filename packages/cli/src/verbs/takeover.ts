/** `talos takeover`: makes this copy the living one. A person's act: two copies that took over from each other would never end. */
import { TalosClient } from "@talos/agent";
import type { CommandContext, CommonChoices } from "../command-context.ts";
import { existingDataDirectory } from "../data-directory.ts";
import { publishFirst } from "../output/publication.ts";
import { printable } from "../output/table.ts";
import { requireUnlocking } from "../password/unlocking.ts";

export async function takeover(choices: CommonChoices, { output, env }: CommandContext): Promise<void> {
  const dataDir = existingDataDirectory(choices, env);
  using unlocking = await requireUnlocking(choices, env);
  await using client = await TalosClient.takeover({ dataDir, ...unlocking.options });
  const publication = await publishFirst(client);
  const { did, name, generation } = client.status();
  output.document({ did, name, generation, publication });
  output.line(`This copy of ${printable(name)} is the living one now: generation ${generation} (${publication}).`);
  output.line("It has new prekeys, and its sessions begin anew. Stop the other copy: it stops by itself when it hears of this one.");
}
