/** An agent's status as text: the key table first, then what is under way. Knows no vault and no network. */
import type { AgentStatus, BackupState } from "@talos/agent";
import { backupRows } from "./backup-report.ts";
import { formatDate, formatTime } from "./moments.ts";
import { heldLine } from "./recovered-report.ts";
import { formatTable, printable } from "./table.ts";

const KIND_ORDER: readonly string[] = ["identity", "encryption", "signed-prekey", "one-time-prekey"];
const KEY_HEADINGS = ["KIND", "ALGORITHM", "ID", "CREATED", "DUE", "STATE", "PROTECTION", "PRIVATE PART"];

/** `heading` marks titles where the output can show it. */
export function statusLines(status: AgentStatus, heading: (text: string) => string = (text) => text): string[] {
  return [
    heading(`${printable(status.name)}  ${status.did}`),
    `directory ${status.directory ?? "none"} (${status.publication})   generation ${status.generation}${status.superseded ? "   SUPERSEDED: a newer copy of this agent runs elsewhere" : ""}`,
    ...alarms(status),
    "",
    ...keyTable(status),
    "",
    `one-time prekeys  ${stockText(status)}`,
    `sessions          ${status.sessions.length}`,
    `outbox            ${outboxCounts(status)}`,
    `inbox             ${status.inbox.offered} not yet acknowledged`,
    `recovery kit      ${recoveryText(status.recovery)}`,
    `backups           ${backupText(status)}`,
    ...outboxRows(status),
    ...notificationRows(status),
    ...backupRows(status.backups),
    ...remarks(status),
  ];
}

/** What somebody has to decide. */
function alarms({ held, revoked, identityMoved }: AgentStatus): string[] {
  return [
    ...(held === undefined ? [] : [heldLine(held)]),
    ...(revoked === true ? ["REVOKED: this identity has ended; the agent acts no more"] : []),
    ...(identityMoved === undefined
      ? []
      : [
          `IDENTITY_MOVED: event ${identityMoved.seq} of the log was not made here (seen ${formatTime(identityMoved.seenAt)}); see talos emergency-rotate`,
        ]),
  ];
}

/** Peers that have not acknowledged an event of this agent's log. */
function notificationRows({ notifications }: AgentStatus): string[] {
  const rows = notifications.flatMap(({ seq, pending }) =>
    pending.map((peer) => [String(seq), peer.state, peer.lastError ?? "-", peer.name ?? "-", peer.peerDid]),
  );
  return [
    ...notifications.map(({ seq, peers, acknowledged }) => `event ${seq}           acknowledged by ${acknowledged} of ${peers} peers`),
    ...(rows.length === 0 ? [] : ["", ...formatTable(["EVENT", "STATE", "REASON", "NAME", "NOT ACKNOWLEDGED BY"], rows)]),
  ];
}

function stockText({ oneTimePrekeys: { live, target, atDirectory } }: AgentStatus): string {
  const there = atDirectory === undefined ? "" : `; ${atDirectory.count} unclaimed at the directory (${formatTime(atDirectory.at)})`;
  return `${live} of ${target}${there}`;
}

function recoveryText({ kit, lastCheckedAt }: AgentStatus["recovery"]): string {
  if (kit === "none") return "none: whoever steals it all keeps the identity, and a loss is final";
  return `in force, ${lastCheckedAt === undefined ? "not checked since it was made" : `last checked ${formatDate(lastCheckedAt)}`}`;
}

function backupText({ backups, backupDrill }: AgentStatus): string {
  const inState = (wanted: BackupState): number => backups.filter(({ state }) => state === wanted).length;
  const [dangerous, ahead, unsettled] = [inState("dangerous"), inState("ahead"), inState("unsettled") + inState("other-branch")];
  return [
    backups.length === 0 ? "none was made here" : `${backups.length} on record`,
    ...(dangerous === 0
      ? []
      : [
          `${dangerous} DANGEROUS: from before the last event of the identity, destroy every copy (talos backup plan says what lies there now)`,
        ]),
    ...(ahead === 0 ? [] : [`${ahead} AHEAD: this data directory is older than they are, keep them`]),
    ...(unsettled === 0 ? [] : [`${unsettled} not settled, keep them`]),
    ...(backupDrill === undefined ? [] : [`last tried ${formatTime(backupDrill.at)}: ${backupDrill.result}`]),
  ].join("; ");
}

function keyTable(status: AgentStatus): string[] {
  const order = (key: AgentStatus["keys"][number]): number => KIND_ORDER.indexOf(key.kind) + (key.role === "next" ? 0.5 : 0);
  const listed = status.keys
    .filter((key) => key.kind !== "one-time-prekey")
    .sort((a, b) => order(a) - order(b) || a.createdAt - b.createdAt);
  const rows = listed.map((key) => [
    key.role === undefined || key.role === "current" ? key.kind : `${key.kind} (${key.role})`,
    key.algorithm,
    key.keyId,
    formatDate(key.createdAt),
    formatDate(key.dueAt),
    key.state,
    key.protection,
    key.where,
  ]);
  return formatTable(KEY_HEADINGS, [...rows, ...oneTimeRow(status)]);
}

/** A hundred alike make one row; `--json` has each. */
function oneTimeRow({ keys, oneTimePrekeys }: AgentStatus): string[][] {
  const live = keys.filter((key) => key.kind === "one-time-prekey" && key.state === "live");
  const [first] = live;
  if (first === undefined) return [];
  const oldest = Math.min(...live.map((key) => key.createdAt));
  return [
    [
      "one-time-prekey",
      first.algorithm,
      `(${oneTimePrekeys.live} of them)`,
      formatDate(oldest),
      formatDate(first.dueAt),
      first.state,
      first.protection,
      "prekeys/otpk_*.enc",
    ],
  ];
}

function outboxCounts({ outbox }: AgentStatus): string {
  return `${outbox.accepted} accepted, ${outbox.waiting} waiting, ${outbox.ready} ready, ${outbox.deposited} deposited, ${outbox.delivered} delivered, ${outbox.expired} expired`;
}

function outboxRows({ outbox }: AgentStatus): string[] {
  if (outbox.rows.length === 0) return [];
  const rows = outbox.rows.map((row) => [row.messageId, row.state, row.reason ?? "-", formatTime(row.createdAt), row.peerDid]);
  return ["", ...formatTable(["MESSAGE", "STATE", "REASON", "SINCE", "TO"], rows)];
}

function remarks(status: AgentStatus): string[] {
  const lines = [
    ...status.plans.map(
      (plan) => `unfinished: ${plan.kind} at step ${plan.step}${plan.lastError === undefined ? "" : ` (${plan.lastError})`}`,
    ),
    ...status.kept.map((item) => `kept, not opened: ${item.kind} ${item.envelopeId} [${item.code}] ${formatTime(item.receivedAt)}`),
    ...status.evidence.map((item) => `evidence: ${item.kind} ${formatTime(item.at)}`),
  ];
  return lines.length === 0 ? [] : ["", ...lines];
}
