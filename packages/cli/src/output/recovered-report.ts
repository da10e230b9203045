/** What a recovery from a backup found and did, as text; above all what a person has to look at now. Knows no file and no password. */
import type { AgentStatus, HeldRecovery, RecoveryReport, RecoveryOutlook } from "@talos/agent";
import { amount } from "./amount.ts";
import { eventRows } from "./outlook.ts";
import { formatTime } from "./moments.ts";
import { printable } from "./table.ts";

export interface RecoveredAgent {
  readonly did: string;
  readonly name: string;
  readonly dataDir: string;
  readonly publication: AgentStatus["publication"];
  /** Of an agent that has not been compared. */
  readonly held?: HeldRecovery | undefined;
  readonly recovered: RecoveryReport;
}

export function recoveredLines(agent: RecoveredAgent): string[] {
  const { did, name, dataDir, publication, held, recovered } = agent;
  const { backup, peers, auditEntries } = recovered;
  return [
    held === undefined
      ? `${printable(name)} lives again: ${did} (${publication})`
      : `${printable(name)} is ${recovered.way === "restored" ? "restored" : "recovered"}, and held: ${did}`,
    `Data directory: ${printable(dataDir)}`,
    `From backup ${backup.id} of ${formatTime(backup.createdAt)}: ${amount(peers, "peer")}, ${amount(auditEntries, "entry", "entries")} of the record.`,
    held === undefined ? KEYS_OF[recovered.way] : heldLine(held),
    ...kitLines(recovered, held),
  ];
}

/** For `status` as well. */
export function heldLine(held: HeldRecovery): string {
  const { way, reason, eventsBehind } = held;
  if (reason === "BACKUP_OUTDATED") {
    const events = eventsBehind === undefined ? "events" : amount(eventsBehind, "event");
    return `HELD for good: the directory has ${events} of this identity that the backup did not have, so its keys count no more. Recover again into an empty folder, with the recovery kit`;
  }
  if (reason === "AGENT_REVOKED") return "HELD for good: the directory says that this identity is revoked";
  if (way === "rotated") return rotatedLine(held);
  return `HELD: no directory that would know has said yet whether the backup is the newest state of this identity${reason === undefined ? "" : ` (${reason})`}. Until then nothing is sent, signed or published; it goes on by itself once it is open while one answers. ${FORMER_GONE}`;
}

const FORMER_GONE =
  "Where the directory that the agent had is gone for good, recover again into an empty folder, at another one, and say so (--directory URL --former-directory-gone)";

function rotatedLine({ reason }: HeldRecovery): string {
  if (reason === "IDENTITY_MOVED") {
    return "HELD for good: the directory has another event in the place of the one by which its new keys come into force. Recover again into an empty folder, with the recovery kit, and destroy this one";
  }
  return `HELD: its directory, or the one before it, has not accepted the event by which its new keys come into force${reason === undefined ? "" : ` (${reason})`}. Until then nothing is sent or signed, and no peer hears of it; it goes on by itself once it is open while they answer. ${FORMER_GONE}`;
}

const KEYS_OF: Readonly<Record<RecoveryReport["way"], string>> = {
  restored: "Its keys are those of the backup; prekeys and sessions are new, and peers are greeted in them.",
  rotated: "All its keys are new, and its peers are told.",
};

function kitLines({ recoveryKit, event }: RecoveryReport, held: HeldRecovery | undefined): string[] {
  if (recoveryKit === "not-needed") return ["The recovery kit was not needed and not used: nothing has happened to the identity since."];
  if (recoveryKit === "not-used") return ["The recovery kit was not used: nobody could say whether it is needed."];
  return event === undefined ? [] : eventLines(event, held);
}

function eventLines(
  { seq, cutAfter, suspectFrom, passed, cutOff }: NonNullable<RecoveryReport["event"]>,
  held: HeldRecovery | undefined,
): string[] {
  return [
    `Event ${seq} of its log, by the recovery key, follows event ${cutAfter.seq}.`,
    ...eventList(
      "The backup did not know these events, and they are final now. If you did not make one of them, somebody else had your keys:",
      passed,
    ),
    ...eventList("These are cut off, and kept as evidence:", cutOff),
    "",
    ...(suspectFrom === undefined ? [] : [`What was signed from entry ${suspectFrom} of the former record on is in doubt, for everybody.`]),
    held === undefined
      ? "Every backup from before is dangerous now: make a new one (talos backup create), and destroy the old ones."
      : "Keep this backup and the recovery kit until the directory has accepted the event.",
  ];
}

function eventList(title: string, events: RecoveryOutlook["events"]): string[] {
  return events.length === 0 ? [] : ["", title, ...eventRows(events)];
}
