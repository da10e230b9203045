/** `talos recovery-kit create|check|split|join`: the kit that takes an identity back. Only `create` opens the agent and needs a directory. */
import { checkRecoveryKit, joinRecoveryShares, splitRecoveryKit } from "@talos/agent";
import { talosError } from "@talos/core";
import { openAgent } from "../agent-access.ts";
import type { CommandContext, CommonChoices } from "../command-context.ts";
import { existingDataDirectory } from "../data-directory.ts";
import { formatTime } from "../output/moments.ts";
import { printable } from "../output/table.ts";
import { requireKitPassword } from "../password/sources.ts";
import { givenUnlocking } from "../password/unlocking.ts";

export interface KitChoices extends CommonChoices {
  readonly file: string;
  readonly recoveryKitPasswordFile?: string;
}

export interface CreateKitChoices extends KitChoices {
  readonly offline?: boolean;
  readonly allowWeakPassword?: boolean;
}

export interface SplitKitChoices extends KitChoices {
  readonly shares: number;
  readonly threshold: number;
  readonly outputDir: string;
}

export interface JoinSharesChoices extends CommonChoices {
  readonly files: readonly string[];
  readonly output?: string;
  readonly recoveryKitPasswordFile?: string;
  readonly allowWeakPassword?: boolean;
}

/** What whoever has just made one should know. */
export const KIT_ADVICE: string =
  "Move it off this machine, or print it, and keep its password apart from it. It outranks every other key of the agent, and nobody can reset its password.";

export async function createKit(choices: CreateKitChoices, context: CommandContext): Promise<void> {
  const { output, env } = context;
  const { file, offline = false, allowWeakPassword = false } = choices;
  await using client = await openAgent(choices, context);
  using password = await requireKitPassword(choices, env, { confirm: true });
  const { path, seq } = await client.recoveryKit.create({ path: file, password, offline, allowWeakPassword });
  output.document({ agentId: client.did, recoveryKit: path, seq });
  output.line(`Made the recovery kit ${path}; it is in force since event ${seq} of the identity.`);
  output.remark(KIT_ADVICE);
}

export async function checkKit(choices: KitChoices, { output, env }: CommandContext): Promise<void> {
  const dataDir = existingDataDirectory(choices, env);
  using unlocking = givenUnlocking(choices, env);
  using password = await requireKitPassword(choices, env);
  const check = await checkRecoveryKit({ dataDir, ...unlocking?.options, recoveryKit: { path: choices.file, password } });
  output.document({ ...check, dataDir });
  output.line(`The kit opens, and it is the one in force for ${check.did}.`);
  output.line(`Made ${formatTime(check.createdAt)} for ${printable(check.agentName)}; used ${times(check.keyIndex)}.`);
  if (check.recorded) return;
  const why = unlocking === undefined ? "nothing to open the agent with was given" : "the agent is in use";
  output.remark(`talos status does not know of this check: ${why}.`);
}

export async function splitKit(choices: SplitKitChoices, { output, env }: CommandContext): Promise<void> {
  const { file: path, shares, threshold, outputDir } = choices;
  using password = await requireKitPassword(choices, env);
  const split = await splitRecoveryKit({ path, password, shares, threshold, outputDir });
  output.document(split);
  output.line(
    `Split the kit of ${printable(split.agentName)}: any ${threshold} of these ${shares} shares of set ${split.set} give it back.`,
  );
  for (const share of split.files) output.line(share);
  output.remark(
    "Keep each share at another place: whoever has enough of them needs no password. The kit itself is as it was, and still opens with its password.",
  );
}

export async function joinShares(choices: JoinSharesChoices, { output, env }: CommandContext): Promise<void> {
  const { files: shares, output: path, allowWeakPassword = false } = choices;
  if (path === undefined) {
    throw talosError("INVALID_ARGUMENT", "It has to be said where the kit is written.", { hint: "Use --output FILE." });
  }
  using password = await requireKitPassword(choices, env, { confirm: true });
  const joined = await joinRecoveryShares({ shares, path, password, allowWeakPassword });
  output.document({ agentId: joined.did, agentName: joined.agentName, set: joined.set, recoveryKit: joined.path });
  output.line(`Made the recovery kit ${joined.path} of shares of set ${joined.set}, for ${printable(joined.agentName)} ${joined.did}.`);
  output.remark(KIT_ADVICE);
}

function times(count: number): string {
  return count === 0 ? "never" : count === 1 ? "once" : `${count} times`;
}
