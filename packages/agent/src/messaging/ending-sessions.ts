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

/** One session that the peer cannot read any more; it goes on receiving, and sends no more. @returns number of rows that wait again */
export function replaceSession(
  tx: Transaction,
  sessions: LiveSessions,
  live: LiveSession | undefined,
  row: OutboxRow,
  nextAttemptAt: number,
): number {
  if (live?.sending === true) sessions.stopSending(live);
  const rows = row.sessionId === undefined ? [row] : tx.outbox.ofSession(row.sessionId);
  for (const one of rows) toBeSentAgain(tx, one, "session-replaced", nextAttemptAt);
  tx.acks.againNewest(row.peer, ACKS_TOLD_AGAIN);
  return rows.length;
}

/** Nobody waits for what only kept a session going. */
function toBeSentAgain(tx: Transaction, row: OutboxRow, reason: WaitingReason, nextAttemptAt: number): void {
  if (row.sessionId === undefined) return;
  if (row.frameType === frameTypeCode("content")) tx.outbox.againToWaiting(row.order, reason, nextAttemptAt);
  else tx.outbox.remove(row.order);
}
