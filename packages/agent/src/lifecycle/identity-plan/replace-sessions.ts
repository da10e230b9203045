/**
 * All sessions end, and what they left unacknowledged waits to be sent once more, in new ones, under the same message ids. For the time
 * after a theft, and for a copy that takes over from another one.
 */
import { fromHex, toHex, agentId } from "@talos/core";
import type { AgentContext } from "../../context.ts";
import { endSessions } from "../../messaging/ending-sessions.ts";
import type { Transaction } from "../../vault/index.ts";

/** Rows of one outbox, all of them. */
const ALL_ROWS = Number.MAX_SAFE_INTEGER;

/** In the transaction of what made it necessary. */
export function replaceAllSessions({ sessions }: Pick<AgentContext, "sessions">, tx: Transaction, now: number): void {
  const peers = new Set(tx.sessions.list().map(({ peer }) => toHex(peer)));
  // A row outlives its session.
  for (const state of ["ready", "deposited"] as const) {
    for (const { peer } of tx.outbox.list({ state, limit: ALL_ROWS })) peers.add(toHex(peer));
  }
  let ended = 0;
  for (const peer of peers) ended += endSessions(tx, sessions, agentId(fromHex(peer)), "session-replaced");
  if (peers.size > 0) tx.audit.append({ kind: "session-replaced", at: now, details: { sessions: ended, peers: peers.size } });
}
