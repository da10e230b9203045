/** What a backup holds, what its proof found, and how an agent stands by each practice, as text. Knows no file and no password. */
import type { BackupCheck, BackupPlan, BackupReport, BackupState, BackupStatus, CopyPlace, PlannedBackup } from "@talos/agent";
import { eventName } from "../chosen-event.ts";
import { amount } from "./amount.ts";
import { formatTime } from "./moments.ts";
import { formatTable, printable } from "./table.ts";

/** What whoever has just made one should know. */
export const BACKUP_ADVICE: string =
  "Keep a copy off this machine, and its password apart from it: together they are the agent. After the next event of the identity (a rotation) make a new one and destroy this one.";

export function createdBackupLines({ did, name }: { readonly did: string; readonly name: string }, report: BackupReport): string[] {
  const { id, paths, bytes, slots, head, keys, notIncluded } = report;
  return [
    `Made backup ${id} of ${printable(name)}, ${did}, at event ${eventName(head.seq, head.hash)}: ${bytes} bytes, opened by ${amount(slots, "password")}.`,
    ...paths.map((path) => printable(path)),
    "",
    ...formatTable(
      ["KEY", "ID", "IN THE BACKUP", "PROTECTION"],
      keys.map(({ kind, keyId, included, backend, protection }) => [kind, keyId, included ? "yes" : `no, in ${backend}`, protection]),
    ),
    ...notIncluded.map(({ kind, backend, advice }) => `Not in it: the ${kind} key, which stays in ${backend}. ${printable(advice)}`),
    "",
    `With ${contents(report)} and the settings. Without prekeys, sessions, messages and the recovery key.`,
  ];
}

export function backupCheckLines(check: BackupCheck): string[] {
  const { id, did, name, createdAt, ageDays, head, slot, slots, keys, left } = check;
  return [
    `Backup ${id} of ${printable(name)}, ${did}, opened by password ${slot} of ${slots}.`,
    `Made ${formatTime(createdAt)}, ${amount(ageDays, "day")} ago, at event ${eventName(head.seq, head.hash)}; with ${contents(check)}.`,
    "",
    ...formatTable(
      ["KEY", "ID", "RESTORED AND USED"],
      keys.map(({ kind, keyId, proved, reason }) => [kind, keyId, proved ? "yes" : `no: ${reason ?? "unknown"}`]),
    ),
    "",
    verdictOf(check),
    ...(left === undefined
      ? []
      : [`The folder in which it was tried could not be removed, and its peers and record can be read there: ${printable(left)}.`]),
  ];
}

const COMPARED: Readonly<Record<BackupCheck["comparedWith"], string>> = {
  agent: "compared with the agent",
  "data-directory": "compared with the agent's data directory",
  directory: "compared with the log at the directory",
  nothing: "compared with nothing",
};

function verdictOf({ verdict, eventsBehind = 0, eventsAhead = 0, comparedWith }: BackupCheck): string {
  const compared = COMPARED[comparedWith];
  switch (verdict) {
    case "dangerous": {
      const why = eventsBehind > 0 ? `the identity has moved on by ${amount(eventsBehind, "event")} since` : "the agent is revoked";
      return `DANGEROUS, destroy it: ${why} (${compared}).`;
    }
    case "ahead":
      return `KEEP IT: it has ${amount(eventsAhead, "event")} of the identity that is not known there (${compared}): what it was compared with is the old one of the two.`;
    case "other-branch":
      return `KEEP IT: it has another history of the identity, and nothing has decided between the two (${compared}).`;
    case "unsettled":
      return `KEEP IT: its keys work, and whether they still count is not settled (${compared}); talos status says what is in the way.`;
    case "incomplete":
      return `INCOMPLETE: not every key could be proved here (${compared}). Verify it where the hardware with the others is attached.`;
    case "good":
      return comparedWith === "nothing"
        ? "Its keys work. Whether they still count is not known: say where the agent's log is, with --data-dir or --directory."
        : `Good: its keys work, and the identity stands where the backup has it (${compared}).`;
  }
}

export function backupPlanLines({ practices, backups, unlisted }: BackupPlan): string[] {
  const hints = practices.flatMap(({ practice, hint }) => (hint === undefined ? [] : [`${practice}: ${printable(hint)}`]));
  return [
    ...formatTable(
      ["PRACTICE", "STATE", ""],
      practices.map(({ practice, state, detail }) => [practice, state, detail]),
    ),
    ...(hints.length === 0 ? [] : ["", ...hints]),
    ...plannedRows(backups),
    ...(unlisted === 0
      ? []
      : ["", `${unlisted} more ${unlisted === 1 ? "was" : "were"} made here, and ${unlisted === 1 ? "is" : "are"} not listed any more.`]),
  ];
}

const STATES: Readonly<Record<BackupState, string>> = {
  current: "current",
  dangerous: "DANGEROUS, destroy it",
  ahead: "AHEAD of this data directory, keep it",
  "other-branch": "another history, keep it",
  unsettled: "not settled, keep it",
};

const PLACES: Readonly<Record<CopyPlace["state"], string>> = {
  beside: "there",
  apart: "there",
  memory: "there, in memory",
  away: "medium not attached",
  replaced: "ANOTHER FILE lies there",
  gone: "not there",
};

const HEADINGS = ["BACKUP", "MADE", "EVENT", "STATE", "TRIED"] as const;

/** A table with a line for each copy of each backup on record; empty where there is none. Nobody has looked what lies there now. */
export function backupRows(backups: readonly BackupStatus[]): string[] {
  const rows = backups.flatMap((backup) => (backup.paths.length === 0 ? ["-"] : backup.paths).map((path) => [...cellsOf(backup), path]));
  return rows.length === 0 ? [] : ["", ...formatTable([...HEADINGS, "WRITTEN TO"], rows)];
}

/** The same, with what lies there now. */
function plannedRows(backups: readonly PlannedBackup[]): string[] {
  const rows = backups.flatMap((backup) =>
    backup.copies.length === 0
      ? [[...cellsOf(backup), "-", "-"]]
      : backup.copies.map(({ path, state }) => [...cellsOf(backup), PLACES[state], path]),
  );
  return rows.length === 0 ? [] : ["", ...formatTable([...HEADINGS, "NOW", "COPY"], rows)];
}

function cellsOf({ id, createdAt, seq, state, verifiedAt, verifyResult }: BackupStatus): string[] {
  const tried = verifiedAt === undefined ? "never" : `${formatTime(verifiedAt)} ${verifyResult ?? ""}`.trimEnd();
  return [id, formatTime(createdAt), String(seq), STATES[state], tried];
}

function contents({ peers, auditEntries, leftOut }: Pick<BackupCheck, "peers" | "auditEntries" | "leftOut">): string {
  const others = leftOut.peers === 0 ? "" : ` (without ${amount(leftOut.peers, "stranger")} for which there was no room)`;
  return `${amount(peers, "peer")}${others}, ${amount(auditEntries, "entry", "entries")} of the record`;
}
