/**
 * What this agent knows of others: their verified logs and newest certificates, in memory and in the store, taken over on
 * first use. Judges freshness, keeps proof of copies. Fetches nothing by itself.
 */
import {
  agentIdToDid,
  certificatesConflict,
  compareCertificates,
  equalBytes,
  isTalosError,
  talosError,
  toHex,
  verifyCertificate,
  verifyLog,
  type AgentId,
  type Certificate,
  type Crypto,
  type IdentityLog,
  type LogVerdict,
} from "@talos/core";
import type { AgentEvents } from "../agent-events.ts";
import type { Peer, PeerFork, ReadTransaction, Transaction } from "../vault/index.ts";
import type { Participant } from "./commits.ts";
import { isInForce, seenIn, type KnownPeer, type PeerDecision, type PeerFacts } from "./known-peer.ts";
import type { LiveSessions } from "./live-sessions.ts";
import {
  changeOf,
  countsAt,
  eventOf,
  forkOf,
  isDecided,
  trustAfter,
  type Branches,
  type PeerChange,
  type PeerEventToTell,
} from "./peer-change.ts";
import { dropCertificates, followChange } from "./peer-consequences.ts";

const MAX_CACHED = 5_000;

/** What the book changes beside itself, and whom it tells. */
export interface PeerBookParts {
  readonly crypto: Crypto;
  readonly sessions: LiveSessions;
  readonly events: Pick<AgentEvents, "emit">;
}

export class PeerBook implements Participant {
  readonly #parts: PeerBookParts;
  readonly #cached: Map<string, KnownPeer> = new Map();
  readonly #certificates: Map<string, Certificate> = new Map();
  #staged: Map<string, KnownPeer> = new Map();
  #forgotten: AgentId[] = [];
  #toTell: PeerEventToTell[] = [];
  #moved: AgentId[] = [];
  #onMove: (peer: AgentId) => void = () => undefined;

  constructor(parts: PeerBookParts) {
    this.#parts = parts;
  }

  /** Hears of every peer whose log has moved on, after the commit. */
  onMove(listener: (peer: AgentId) => void): void {
    this.#onMove = listener;
  }

  get(tx: ReadTransaction, id: AgentId): KnownPeer | undefined {
    const key = toHex(id);
    const known = this.#staged.get(key) ?? this.#cached.get(key);
    if (known !== undefined) return known;
    const peer = tx.peers.get(id);
    if (peer === undefined) return undefined;
    const events = tx.peers.eventsSeen(id);
    const wires = events.map(({ wire }) => wire);
    const { log } = verifyLog(undefined, wires, 0, this.#parts.crypto, id);
    const certificate = peer.certificate && verifyCertificate(log, peer.certificate, this.#parts.crypto);
    const loaded = { peer, log, certificate, seenAt: seenIn(events.map(({ seenAt }) => seenAt)) };
    this.#cached.set(key, loaded);
    return loaded;
  }

  /** A certificate of that peer, seen before, by its hash; undefined also for one that a later event has ended altogether. */
  findCertificate(tx: ReadTransaction, log: IdentityLog, hash: Uint8Array): Certificate | undefined {
    const key = toHex(hash);
    let certificate = this.#certificates.get(key);
    if (certificate === undefined) {
      const wire = tx.peers.certificate(log.agentId, hash);
      certificate = wire && verifyCertificate(log, wire, this.#parts.crypto);
      if (certificate !== undefined) this.#remember(certificate);
    }
    if (certificate === undefined || !equalBytes(certificate.agentId, log.agentId)) return undefined;
    return countsAt(log, certificate.head) ? certificate : undefined;
  }

  /**
   * Takes over verified facts; a peer that was unknown is trusted on first use, as `unverified`. Where the log has moved on, everything
   * that follows happens here, in the same transaction: sessions that end and messages that wait again, evidence, certificates, trust.
   *
   * @throws TalosError as `verifyLog`, for a chain that cannot follow what is known by now
   */
  learn(tx: Transaction, facts: PeerFacts, now: number): KnownPeer {
    const id = facts.log.agentId;
    const before = this.get(tx, id);
    const verdict = this.#judge(before, facts, now);
    const { log } = verdict;
    const change = changeOf(verdict);
    if (change !== undefined) dropCertificates(tx, log);
    const standing = before?.certificate && countsAt(log, before.certificate.head) ? before.certificate : undefined;
    const seenAt = seenIn(seenTimes(before, change, log, now));
    const heard = this.#inForce(tx, facts, log, seenAt, now);
    const certificate = this.#newer(tx, standing, heard, now);
    const fork = before && verdict.kind === "forked" ? this.#raise(tx, before, facts, verdict, now) : undefined;
    if (verdict.kind === "refused") this.#keepEvidence(tx, id, "cut-off-branch", verdict, now);
    const isSame = before !== undefined && change === undefined && fork === undefined && certificate === before.certificate;
    if (isSame && !adds(before, facts)) return before;

    const isProved = change === undefined ? fork === undefined : change.isProved;
    const { trust, outcome } = trustAfter(before?.peer.trust ?? "unverified", isProved);
    const peer: Peer = {
      agentId: id,
      did: agentIdToDid(id),
      directory: facts.directory ?? before?.peer.directory,
      petname: facts.petname ?? before?.peer.petname,
      trust,
      trustSince: trust === before?.peer.trust ? before.peer.trustSince : before && now,
      firstSeenAt: before?.peer.firstSeenAt ?? now,
      head: log.head,
      certificate: certificate?.wire,
      certificateSeenAt: certificate === undefined ? undefined : certificate === before?.certificate ? before.peer.certificateSeenAt : now,
      highest: certificate && { seq: certificate.head.seq, generation: certificate.generation, instanceKey: certificate.instanceKey.bytes },
      toldSeq: toldAfter(before, change, log),
      forkedAt: change === undefined && fork === undefined ? before?.peer.forkedAt : forkedSince(tx, log, now),
      sessionReplacedAt: before?.peer.sessionReplacedAt,
      correspondedAt: before?.peer.correspondedAt,
    };
    tx.peers.put(peer);
    const added = before === undefined ? log.events.length : (change?.added.length ?? 0);
    const kept = log.events.length - added;
    if (added > 0) tx.peers.putEvents(id, kept, log.events.slice(kept), now);
    if (certificate !== undefined && certificate !== before?.certificate) {
      tx.peers.rememberCertificate(id, { hash: certificate.hash, wire: certificate.wire, seenAt: now });
    }
    const known = { peer, log, certificate, seenAt };
    this.#staged.set(toHex(id), known);
    if (change !== undefined) {
      followChange(tx, this.#parts, known, change, outcome, now);
      this.tell(eventOf(peer, change, outcome));
      this.#moved.push(id);
    }
    if (fork !== undefined) this.tell({ name: "peerForked", payload: { ...nameOf(peer), seq: fork.seq, at: now, trust: outcome } });
    return known;
  }

  /** Changes what an operator or this agent decides about a peer. @throws TalosError PEER_UNKNOWN */
  update(tx: Transaction, id: AgentId, values: PeerDecision): KnownPeer {
    const before = this.get(tx, id);
    if (before === undefined) throw talosError("PEER_UNKNOWN");
    const known = { ...before, peer: { ...before.peer, ...values } };
    tx.peers.put(known.peer);
    this.#staged.set(toHex(id), known);
    return known;
  }

  /** The application hears of it when this transaction has committed. */
  tell(event: PeerEventToTell): void {
    this.#toTell.push(event);
  }

  /** The peer is unknown from now on. What belongs to it elsewhere in the store is the caller's. */
  forget(tx: Transaction, id: AgentId): void {
    tx.peers.forget(id);
    this.#staged.delete(toHex(id));
    this.#cached.delete(toHex(id));
    this.#forgotten.push(id);
  }

  beforeCommit(): void {
    // `learn` wrote already.
  }

  committed(): void {
    for (const id of this.#forgotten) this.#cached.delete(toHex(id));
    if (this.#staged.size > 0 && this.#cached.size > MAX_CACHED) this.#cached.clear();
    for (const [key, known] of this.#staged) {
      this.#cached.set(key, known);
      if (known.certificate !== undefined) this.#remember(known.certificate);
    }
    const told = this.#toTell;
    const moved = this.#moved;
    this.#clear();
    for (const { name, payload } of told) this.#parts.events.emit(name, payload);
    for (const id of moved) this.#onMove(id);
  }

  rolledBack(): void {
    for (const key of this.#staged.keys()) this.#cached.delete(key);
    this.#clear();
  }

  #clear(): void {
    this.#staged = new Map();
    this.#forgotten = [];
    this.#toTell = [];
    this.#moved = [];
  }

  /** Between look-up and take-over the log may have grown by another way: what was verified once is never taken back. */
  #judge(before: KnownPeer | undefined, { log, chain = log.events }: PeerFacts, now: number): LogVerdict {
    if (before === undefined) return { kind: "accepted", log };
    const known = before.log;
    const [newest, last] = [known.events.at(-1), chain.at(-1)];
    const isSame = chain.length === known.events.length && newest !== undefined && last !== undefined && equalBytes(newest, last);
    if (isSame) return { kind: "unchanged", log: known };
    try {
      return verifyLog(known, chain, now, this.#parts.crypto, known.agentId);
    } catch (error) {
      if (isTalosError(error, "LOG_INVALID") && error.details["reason"] === "behind") return { kind: "unchanged", log: known };
      throw error;
    }
  }

  /**
   * Histories that contend with one event are raised once, also after an operator has decided for it.
   *
   * @returns what is raised now
   */
  #raise(tx: Transaction, { log }: KnownPeer, facts: PeerFacts, branches: Branches, now: number): PeerFork | undefined {
    const fork = forkOf(log, facts.chain ?? facts.log.events, branches, now, this.#parts.crypto);
    const isNew = tx.peerForks.raise(fork);
    this.#keepEvidence(tx, log.agentId, "log-fork", branches, now, isNew);
    return isNew ? fork : undefined;
  }

  #keepEvidence(
    tx: Transaction,
    id: AgentId,
    kind: string,
    { standing, contender }: Branches,
    now: number,
    isFirst: boolean = false,
  ): void {
    tx.peers.addConflict({ agentId: id, kind, first: standing, second: contender, seenAt: now }, isFirst);
  }

  /**
   * The certificate of these facts, if it is of an identity in force. Else it says nothing new of the peer, neither where it is nor that
   * it is there; but messages under it may still arrive in sessions, and one that came with such a message is found again.
   */
  #inForce(
    tx: Transaction,
    { certificate, directory }: PeerFacts,
    log: IdentityLog,
    seenAt: (seq: number) => number,
    now: number,
  ): Certificate | undefined {
    if (certificate === undefined || !countsAt(log, certificate.head)) return undefined;
    if (isInForce(log, certificate.head, { seenAt, now })) return certificate;
    const { hash, wire } = certificate;
    if (directory === undefined) tx.peers.rememberCertificate(log.agentId, { hash, wire, seenAt: now });
    return undefined;
  }

  /** The certificate that stays: by (seq, generation), then by its start. Two copies of the peer are kept as evidence. */
  #newer(tx: Transaction, known: Certificate | undefined, heard: Certificate | undefined, now: number): Certificate | undefined {
    if (known === undefined || heard === undefined) return heard ?? known;
    if (equalBytes(known.hash, heard.hash)) return known;
    if (certificatesConflict(known, heard)) {
      tx.peers.addConflict({ agentId: known.agentId, kind: "certificate-conflict", first: known.wire, second: heard.wire, seenAt: now });
      return known;
    }
    return (compareCertificates(heard, known) || heard.from - known.from) > 0 ? heard : known;
  }

  #remember(certificate: Certificate): void {
    if (this.#certificates.size > MAX_CACHED) this.#certificates.clear();
    this.#certificates.set(toHex(certificate.hash), certificate);
  }
}

/** Since when histories contend; what the log has decided by now is noted. */
function forkedSince(tx: Transaction, log: IdentityLog, now: number): number | undefined {
  let since: number | undefined;
  for (const fork of tx.peerForks.undecided(log.agentId)) {
    if (isDecided(fork, log)) tx.peerForks.decide(fork, now);
    else since = Math.min(since ?? fork.seenAt, fork.seenAt);
  }
  return since;
}

function adds({ peer }: KnownPeer, facts: PeerFacts): boolean {
  return (
    (facts.directory !== undefined && facts.directory !== peer.directory) || (facts.petname !== undefined && facts.petname !== peer.petname)
  );
}

function seenTimes(before: KnownPeer | undefined, change: PeerChange | undefined, log: IdentityLog, now: number): number[] {
  const kept = before === undefined ? 0 : log.events.length - (change?.added.length ?? 0);
  return log.events.map((_, seq) => (seq < kept && before !== undefined ? before.seenAt(seq) : now));
}

/** Of a peer that is new nobody waits to hear that its log is known: it wrote first, or will read it in the first message. */
function toldAfter(before: KnownPeer | undefined, change: PeerChange | undefined, log: IdentityLog): number {
  if (before === undefined) return log.head.seq;
  const told = before.peer.toldSeq ?? 0;
  return change === undefined ? told : Math.min(told, log.events.length - change.added.length - 1);
}

/** How the application is told whom an event is about. */
export function nameOf({ did, petname }: Peer): { readonly peerDid: string; readonly name?: string } {
  return { peerDid: did, ...(petname === undefined ? {} : { name: petname }) };
}
