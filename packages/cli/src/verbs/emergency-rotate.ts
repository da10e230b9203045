/** `talos emergency-rotate`: the answer to a theft, in one command, and its report (`--report` shows the last one again). */
import { talosError } from "@talos/core";
import { inspectAgent, openAgent } from "../agent-access.ts";
import type { CommandContext, CommonChoices } from "../command-context.ts";
import { emergencyReportLines } from "../output/emergency-report.ts";
import { parseMoment } from "../output/moments.ts";
import { publishFirst } from "../output/publication.ts";
import { kitOf, type KitChoices } from "../password/kit.ts";
import { givenNewPassword } from "../password/sources.ts";

export interface EmergencyChoices extends CommonChoices, KitChoices {
  readonly reason?: string;
  /** commander's word for --keep-old. */
  readonly keepOld?: boolean;
  readonly notify: boolean;
  readonly newPasswordFile?: string;
  readonly suspectedSince?: string;
  readonly offline?: boolean;
  readonly report?: boolean;
}

export async function emergencyRotate(choices: EmergencyChoices, context: CommandContext): Promise<void> {
  const { output, env } = context;
  if (choices.report === true) return await showReport(choices, context);
  const { reason, keepOld, notify, suspectedSince, offline } = choices;
  using kit = await kitOf(choices, env);
  using newPassword = givenNewPassword(choices, env);
  await using client = await openAgent(choices, context);
  if (kit === undefined) {
    output.remark(
      "contestable: without a recovery kit, whoever has a copy of the data directory and its password can make an event against this one.",
    );
  }
  const result = await client.emergencyRotate({
    revokeOld: keepOld !== true,
    notifyPeers: notify,
    ...(reason === undefined ? {} : { reason }),
    ...(kit === undefined ? {} : { recoveryKit: kit.options }),
    ...(newPassword === undefined ? {} : { newPassword }),
    ...(suspectedSince === undefined ? {} : { suspectedSince: parseMoment(suspectedSince, Date.now()) }),
    ...(offline === true ? { offline } : {}),
  });
  const publication = await publishFirst(client);
  const report = client.lastEmergencyReport() ?? result.report;
  output.document({ ...result, report, publication });
  for (const line of emergencyReportLines(report, (text) => output.heading(text))) output.line(line);
}

async function showReport(choices: CommonChoices, context: CommandContext): Promise<void> {
  const { output } = context;
  await using agent = await inspectAgent(choices, context);
  const report = agent.lastEmergencyReport();
  if (report === undefined) throw talosError("REPORT_NOT_FOUND");
  output.document(report);
  for (const line of emergencyReportLines(report, (text) => output.heading(text))) output.line(line);
}
