/**
 * How fast a log may grow: whoever has an agent's keys can sign events without end, and everybody who asks for the log pays for its length.
 * Events of the recovery key are counted apart, so that a thief of the online keys cannot use up what the owner needs to get rid of him.
 * Source: docs/protocol/directory.md, "Events".
 */
import { DAY_MILLISECONDS, type AgentId, type Authority, type IdentityLog } from "@talos/core";
import type { DirectoryContext } from "../context.ts";
import { refuse } from "../refusal.ts";

/** An event before or after it is verified; an inception has no authority, and counts as online. */
export interface GrowingEvent {
  readonly authority?: Authority;
}

/**
 * @param kept the log here; only what stands before the added events is counted
 * @param at seq of the first added event
 * @throws TalosError RATE_LIMITED, with the seconds until there is room
 */
export async function requireRoom(
  { store, limits, now: clock }: DirectoryContext,
  agentId: AgentId,
  kept: IdentityLog | undefined,
  at: number,
  added: readonly GrowingEvent[],
): Promise<void> {
  const now = clock();
  const accepted = (await store.listAccepted(agentId, now - DAY_MILLISECONDS, now)).filter(({ seq }) => seq < at);
  for (const isRecovery of [false, true]) {
    const wanted = added.filter(({ authority }) => (authority === "recovery") === isRecovery).length;
    const times = accepted
      .filter(({ seq }) => (kept?.states[seq]?.authority === "recovery") === isRecovery)
      .map((event) => event.at)
      .toSorted((a, b) => a - b);
    const excess = times.length + wanted - limits.eventsPerDay;
    if (wanted === 0 || excess <= 0) continue;
    const freeAt = (times[excess - 1] ?? now) + DAY_MILLISECONDS;
    throw refuse(
      "RATE_LIMITED",
      { retryAfterSeconds: Math.ceil((freeAt - now) / 1000) },
      "This log has grown by as much as it may in a day.",
    );
  }
}
