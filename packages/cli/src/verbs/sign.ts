/** `talos sign --namespace N [FILE]`: a signature by the identity key, on record before it is printed. */
import { openAgent } from "../agent-access.ts";
import type { CommandContext, CommonChoices } from "../command-context.ts";
import { readInput } from "../input-bytes.ts";

export interface SignChoices extends CommonChoices {
  readonly namespace: string;
  readonly file?: string | undefined;
}

export async function sign(choices: SignChoices, context: CommandContext): Promise<void> {
  const { output } = context;
  const message = await readInput(choices.file);
  await using client = await openAgent(choices, context);
  const { text, did, namespace, digest, seq } = await client.sign(choices.namespace, message);
  output.document({ signature: text, did, namespace, digest, seq });
  output.line(text);
}
