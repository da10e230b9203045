/** What this agent knows of another, as a value; and how old that may be. Neither stores nor fetches. */
import { CLOCK_SLACK_MILLISECONDS, DAY_MILLISECONDS, type Certificate, type IdentityLog, type VerifierMemory } from "@talos/core";
import type { Peer } from "../vault/index.ts";

export interface KnownPeer {
  readonly peer: Peer;
  readonly log: IdentityLog;
  /** The newest one seen, unless a later event has ended it. */
  readonly certificate: Certificate | undefined;
  /** When this agent first saw event `seq` of the log. */
  readonly seenAt: (seq: number) => number;
}

/** Verified facts about a peer, from a directory or from its own message. */
export interface PeerFacts {
  /** The one that stood when the facts were verified. */
  readonly log: IdentityLog;
  /** The whole log as its source has it; default: that log. It is judged once more against what is known when it is taken over. */
  readonly chain?: readonly Uint8Array[] | undefined;
  readonly certificate?: Certificate | undefined;
  /** Where it was found. */
  readonly directory?: string | undefined;
  readonly petname?: string | undefined;
}

/** What is decided about a peer, beside what its log says. */
export type PeerDecision = Partial<Pick<Peer, "trust" | "trustSince" | "forkedAt" | "sessionReplacedAt" | "toldSeq">>;

/**
 * A peer is sent to only while its newest certificate began at most so long ago, and not in the future: a directory that
 * withholds a rotation wins that long and no longer.
 */
export function isFresh({ certificate }: KnownPeer, maxHeadAgeDays: number, now: number): boolean {
  if (certificate === undefined) return false;
  return certificate.from <= now + CLOCK_SLACK_MILLISECONDS && now - certificate.from <= maxHeadAgeDays * DAY_MILLISECONDS;
}

/** For `requireStanding`: when events of the log were seen here, and what time it is. */
export function memoryOf({ seenAt }: KnownPeer, now: number): VerifierMemory {
  return { seenAt, now };
}

export function seenIn(times: readonly number[]): (seq: number) => number {
  return (seq) => times[seq] ?? 0;
}
