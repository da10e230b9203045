/**
 * The mark of an agent that came from a backup and has not been compared with a directory, or whose recovery event its directory has not accepted
 * yet: it stands over every restart, and only that takes it away. Knows no directory.
 */
import { isErrorCode, talosError, toHex, type ErrorCode, type LogHead, type TalosError } from "@talos/core";
import { HELD_MARK, type HeldSettings, type ReadTransaction, type Transaction } from "../../vault/index.ts";
import { isTime, readRecord, writeRecord } from "../stored-json.ts";
import { forgetPlaces, putBackPlaces } from "./places.ts";

export interface HeldRecovery {
  /** `restored`: with the keys of the backup, not compared; `rotated`: with new ones, whose event its home directory has not accepted. */
  readonly way: "restored" | "rotated";
  /** When it was recovered; milliseconds since 1970, as all times here. */
  readonly since: number;
  /** When the backup was made; absent where it came from its recovery kit alone. */
  readonly backupAt?: number;
  /** What the last attempt came to. BACKUP_OUTDATED, AGENT_REVOKED and IDENTITY_MOVED (of the way `rotated`) are final: it will never act. */
  readonly reason?: ErrorCode;
  readonly lastAttemptAt?: number;
  /** Of BACKUP_OUTDATED: how many events the directory has that the backup does not have; of IDENTITY_MOVED: that this agent does not have. */
  readonly eventsBehind?: number;
}

export function markHeld(tx: Transaction, held: Pick<HeldRecovery, "way" | "since" | "backupAt">): void {
  writeRecord(tx, HELD_MARK, held);
}

/** As they were in the public projection, where the database was lost. @param home as that has it */
export function putBackHeld(tx: Transaction, { mark, places }: HeldSettings, home: string | undefined): void {
  tx.settings.set(HELD_MARK, mark);
  putBackPlaces(tx, places, home);
}

/** Whether it is held, whatever the mark says. */
export function isMarkedHeld(tx: ReadTransaction): boolean {
  return tx.settings.get(HELD_MARK) !== undefined;
}

export function heldRecovery(tx: ReadTransaction): HeldRecovery | undefined {
  if (!isMarkedHeld(tx)) return undefined;
  // To publish its log before it acts does no harm to an agent of the other way.
  return readRecord(tx, HELD_MARK, isHeldRecovery) ?? { way: "rotated", since: 0 };
}

/** Its log ends with an event that its directory has not accepted. */
export function hasUnacceptedEvent(tx: ReadTransaction): boolean {
  return heldRecovery(tx)?.way === "rotated";
}

/** A final reason stays. */
export function noteHeld(tx: Transaction, attempt: Required<Pick<HeldRecovery, "reason" | "lastAttemptAt">>, eventsBehind?: number): void {
  const before = heldRecovery(tx);
  if (before === undefined || isFinal(before.reason)) return;
  const { way, since, backupAt } = before;
  const recovered = { way, since, ...(backupAt === undefined ? {} : { backupAt }) };
  writeRecord(tx, HELD_MARK, { ...recovered, ...attempt, ...(eventsBehind === undefined ? {} : { eventsBehind }) });
}

/** It has been compared, nothing was behind, and its own event is accepted. */
export function clearHeld(tx: Transaction): void {
  tx.settings.set(HELD_MARK, undefined);
  forgetPlaces(tx);
}

/** What is final stays so where the events that showed it are lost. @throws TalosError with the final reason */
export function requireNotFinal(held: HeldRecovery | undefined): void {
  if (held?.reason === undefined || !isFinal(held.reason)) return;
  throw held.reason === "IDENTITY_MOVED" ? movedOn({}) : talosError(held.reason);
}

export function isFinal(reason: ErrorCode | undefined): boolean {
  return reason === "BACKUP_OUTDATED" || reason === "AGENT_REVOKED" || reason === "IDENTITY_MOVED";
}

/**
 * The identity has gone on without it: it is never let go.
 *
 * @param head of the directory's log, or of its first event that is not known here
 * @param events how many those are
 */
export function leftBehind(held: HeldRecovery | undefined, head: LogHead, events: number): TalosError {
  if (held?.way !== "rotated") return outdated(head.seq, events);
  return movedOn({ seq: head.seq, hash: toHex(head.hash), events });
}

function movedOn(details: Readonly<Record<string, string | number>>): TalosError {
  return talosError("IDENTITY_MOVED", "The directory has another event of this identity than the one by which the agent was recovered.", {
    hint: "Destroy this one, and recover again into an empty folder, with the recovery kit.",
    details,
  });
}

/** @param seq of the newest event at the directory */
export function outdated(seq: number, events: number): TalosError {
  return talosError("BACKUP_OUTDATED", undefined, { details: { seq, events } });
}

function isHeldRecovery(value: object): value is HeldRecovery {
  const { way, since, backupAt, reason, lastAttemptAt, eventsBehind } = value as Record<string, unknown>;
  return (
    (way === "restored" || way === "rotated") &&
    isTime(since) &&
    [backupAt, lastAttemptAt, eventsBehind].every((number) => number === undefined || isTime(number)) &&
    (reason === undefined || isErrorCode(reason))
  );
}
