/** The report of an emergency rotation as text: what happened, the five steps with their states, what remains by hand. */
import type { EmergencyReport } from "@talos/agent";
import { formatTime } from "./moments.ts";
import { formatTable, printable } from "./table.ts";

export function emergencyReportLines(report: EmergencyReport, heading: (text: string) => string = (text) => text): string[] {
  const { at, reason, kind, authority, contestable, seq, identityKey, formerIdentityKey } = report;
  return [
    heading(`Emergency rotation of ${formatTime(at)}: ${printable(reason)}`),
    `event ${seq} of the log, reason ${kind}, by the ${authority} key${contestable ? " (contestable)" : ""}`,
    `identity key  ${identityKey}`,
    `former key    ${formerIdentityKey}`,
    "",
    ...formatTable(
      ["STEP", "STATE", ""],
      Object.entries(report.steps).map(([name, { state, text }]) => [name, state, text]),
    ),
    ...signedLines(report),
    ...peerLines(report),
    ...list("Dangerous from now on:", report.dangerous),
    ...list("By hand, the most urgent first:", report.byHand),
  ];
}

function signedLines({ signed, suspectedSince, cutOffEvents }: EmergencyReport): string[] {
  const counts = Object.entries(signed).map(([kind, count]) => `${count} ${kind}`);
  const since = suspectedSince === undefined ? "as far as the record goes back" : `since ${formatTime(suspectedSince)}`;
  return [
    "",
    `The former key signed ${since}: ${counts.join(", ")} (talos audit review shows each).`,
    ...(cutOffEvents.length === 0 ? [] : [`Cut off, and kept as evidence: event ${cutOffEvents.map((event) => event.seq).join(", ")}.`]),
  ];
}

function peerLines({ peers }: EmergencyReport): string[] {
  if (peers.length === 0) return ["", "No peers to tell."];
  return [
    "",
    ...formatTable(
      ["PEER", "STATE", "AGENT ID"],
      peers.map(({ did, name, state }) => [name ?? "-", state, did]),
    ),
  ];
}

function list(title: string, items: readonly string[]): string[] {
  return items.length === 0 ? [] : ["", title, ...items.map((item) => `- ${printable(item)}`)];
}
