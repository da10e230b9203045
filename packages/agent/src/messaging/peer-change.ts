/**
 * What follows for a peer from a verdict over its log: which events are new, whether sessions end, what becomes of a trust that
 * somebody gave. Pure; stores and tells nothing.
 */
import {
  agentIdToDid,
  decodeEvent,
  endsSessions,
  equalBytes,
  sameHead,
  standingOf,
  toHex,
  type Crypto,
  type IdentityLog,
  type LogHead,
  type LogState,
  type LogVerdict,
} from "@talos/core";
import type { AgentEventMap, TrustOutcome } from "../agent-events.ts";
import type { Peer, PeerFork, Trust } from "../vault/index.ts";

/** Two events that contend, as they travelled. */
export interface Branches {
  readonly standing: Uint8Array;
  readonly contender: Uint8Array;
}

/** The log has moved on for this verifier. */
export interface PeerChange {
  readonly log: IdentityLog;
  /** States of the events that are new in the log that stands, at least one. */
  readonly added: readonly LogState[];
  /** Events that stood before, as they travelled. */
  readonly cutOff: readonly Uint8Array[];
  readonly endsSessions: boolean;
  /** True if every new event carries the proof of the identity before it. */
  readonly isProved: boolean;
}

/** Undefined where nothing changed in the log that stands. */
export function changeOf(verdict: LogVerdict): PeerChange | undefined {
  if (verdict.kind !== "extended" && verdict.kind !== "replaced") return undefined;
  const { log } = verdict;
  const cutOff = verdict.kind === "replaced" ? verdict.cutOff : [];
  const added = log.states.slice(log.events.length - verdict.added.length);
  return {
    log,
    added,
    cutOff,
    // Whoever made what was cut off may hold sessions as well.
    endsSessions: cutOff.length > 0 || added.some(endsSessions),
    isProved: cutOff.length === 0 && added.every(isContinued),
  };
}

/** A planned rotation by the online key is signed by the outgoing identity key too: whoever was verified is the one who rotated. */
function isContinued({ event, reason, authority }: LogState): boolean {
  return event === "rotation" && reason === "planned" && authority === "online";
}

/** What somebody verified holds for a history that goes on with proof, and for no other. */
export function trustAfter(trust: Trust, isProved: boolean): { readonly trust: Trust; readonly outcome: TrustOutcome } {
  if (trust !== "verified") return { trust, outcome: "none" };
  return isProved ? { trust, outcome: "kept" } : { trust: "unverified", outcome: "dropped" };
}

/** Whether anything made at that head still counts at all. Times do not matter for that. */
export function countsAt(log: IdentityLog, head: LogHead): boolean {
  const state = log.states[head.seq];
  if (state === undefined || !sameHead(state.head, head)) return false;
  return standingOf(log, head, { seenAt: () => 0, now: 0 }) !== "void";
}

/** For the application: one event for all that came at once. */
export function eventOf({ agentId, petname }: Peer, change: PeerChange, outcome: TrustOutcome): PeerEventToTell {
  const newest = change.added.at(-1) as LogState;
  const { head, event, reason, authority, identityKey } = newest;
  const common = {
    peerDid: agentIdToDid(agentId),
    ...(petname === undefined ? {} : { name: petname }),
    seq: head.seq,
    hash: toHex(head.hash),
    authority: authority ?? "online",
    trust: outcome,
    cutOffEvents: change.cutOff.length,
  };
  if (event === "revocation") return { name: "peerRevoked", payload: common };
  const rotation = change.added.find(({ reason: one }) => one === "compromise")?.reason ?? reason;
  return {
    name: "peerRotated",
    payload: {
      ...common,
      identityKey: toHex(identityKey.bytes),
      reason: rotation === "compromise" || rotation === "lost" ? rotation : "planned",
      sessionsDropped: change.endsSessions,
    },
  };
}

/** Number of the first event that a chain does not share with a log. */
function partingOf({ states, events }: IdentityLog, chain: readonly Uint8Array[], crypto: Pick<Crypto, "sha256">): number {
  return states.findIndex(({ head }, seq) => {
    const [mine, theirs] = [events[seq], chain[seq]];
    if (mine === undefined || theirs === undefined) return true;
    return !equalBytes(mine, theirs) && !equalBytes(decodeEvent(theirs, crypto).hash, head.hash);
  });
}

/** What contends, as it is raised. */
export function forkOf(known: IdentityLog, chain: readonly Uint8Array[], branches: Branches, now: number, crypto: Crypto): PeerFork {
  const { event } = decodeEvent(branches.contender, crypto);
  return {
    agentId: known.agentId,
    seq: partingOf(known, chain, crypto),
    standing: decodeEvent(branches.standing, crypto).hash,
    isOfRecovery: event.kind !== "inception" && event.authority === "recovery",
    seenAt: now,
  };
}

/**
 * Whether the log has decided by now: what stood has fallen away, or a recovery event came since the parting, by a key that was in force
 * before it. A kit that the branch brought itself decides nothing, and where the recovery key signed on both sides, none of its successors
 * does.
 */
export function isDecided({ seq, standing, isOfRecovery }: PeerFork, { states }: IdentityLog): boolean {
  if (!states.some(({ head }) => equalBytes(head.hash, standing))) return true;
  if (isOfRecovery || states[seq - 1]?.next.recovery === undefined) return false;
  return states.slice(seq).some(({ authority }) => authority === "recovery");
}

export type PeerEventToTell = {
  readonly [N in ToldOfPeers]: { readonly name: N; readonly payload: AgentEventMap[N] };
}[ToldOfPeers];
type ToldOfPeers = "peerRotated" | "peerRevoked" | "peerForked" | "peerSessionsReplaced";
