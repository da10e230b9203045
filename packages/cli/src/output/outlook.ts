/** The events that a recovery may follow, as text. A person decides by them. */
import type { RecoveryOutlook } from "@talos/agent";
import { eventName } from "../chosen-event.ts";
import { formatTime } from "./moments.ts";
import { formatTable } from "./table.ts";

export function outlookLines({ did, events, revoked, contending = [], unanswered = [] }: RecoveryOutlook): string[] {
  return [
    `${did}, events since the last recovery event:`,
    ...eventRows(events),
    ...(revoked === undefined
      ? []
      : [revoked.final ? "It is revoked for good." : "It is revoked; a recovery event cuts the revocation off."]),
    ...contending.flatMap((branch) => ["", "Another branch contends, and one of the two is not yours:", ...eventRows(branch)]),
    ...(unanswered.length === 0 ? [] : ["", `No answer that counts, and so it is not known what they know: ${unanswered.join(", ")}`]),
  ];
}

export function eventRows(events: RecoveryOutlook["events"]): string[] {
  const rows = events.map(({ seq, hash, time, event, authority, reason }) => [
    eventName(seq, hash),
    formatTime(time),
    event,
    authority ?? "-",
    reason ?? "-",
  ]);
  return formatTable(["EVENT", "TIME", "KIND", "BY", "REASON"], rows);
}
