// Which events of a log carry heads of a record that is lost: from before a record that began anew, or made between a backup and the restoration
// that went on with its record. Must not know where an audit is kept. Source: docs/protocol/audit.md, "The tree".
import type { IdentityLog, LogState } from "../identity/log.ts";
import type { AuditHead } from "../keys/heads.ts";
import type { AuditEntry } from "./entry.ts";

/** A record that went on from a backup, where the identity had moved on: by which event its owner took it back. */
export interface ResumedRecord {
  /** Seq of the last event that the record in the backup knew. */
  readonly seq: number;
  /** Seq of the recovery event of this life. What was made between the two has its record elsewhere, and that is lost. */
  readonly event: number;
  /** Place in the record of the entry that says so, from 1. */
  readonly order: number;
}

/** What an entry says of that; undefined for every other one, also for one that came back where nothing had been missed. */
export function resumedRecord({ kind, order, details }: AuditEntry): ResumedRecord | undefined {
  const { seq, event } = details;
  if (kind !== "backup-restored" || typeof seq !== "number" || typeof event !== "number") return undefined;
  return seq >= 0 && seq < event ? { seq, event, order } : undefined;
}

/** What decides about events whose audit head is none of this record's. */
export interface RecordFacts {
  /** Whether it is one of this record's. */
  readonly holds: (head: AuditHead) => boolean;
  /** Time of its first entry, by the owner's clock. */
  readonly began: number;
  /** In the order of the record. */
  readonly resumed: readonly ResumedRecord[];
}

/** Events whose audit head is none of this record's. */
export interface StrangeEvents {
  /** Of a record that is lost, as far as this one can be believed. */
  readonly earlier: readonly LogState[];
  /** This record is not the one that was signed. */
  readonly wrong: readonly LogState[];
}

export function strangeEvents(log: IdentityLog, { holds, began, resumed }: RecordFacts): StrangeEvents {
  const strange = log.states.filter(({ auditHead }) => auditHead !== undefined && !holds(auditHead));
  const gaps = resumed.filter((one, at) => isAnchored(one, log, holds) && resumed.findIndex(({ event }) => event === one.event) === at);
  const isEarlier = ({ head, time }: LogState): boolean =>
    time < began || gaps.some(({ seq, event }) => head.seq > seq && head.seq < event);
  return { earlier: strange.filter(isEarlier), wrong: strange.filter((state) => !isEarlier(state)) };
}

/**
 * The event that ends the gap stands in the log, by the recovery key: nobody else can say that a record was lost. It says where the record stood
 * that went on, which is this one; and what this record says of it comes after that, or it would have been said before anything was lost.
 */
function isAnchored({ event, order }: ResumedRecord, { states }: IdentityLog, holds: RecordFacts["holds"]): boolean {
  const end = states[event];
  return end?.authority === "recovery" && end.auditHead !== undefined && holds(end.auditHead) && order > end.auditHead.size;
}
