/** `talos revoke`: ends the agent for good, so it wants the agent's name typed once more (`--yes-end NAME`). */
import { talosError } from "@talos/core";
import { openAgent } from "../agent-access.ts";
import type { CommandContext, CommonChoices } from "../command-context.ts";
import { printable } from "../output/table.ts";
import { kitOf, type KitChoices } from "../password/kit.ts";

export interface RevokeChoices extends CommonChoices, KitChoices {
  readonly reason?: "decommissioned" | "compromise" | "lost";
  readonly yesEnd?: string;
  readonly notify: boolean;
  readonly offline?: boolean;
}

export async function revoke(choices: RevokeChoices, context: CommandContext): Promise<void> {
  const { output, env } = context;
  const { reason, notify, offline, yesEnd } = choices;
  using kit = await kitOf(choices, env);
  await using client = await openAgent(choices, context);
  const { name, did } = client.status();
  if (yesEnd !== name) {
    throw talosError("CONFIRMATION_REQUIRED", "A revocation ends the agent for good; it is confirmed with the agent's name.", {
      hint: "Repeat the command with --yes-end and the agent's name.",
      details: { name },
    });
  }
  const result = await client.revokeIdentity({
    notifyPeers: notify,
    ...(reason === undefined ? {} : { reason }),
    ...(kit === undefined ? {} : { recoveryKit: kit.options }),
    ...(offline === true ? { offline } : {}),
  });
  output.document({ did, name, ...result });
  output.line(
    `Agent ${printable(name)} is revoked by event ${result.seq} (${result.authority} key). ${result.final ? "Nothing can follow." : "Only a recovery key can undo it."}`,
  );
  output.line(
    `${result.notified.length} of ${result.notified.length + result.pending.length} peers have acknowledged; talos status names the others.`,
  );
}
