// How much a ratchet keeps and how far it follows. Each bound is a trade between late mail and what an attacker gains by it.
// Source: docs/protocol/ratchet.md, "Bounds".

export interface RatchetBounds {
  readonly maxJump: number;
  readonly maxSkippedKeys: number;
  readonly skippedKeyMaxAgeMs: number;
  readonly oldReceivingChains: number;
  readonly maxUnanswered: number;
}

const DAY_MS = 86_400_000;

export const RATCHET_BOUNDS: RatchetBounds = {
  /**
   * Messages skipped by one message, in the old chain and the new one together. A forged header costs its receiver at most so many
   * derivations (below 100 ms) before the tag refutes it; an honest gap this long means that the session is lost.
   */
  maxJump: 10_000,
  /**
   * Skipped message keys kept in one session, oldest out first. More would let late mail be read longer, at 32 bytes of state each,
   * written with every message of the session while they are there; and whoever steals the state reads what they open.
   */
  maxSkippedKeys: 2_000,
  /** Skipped keys older than this are dropped: a mailbox keeps an item for 30 days, and a week is for clocks and retries. */
  skippedKeyMaxAgeMs: 37 * DAY_MS,
  /**
   * Old receiving chains of which something may still come; a chain of which nothing is outstanding is not kept and does not count.
   * More would serve mail that is late by many turns; fewer keys of the past is what a ratchet is for.
   */
  oldReceivingChains: 5,
  /**
   * Messages of one sending chain, which is to say without an answer. Equal to `maxJump`, so that a receiver who lost all but the
   * last can still follow; then the sender starts a new session, whose secrets are fresh.
   */
  maxUnanswered: 10_000,
};
