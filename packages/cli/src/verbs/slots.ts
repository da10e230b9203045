/** `talos slots list|add|remove`: the ways into a data directory. None of them touches a key or the network. */
import { Custody, type AddSlotOptions, type SlotInfo } from "@talos/agent";
import { talosError } from "@talos/core";
import { inspectAgent } from "../agent-access.ts";
import type { CommandContext, CommonChoices } from "../command-context.ts";
import { existingDataDirectory } from "../data-directory.ts";
import { formatTime } from "../output/moments.ts";
import { formatTable, printable } from "../output/table.ts";
import { makeKeyFile } from "../password/make-key-file.ts";
import { requireNewPassword } from "../password/sources.ts";
import { requireUnlocking } from "../password/unlocking.ts";

export interface AddSlotChoices extends CommonChoices {
  readonly newPasswordFile?: string;
  readonly newKeyFile?: string;
  readonly generate?: boolean;
  readonly newCredential?: string;
  readonly label?: string;
  readonly allowWeakPassword?: boolean;
}

export interface RemoveSlotChoices extends CommonChoices {
  readonly number: string;
}

export async function listSlots(choices: CommonChoices, context: CommandContext): Promise<void> {
  const { output } = context;
  await using agent = await inspectAgent(choices, context);
  const slots = agent.slots();
  output.document({ slots });
  const rows = slots.map((slot) => [`${slot.number}`, slot.kind, slot.label === "" ? "-" : slot.label, formatTime(slot.createdAt)]);
  for (const line of formatTable(["SLOT", "KIND", "LABEL", "ADDED"], rows)) output.line(line);
}

export async function addSlot(choices: AddSlotChoices, { output, env }: CommandContext): Promise<void> {
  checkAddChoices(choices);
  await using custody = await openCustody(choices, env);
  const { label, allowWeakPassword = false } = choices;
  const common = { ...(label === undefined ? {} : { label }), allowWeakPassword };
  const slot = await addTo(custody, choices, common, env);
  output.document({ slot, dataDir: custody.dataDir });
  output.line(`Added ${nameOf(slot)}: it opens everything in ${custody.dataDir}.`);
  if (choices.generate === true) {
    output.remark(`${choices.newKeyFile ?? ""} is a key to all of it. Keep it away from copies of the data directory.`);
  }
}

export async function removeSlot(choices: RemoveSlotChoices, { output, env }: CommandContext): Promise<void> {
  if (!/^[1-9]\d{0,8}$/.test(choices.number)) {
    throw talosError("INVALID_ARGUMENT", "An unlock slot is named by its number.", { hint: "See talos slots list for the numbers." });
  }
  await using custody = await openCustody(choices, env);
  const number = Number(choices.number);
  const slot = custody.slots.list().find((one) => one.number === number);
  await custody.slots.remove(number);
  const note = "Copies of the data directory made before still open with it.";
  output.document({ removed: slot, slots: custody.slots.list(), notes: [note] });
  output.line(`Removed ${slot === undefined ? `slot ${number}` : nameOf(slot)}. ${note}`);
}

async function openCustody(choices: CommonChoices, env: NodeJS.ProcessEnv): Promise<Custody> {
  const dataDir = existingDataDirectory(choices, env);
  using unlocking = await requireUnlocking(choices, env);
  return await Custody.open({ dataDir, ...unlocking.options });
}

async function addTo(
  { slots }: Custody,
  choices: AddSlotChoices,
  common: Pick<AddSlotOptions, "label" | "allowWeakPassword">,
  env: NodeJS.ProcessEnv,
): Promise<SlotInfo> {
  const { newKeyFile, newCredential: credential } = choices;
  if (credential !== undefined) return await slots.add({ ...common, credential });
  if (newKeyFile === undefined) {
    using password = await requireNewPassword(choices, env);
    return await slots.add({ ...common, password });
  }
  using made = choices.generate === true ? makeKeyFile(newKeyFile) : undefined;
  const slot = await slots.add({ ...common, keyFile: newKeyFile });
  made?.keep();
  return slot;
}

function checkAddChoices({ newPasswordFile, newKeyFile, newCredential, generate }: AddSlotChoices): void {
  if ([newPasswordFile, newKeyFile, newCredential].filter((given) => given !== undefined).length > 1) {
    throw talosError("INVALID_ARGUMENT", "One of --new-password-file, --new-key-file and --new-credential is added; several are given.", {
      hint: "Run it once for each.",
    });
  }
  if (generate === true && newKeyFile === undefined) {
    throw talosError("INVALID_ARGUMENT", "--generate makes a key file and needs --new-key-file.", {
      hint: "Say where: --new-key-file FILE.",
    });
  }
}

function nameOf({ number, kind, label }: SlotInfo): string {
  return `slot ${number} (${kind}${label === "" ? "" : ` ${printable(label)}`})`;
}
