/**
 * The mark of an agent that came from a backup and has not been compared with a directory: it stands over every restart, and only the
 * comparison takes it away. Knows no directory.
 */
import { isErrorCode, talosError, type ErrorCode, type TalosError } from "@talos/core";
import type { ReadTransaction, Transaction } from "../../vault/index.ts";
import { isTime, readRecord, writeRecord } from "../stored-json.ts";

const SETTING = "recovery-unchecked";

export interface HeldRecovery {
  /** When it was recovered; milliseconds since 1970, as all times here. */
  readonly since: number;
  /** When the backup was made. */
  readonly backupAt: number;
  /** What the last attempt to compare came to. BACKUP_OUTDATED and AGENT_REVOKED are final: it will never act. */
  readonly reason?: ErrorCode;
  readonly lastAttemptAt?: number;
  /** Of BACKUP_OUTDATED: how many events the directory has that the backup does not have. */
  readonly eventsBehind?: number;
}

export function markHeld(tx: Transaction, held: Pick<HeldRecovery, "since" | "backupAt">): void {
  writeRecord(tx, SETTING, held);
}

/** Whether it is held, whatever the mark says. */
export function isMarkedHeld(tx: ReadTransaction): boolean {
  return tx.settings.get(SETTING) !== undefined;
}

export function heldRecovery(tx: ReadTransaction): HeldRecovery | undefined {
  if (!isMarkedHeld(tx)) return undefined;
  return readRecord(tx, SETTING, isHeldRecovery) ?? { since: 0, backupAt: 0 };
}

/** A final reason stays. */
export function noteHeld(tx: Transaction, attempt: Required<Pick<HeldRecovery, "reason" | "lastAttemptAt">>, eventsBehind?: number): void {
  const before = heldRecovery(tx);
  if (before === undefined || isFinal(before.reason)) return;
  const { since, backupAt } = before;
  writeRecord(tx, SETTING, { since, backupAt, ...attempt, ...(eventsBehind === undefined ? {} : { eventsBehind }) });
}

/** It has been compared, and nothing was behind. */
export function clearHeld(tx: Transaction): void {
  tx.settings.set(SETTING, undefined);
}

export function isFinal(reason: ErrorCode | undefined): boolean {
  return reason === "BACKUP_OUTDATED" || reason === "AGENT_REVOKED";
}

/** @param seq of the newest event at the directory */
export function outdated(seq: number, events: number): TalosError {
  return talosError("BACKUP_OUTDATED", undefined, { details: { seq, events } });
}

function isHeldRecovery(value: object): value is HeldRecovery {
  const { since, backupAt, reason, lastAttemptAt, eventsBehind } = value as Record<string, unknown>;
  return (
    [since, backupAt].every(isTime) &&
    [lastAttemptAt, eventsBehind].every((number) => number === undefined || isTime(number)) &&
    (reason === undefined || isErrorCode(reason))
  );
}
