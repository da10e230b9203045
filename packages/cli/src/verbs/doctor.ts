/** `talos doctor [--rescue]`: examines a data directory, or rebuilds its destroyed database. The exit code says the worst that was found. */
import { TalosClient, type DoctorReport, type RescueReport } from "@talos/agent";
import { talosError } from "@talos/core";
import type { CommandContext, CommonChoices } from "../command-context.ts";
import { existingDataDirectory } from "../data-directory.ts";
import { doctorLines } from "../output/doctor-report.ts";
import { formatTable, printable } from "../output/table.ts";
import { givenUnlocking, requireUnlocking } from "../password/unlocking.ts";

export interface DoctorChoices extends CommonChoices {
  readonly rescue?: boolean;
  readonly directory?: string;
}

/** Apart from those of errors, so that a script can tell a finding from a command that failed. */
const EXIT_CODES: Readonly<Record<DoctorReport["worst"], number>> = { sound: 0, warning: 10, error: 11, "cannot-be-opened": 12 };

export async function doctor(choices: DoctorChoices, context: CommandContext): Promise<number> {
  if (choices.rescue === true) return await rescue(choices, context);
  if (choices.directory !== undefined) {
    throw talosError("INVALID_ARGUMENT", "--directory goes with --rescue.", { hint: "Leave it out, or add --rescue." });
  }
  const { output, env } = context;
  const dataDir = existingDataDirectory(choices, env);
  using unlocking = givenUnlocking(choices, env);
  const report = await TalosClient.doctor({ dataDir, ...unlocking?.options });
  output.document(report);
  for (const line of doctorLines(report, (text) => output.heading(text))) output.line(line);
  if (unlocking === undefined)
    output.remark("With the password (--password-file, or another way in) private parts and sealed values are checked too.");
  return EXIT_CODES[report.worst];
}

const HELD = "It is held as before: open it while its directory answers, and it goes on by itself, or says why not.";

async function rescue(choices: DoctorChoices, { output, env }: CommandContext): Promise<number> {
  const dataDir = existingDataDirectory(choices, env);
  using unlocking = await requireUnlocking(choices, env);
  const { directory } = choices;
  const report = await TalosClient.rescue({ dataDir, ...unlocking.options, ...(directory === undefined ? {} : { directory }) });
  output.document(report);
  for (const line of rescueLines(report)) output.line(line);
  if (!report.hasNextKey) output.remark("The next identity key is lost: this agent works, but can never replace its identity key.");
  if (report.slots.length > 1) output.remark("The other ways in were taken from metadata.json unproved: look at talos slots list.");
  return 0;
}

function rescueLines({ did, name, was, keys, prekeys, directory, putAside, slots, held }: RescueReport): string[] {
  const rows = keys.map(({ kind, role, keyId, state }) => [
    role === undefined || role === "current" ? kind : `${kind} (${role})`,
    keyId,
    state,
  ]);
  return [
    `Rescued agent ${printable(name)}: ${did} (state.db was ${was === "foreign" ? "another agent's" : was})`,
    "",
    ...formatTable(["KEY", "ID", "STATE"], rows),
    "",
    `prekeys     ${prekeys.made} made new, ${prekeys.ended} old ones ended`,
    `directory   ${directory ?? "none"}`,
    `ways in     ${slots.map(({ kind, opened }) => `${kind}${opened ? " (used now)" : ""}`).join(", ")}`,
    ...putAside.map((file) => `put aside   ${printable(file)}`),
    "",
    "Sessions, peers, outbox and inbox are gone. Peers find the agent under its old id; what they sent under old sessions cannot be read, and",
    `messages that were received before may come once more. ${held ? HELD : "Open the agent: it publishes its new prekeys."}`,
  ];
}
