/**
 * All sessions end, and what they left unacknowledged waits to be sent once more, in new ones, under the same message ids. For the time
 * after a theft, and for a copy that takes over from another one.
 */
import type { AgentContext } from "../../context.ts";
import { isContent } from "../../messaging/sender.ts";
import type { Transaction } from "../../vault/index.ts";

/** Rows of one outbox, all of them. */
const ALL_ROWS = Number.MAX_SAFE_INTEGER;

/** In the transaction of what made it necessary; `committed` is to be called right after it. */
export function replaceAllSessions(
  { sessions }: Pick<AgentContext, "sessions">,
  tx: Transaction,
  now: number,
): { readonly ended: number; committed(): void } {
  const ended = endStoredSessions(tx, now);
  return { ended, committed: () => sessions.forgetAll() };
}

/** As `replaceAllSessions`, where none is in memory yet. */
export function endStoredSessions(tx: Transaction, now: number): number {
  const all = tx.sessions.list();
  for (const { sessionId } of all) tx.sessions.remove(sessionId);
  let again = 0;
  for (const state of ["ready", "deposited"] as const) {
    for (const row of tx.outbox.list({ state, limit: ALL_ROWS })) {
      // Nobody waits for what only kept a session going.
      if (!isContent(row)) tx.outbox.remove(row.order);
      else if (tx.outbox.againToWaiting(row.order, "session-replaced")) again += 1;
    }
  }
  if (all.length > 0 || again > 0)
    tx.audit.append({ kind: "session-replaced", at: now, details: { sessions: all.length, messages: again } });
  return all.length;
}
