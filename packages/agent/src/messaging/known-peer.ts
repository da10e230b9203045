/** What this agent knows of another, as a value; and how old that may be. Neither stores nor fetches. */
import {
  CLOCK_SLACK_MILLISECONDS,
  DAY_MILLISECONDS,
  standingOf,
  type Certificate,
  type IdentityLog,
  type LogHead,
  type VerifierMemory,
} from "@talos/core";
import type { Peer } from "../vault/index.ts";

export interface KnownPeer {
  readonly peer: Peer;
  readonly log: IdentityLog;
  /**
   * The newest one of those that were good for something new when they were seen, unless a later event has voided it. Where one has ended
   * it since, it says where the peer was last at home, and nothing else.
   */
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

/** What is decided about a peer, or was done, beside what its log says. */
export type PeerDecision = Partial<Pick<Peer, "trust" | "trustSince" | "forkedAt" | "sessionReplacedAt" | "toldSeq" | "correspondedAt">>;

/**
 * A peer is sent to only while its newest certificate is of an identity in force and began at most so long ago, and not in the future: a
 * directory that withholds a rotation wins that long and no longer. Whoever has a key that was rotated away makes nothing fresh with it.
 */
export function isFresh(known: KnownPeer, maxHeadAgeDays: number, now: number): boolean {
  const { log, certificate } = known;
  if (certificate === undefined || !isInForce(log, certificate.head, memoryOf(known, now))) return false;
  return certificate.from <= now + CLOCK_SLACK_MILLISECONDS && now - certificate.from <= maxHeadAgeDays * DAY_MILLISECONDS;
}

/** For `requireStanding`: when events of the log were seen here, and what time it is. */
export function memoryOf({ seenAt }: KnownPeer, now: number): VerifierMemory {
  return { seenAt, now };
}

/** Whether what is made at that head, which is in the log, is good for something new. */
export function isInForce(log: IdentityLog, head: LogHead, memory: VerifierMemory): boolean {
  const standing = standingOf(log, head, memory);
  return standing === "current" || standing === "migrating";
}

export function seenIn(times: readonly number[]): (seq: number) => number {
  return (seq) => times[seq] ?? 0;
}
