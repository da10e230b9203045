/** `talos init NAME`: makes an agent. The only command that creates one. */
import { resolve } from "node:path";
import { TalosClient } from "@talos/agent";
import { talosError } from "@talos/core";
import type { CommandContext, CommonChoices } from "../command-context.ts";
import { dataDirectoryOf } from "../data-directory.ts";
import { canPrompt, promptText } from "../password/prompt.ts";
import { requireKitPassword } from "../password/sources.ts";
import { requireUnlocking } from "../password/unlocking.ts";
import { KIT_ADVICE } from "./recovery-kit.ts";

export interface InitChoices extends CommonChoices {
  readonly name: string;
  readonly directory?: string;
  readonly allowWeakPassword?: boolean;
  /** A path; false: none. */
  readonly recoveryKit?: string | false;
  readonly recoveryKitPasswordFile?: string;
}

export async function init(choices: InitChoices, context: CommandContext): Promise<void> {
  const { output, env } = context;
  checkKitChoices(choices);
  const dataDir = dataDirectoryOf(choices.name, choices, env);
  if (TalosClient.exists({ dataDir })) throw talosError("VAULT_EXISTS", undefined, { details: { dataDir } });
  using unlocking = await requireUnlocking(choices, env, { confirm: true });
  const kitPath = await kitPathOf(choices, context);
  using kitPassword = kitPath === undefined ? undefined : await requireKitPassword(choices, env, { confirm: true });
  await using client = await TalosClient.create(choices.name, {
    dataDir,
    ...(kitPath === undefined || kitPassword === undefined ? {} : { recoveryKit: { path: kitPath, password: kitPassword } }),
    ...unlocking.options,
    allowWeakPassword: choices.allowWeakPassword === true,
    ...(choices.directory === undefined ? {} : { directory: choices.directory }),
  });
  await client.flush({ timeoutSeconds: PUBLISH_TIMEOUT_SECONDS });
  const { publication } = client.status();
  output.document({ agentId: client.did, name: choices.name, dataDir, publication, recoveryKit: kitPath ?? null });
  output.line(`Made agent ${choices.name}: ${client.did}`);
  output.line(`Data directory: ${dataDir}`);
  output.line(`Directory: ${choices.directory ?? "none"} (${publication})`);
  output.line(`Recovery kit: ${kitPath ?? "none"}`);
  output.remark(kitPath === undefined ? WITHOUT_KIT : KIT_ADVICE);
}

const PUBLISH_TIMEOUT_SECONDS = 10;
const WITHOUT_KIT =
  "No recovery kit was made: whoever copies this data directory and what opens it can take the identity over for good, and when it is lost so is the identity. Make one with: talos recovery-kit create FILE";

/** Absolute. On a terminal it is asked for; without one, and without a word, none is made. */
async function kitPathOf(choices: InitChoices, { signal }: CommandContext): Promise<string | undefined> {
  if (choices.recoveryKit === false) return undefined;
  if (choices.recoveryKit !== undefined) return resolve(choices.recoveryKit);
  if (choices.json === true || !process.stdin.isTTY || !canPrompt()) return undefined;
  const answer = await promptText("File for the recovery kit, best on another medium (empty: make none): ", signal);
  return answer === "" ? undefined : resolve(answer);
}

function checkKitChoices({ recoveryKit, recoveryKitPasswordFile }: InitChoices): void {
  if (recoveryKitPasswordFile === undefined || typeof recoveryKit === "string") return;
  throw talosError("INVALID_ARGUMENT", "A password for a recovery kit is given, and no file for the kit.", {
    hint: "Say where it is written: --recovery-kit FILE.",
  });
}
