/**
 * When sessions with a peer end before their time: what was not acknowledged waits to be sent once more, under the same message ids.
 * In the transaction of what made it necessary. Knows no log and no notice.
 */
import type { AgentId } from "@talos/core";
import type { OutboxRow, Transaction, WaitingReason } from "../vault/index.ts";
import type { LiveSession, LiveSessions } from "./live-sessions.ts";
import { frameTypeCode } from "./turns.ts";

/** Rows of one peer, all of them. */
const ALL_ROWS = Number.MAX_SAFE_INTEGER;
/** How many acknowledgements may have been lost with a session: the newest so many are told again. */
const ACKS_TOLD_AGAIN = 640;

/** All sessions with that peer. @returns how many there were */
export function endSessions(tx: Transaction, sessions: LiveSessions, peer: AgentId, reason: WaitingReason): number {
  const ended = sessions.end(tx, peer);
  for (const state of ["ready", "deposited"] as const) {
    for (const row of tx.outbox.list({ peer, state, limit: ALL_ROWS })) toBeSentAgain(tx, row, reason, 0);
  }
  tx.acks.againNewest(peer, ACKS_TOLD_AGAIN);
  return ended;
}

/** One session that the peer cannot read any more; it goes on receiving, and sends no more. @param rows that were sealed in it */
export function replaceSession(
  tx: Transaction,
  sessions: LiveSessions,
  peer: AgentId,
  live: LiveSession | undefined,
  rows: readonly OutboxRow[],
  nextAttemptAt: number,
): void {
  if (live?.sending === true) sessions.stopSending(live);
  sendAgain(tx, rows, nextAttemptAt);
  tx.acks.againNewest(peer, ACKS_TOLD_AGAIN);
}

/** Ready and deposited rows of sessions that the peer may have lost. */
export function sendAgain(tx: Transaction, rows: readonly OutboxRow[], nextAttemptAt: number): void {
  for (const row of rows) toBeSentAgain(tx, row, "session-replaced", nextAttemptAt);
}

/** Nobody waits for what only kept a session going. */
function toBeSentAgain(tx: Transaction, row: OutboxRow, reason: WaitingReason, nextAttemptAt: number): void {
  if (row.sessionId === undefined) return;
  if (row.frameType === frameTypeCode("content")) tx.outbox.againToWaiting(row.order, reason, nextAttemptAt);
  else tx.outbox.remove(row.order);
}
