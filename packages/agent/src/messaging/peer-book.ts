/**
 * What this agent knows of others: their verified logs and newest certificates, in memory and in the store, taken over on
 * first use. Judges freshness, keeps proof of copies. Fetches nothing by itself.
 */
import {
  certificatesConflict,
  CLOCK_SLACK_MILLISECONDS,
  compareCertificates,
  equalBytes,
  agentIdToDid,
  toHex,
  verifyCertificate,
  verifyLog,
  type AgentId,
  type Certificate,
  type Crypto,
  type IdentityLog,
} from "@talos/core";
import type { Peer, ReadTransaction, Transaction } from "../vault/index.ts";
import type { Participant } from "./commits.ts";

export interface KnownPeer {
  readonly peer: Peer;
  readonly log: IdentityLog;
  /** The newest one seen. */
  readonly certificate: Certificate | undefined;
}

/** Verified facts about a peer, from a directory or from its own message. */
export interface PeerFacts {
  readonly log: IdentityLog;
  readonly certificate?: Certificate | undefined;
  /** Where it was found. */
  readonly directory?: string | undefined;
  readonly petname?: string | undefined;
}

const MAX_CACHED = 5_000;
const DAY_MILLISECONDS = 86_400_000;

export class PeerBook implements Participant {
  readonly #crypto: Crypto;
  readonly #cached: Map<string, KnownPeer> = new Map();
  readonly #certificates: Map<string, Certificate> = new Map();
  #staged: Map<string, KnownPeer> = new Map();

  constructor(crypto: Crypto) {
    this.#crypto = crypto;
  }

  get(tx: ReadTransaction, id: AgentId): KnownPeer | undefined {
    const key = toHex(id);
    const known = this.#staged.get(key) ?? this.#cached.get(key);
    if (known !== undefined) return known;
    const peer = tx.peers.get(id);
    if (peer === undefined) return undefined;
    const { log } = verifyLog(undefined, tx.peers.events(id), 0, this.#crypto, id);
    const certificate = peer.certificate && verifyCertificate(log, peer.certificate, this.#crypto);
    const loaded = { peer, log, certificate };
    this.#cached.set(key, loaded);
    return loaded;
  }

  /** A certificate of that peer, seen before, by its hash. */
  findCertificate(tx: ReadTransaction, log: IdentityLog, hash: Uint8Array): Certificate | undefined {
    const key = toHex(hash);
    let certificate = this.#certificates.get(key);
    if (certificate === undefined) {
      const wire = tx.peers.certificate(log.agentId, hash);
      certificate = wire && verifyCertificate(log, wire, this.#crypto);
      if (certificate !== undefined) this.#remember(certificate);
    }
    return certificate !== undefined && equalBytes(certificate.agentId, log.agentId) ? certificate : undefined;
  }

  /** Takes over verified facts; a peer that was unknown is trusted on first use, as `unverified`. */
  learn(tx: Transaction, facts: PeerFacts, now: number): KnownPeer {
    const id = facts.log.agentId;
    const before = this.get(tx, id);
    // Whoever looked may have looked before the log grew: what was verified once is never taken back.
    const log = before !== undefined && before.log.events.length > facts.log.events.length ? before.log : facts.log;
    const certificate = this.#newer(tx, before?.certificate, facts.certificate, now);
    if (before !== undefined && certificate === before.certificate && !adds(before, { ...facts, log })) return before;
    const seen = certificate === before?.certificate ? before?.peer.certificateSeenAt : now;
    const peer: Peer = {
      agentId: id,
      did: agentIdToDid(id),
      directory: facts.directory ?? before?.peer.directory,
      petname: facts.petname ?? before?.peer.petname,
      trust: before?.peer.trust ?? "unverified",
      firstSeenAt: before?.peer.firstSeenAt ?? now,
      head: log.head,
      certificate: certificate?.wire,
      certificateSeenAt: seen,
      highest: certificate && { seq: certificate.head.seq, generation: certificate.generation, instanceKey: certificate.instanceKey.bytes },
    };
    tx.peers.put(peer);
    if (before === undefined || before.log.events.length !== log.events.length) tx.peers.putEvents(id, log.events, now);
    if (certificate !== undefined && certificate !== before?.certificate) {
      tx.peers.rememberCertificate(id, { hash: certificate.hash, wire: certificate.wire, seenAt: now });
    }
    const known = { peer, log, certificate };
    this.#staged.set(toHex(id), known);
    return known;
  }

  beforeCommit(): void {
    // `learn` wrote already.
  }

  committed(): void {
    if (this.#staged.size === 0) return;
    if (this.#cached.size > MAX_CACHED) this.#cached.clear();
    for (const [key, known] of this.#staged) {
      this.#cached.set(key, known);
      if (known.certificate !== undefined) this.#remember(known.certificate);
    }
    this.#staged = new Map();
  }

  rolledBack(): void {
    for (const key of this.#staged.keys()) this.#cached.delete(key);
    this.#staged = new Map();
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

/**
 * A peer is sent to only while its newest certificate began at most so long ago, and not in the future: a directory that
 * withholds a rotation wins that long and no longer.
 */
export function isFresh({ certificate }: KnownPeer, maxHeadAgeDays: number, now: number): boolean {
  if (certificate === undefined) return false;
  return certificate.from <= now + CLOCK_SLACK_MILLISECONDS && now - certificate.from <= maxHeadAgeDays * DAY_MILLISECONDS;
}

function adds({ peer, log }: KnownPeer, facts: PeerFacts): boolean {
  return (
    facts.log.events.length !== log.events.length ||
    (facts.directory !== undefined && facts.directory !== peer.directory) ||
    (facts.petname !== undefined && facts.petname !== peer.petname)
  );
}
