/**
 * Who may be written to, and whose messages count: trust, the policy about it, a fork, the end of an identity, and how old what is
 * known may be. Reads what the book knows; fetches and changes nothing.
 */
import { requireStanding, stateAt, talosError, type ErrorCode, type IdentityLog, type LogHead, type VerifierMemory } from "@talos/core";
import type { AgentPolicy } from "../context.ts";
import type { WaitingReason } from "../vault/index.ts";
import { memoryOf, type KnownPeer } from "./known-peer.ts";

type TrustPolicy = Pick<AgentPolicy, "verifiedOnly">;

/** @throws TalosError PEER_BLOCKED, PEER_UNVERIFIED where the policy asks for it */
export function requireTrust(known: KnownPeer | undefined, { verifiedOnly }: TrustPolicy): void {
  if (known?.peer.trust === "blocked") throw talosError("PEER_BLOCKED");
  if (verifiedOnly && known?.peer.trust !== "verified") throw talosError("PEER_UNVERIFIED");
}

/** @throws TalosError PEER_REVOKED; as `requireTrust` */
export function requireReachable(known: KnownPeer | undefined, policy: TrustPolicy): void {
  if (known?.log.revoked !== undefined) throw talosError("PEER_REVOKED");
  requireTrust(known, policy);
}

/** For a handshake, by either side. @throws TalosError PEER_FORKED until it is decided which history is the peer's; as `requireReachable` */
export function requireHandshake(known: KnownPeer | undefined, policy: TrustPolicy): void {
  requireReachable(known, policy);
  if (known?.peer.forkedAt !== undefined) throw talosError("PEER_FORKED");
}

/** The same as reasons of messages that wait. Undefined where nothing of it is in the way. */
export function trustObstacle(known: KnownPeer, policy: TrustPolicy, isNewSession: boolean): WaitingReason | undefined {
  if (known.log.revoked !== undefined) return "peer-revoked";
  if (known.peer.trust === "blocked") return "peer-blocked";
  if (policy.verifiedOnly && known.peer.trust !== "verified") return "peer-unverified";
  return isNewSession && known.peer.forkedAt !== undefined ? "peer-forked" : undefined;
}

/** Errors that are reasons to wait. */
export const OBSTACLES: Partial<Record<ErrorCode, WaitingReason>> = {
  PEER_REVOKED: "peer-revoked",
  PEER_BLOCKED: "peer-blocked",
  PEER_UNVERIFIED: "peer-unverified",
  PEER_FORKED: "peer-forked",
  PEER_HEAD_STALE: "peer-head-stale",
};

/**
 * Whether what was made at a head of the peer's log counts.
 *
 * @param known the peer, as far as it is known; events that only `log` has are seen now for the first time
 * @throws TalosError CERTIFICATE_VOID, CERTIFICATE_RETIRED, HEAD_UNKNOWN
 */
export function requireHead(log: IdentityLog, head: LogHead, known: KnownPeer | undefined, now: number, use: "session" | "new"): void {
  requireStanding(log, { head }, known === undefined ? firstSeen(now) : memoryFor(known, log, now), use);
}

/** As `requireHead`, for a sender that named only the number of the event. */
export function requireSender(log: IdentityLog, seq: number, known: KnownPeer | undefined, now: number, use: "session" | "new"): void {
  requireHead(log, stateAt(log, seq).head, known, now, use);
}

function memoryFor(known: KnownPeer, log: IdentityLog, now: number): VerifierMemory {
  if (known.log === log) return memoryOf(known, now);
  return { seenAt: (seq) => (known.log.events[seq] === log.events[seq] ? known.seenAt(seq) : now), now };
}

function firstSeen(now: number): VerifierMemory {
  return { seenAt: () => now, now };
}

/** Sessions that are begun because the peer says that it cannot read: at most one an hour. */
const REPLACED_SESSION_MILLISECONDS = 3_600_000;

/** Before this time no new session with the peer is begun by this side. */
export function newSessionAt({ peer }: KnownPeer, now: number): number {
  const at = peer.sessionReplacedAt ?? 0;
  // No pause is longer: the clock was ahead for a while when it was noted.
  return at > now + REPLACED_SESSION_MILLISECONDS ? now : at;
}

/**
 * When messages that a peer has lost go out again: at once the first time, then once an hour, whatever makes it necessary.
 *
 * @param isFirst none of them went out again before, and this side needs no new session for it: then the peer gains nothing by repeating it
 * @returns when, and `sessionReplacedAt` from now on
 */
export function resendAt(known: KnownPeer, now: number, isFirst: boolean): { readonly at: number; readonly sessionReplacedAt: number } {
  const before = newSessionAt(known, now);
  if (isFirst) return { at: now, sessionReplacedAt: Math.max(before, now) };
  const at = before === 0 ? now : Math.max(now, Math.min(before, now) + REPLACED_SESSION_MILLISECONDS);
  return { at, sessionReplacedAt: at };
}
