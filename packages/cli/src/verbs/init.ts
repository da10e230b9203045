/** `talos init NAME`: makes an agent. The only command that creates one. */
import { TalosClient } from "@talos/agent";
import { talosError } from "@talos/core";
import type { CommandContext, CommonChoices } from "../command-context.ts";
import { dataDirectoryOf } from "../data-directory.ts";
import { requireUnlocking } from "../password/unlocking.ts";

export interface InitChoices extends CommonChoices {
  readonly name: string;
  readonly directory?: string;
  readonly allowWeakPassword?: boolean;
}

export async function init(choices: InitChoices, { output, env }: CommandContext): Promise<void> {
  const dataDir = dataDirectoryOf(choices.name, choices, env);
  if (TalosClient.exists({ dataDir })) throw talosError("VAULT_EXISTS", undefined, { details: { dataDir } });
  using unlocking = await requireUnlocking(choices, env, { confirm: true });
  await using client = await TalosClient.create(choices.name, {
    dataDir,
    ...unlocking.options,
    allowWeakPassword: choices.allowWeakPassword === true,
    ...(choices.directory === undefined ? {} : { directory: choices.directory }),
  });
  await client.flush({ timeoutSeconds: PUBLISH_TIMEOUT_SECONDS });
  const { publication } = client.status();
  output.document({ agentId: client.did, name: choices.name, dataDir, publication });
  output.line(`Made agent ${choices.name}: ${client.did}`);
  output.line(`Data directory: ${dataDir}`);
  output.line(`Directory: ${choices.directory ?? "none"} (${publication})`);
  output.remark("No recovery kit was made: whoever copies this data directory and what opens it can take the identity over.");
}

const PUBLISH_TIMEOUT_SECONDS = 10;
