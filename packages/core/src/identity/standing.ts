// What a later event ends: whether something made at a head still counts. By the verifier's own clock and memory.
// Source: docs/protocol/identity.md, "What ends when".
import type { LogHead } from "../keys/heads.ts";
import { DAY_MILLISECONDS } from "../keys/time.ts";
import { logAt, type IdentityLog, type LogState } from "./log.ts";

/** `current`: at the head; `migrating`: rotated as planned, and accepted for a while; `ended`: not for anything new; `void`: not at all. */
export type HeadStanding = "current" | "migrating" | "ended" | "void";

export interface VerifierMemory {
  /** When this verifier first saw event `seq` of the log, milliseconds. */
  readonly seenAt: (seq: number) => number;
  /** The verifier's clock, milliseconds. */
  readonly now: number;
}

/** Until when, exclusive, what was made before a planned rotation is accepted for something new. */
export function migrationEndsAt({ time, migrationSeconds = 0 }: Pick<LogState, "time" | "migrationSeconds">, seenAt: number): number {
  const migration = migrationSeconds * 1000;
  return Math.min(seenAt + migration, time + migration + DAY_MILLISECONDS);
}

/** What is made at that head counts how? Throws HEAD_UNKNOWN for a head that the log does not have, also one that was cut off. */
export function standingOf(log: IdentityLog, head: LogHead, { seenAt, now }: VerifierMemory): HeadStanding {
  const { event } = logAt(log, head);
  const later = log.states.slice(head.seq + 1);
  if (event === "revocation" || later.some(endsSessions)) return "void";
  if (later.length === 0) return "current";
  const isOver = later.some((state) => state.reason !== "planned" || now >= migrationEndsAt(state, seenAt(state.head.seq)));
  return isOver ? "ended" : "migrating";
}

/** True of a rotation for compromise and of a revocation: nothing made before it counts, and established sessions are dropped. */
export function endsSessions({ event, reason }: Pick<LogState, "event" | "reason">): boolean {
  return event === "revocation" || reason === "compromise";
}
