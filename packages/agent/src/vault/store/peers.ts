/** Other agents: their logs, newest certificates, trust, and evidence against them. Does not verify. */
import { type AgentId, agentId, agentIdToDid, type LogHead } from "@talos/core";
import { bytes, number, optionalBytes, optionalNumber, optionalText, text, word } from "./columns.ts";
import type { ReadyEnvelope } from "./outbox.ts";
import type { SqlRow, Store } from "./store.ts";

export const TRUST = ["unverified", "verified", "blocked"] as const;
export type Trust = (typeof TRUST)[number];

/** The highest certificate seen, by (seq, generation). */
export interface HighestInstance {
  readonly seq: number;
  readonly generation: number;
  readonly instanceKey: Uint8Array;
}

export interface Peer {
  readonly agentId: AgentId;
  readonly did: string;
  /** URL of the directory where this peer is reached. */
  readonly directory?: string | undefined;
  readonly petname?: string | undefined;
  readonly trust: Trust;
  readonly firstSeenAt: number;
  readonly head: LogHead;
  /** The newest instance certificate, as it travelled. */
  readonly certificate?: Uint8Array | undefined;
  readonly certificateSeenAt?: number | undefined;
  readonly highest?: HighestInstance | undefined;
  /** The newest event of this peer that it has been told is known here. Default 0. */
  readonly toldSeq?: number | undefined;
  /** Since when `trust` is what it is, where somebody or something changed it. */
  readonly trustSince?: number | undefined;
  /** Two branches of its log contend, and nobody has decided. */
  readonly forkedAt?: number | undefined;
  /** From when on a notice may have led to a new session. */
  readonly sessionReplacedAt?: number | undefined;
  /** Since when it has heard of this agent's own accord: the first message to it, or acknowledgement of one of its messages. */
  readonly correspondedAt?: number | undefined;
}

export interface PeerEvent {
  readonly wire: Uint8Array;
  /** When it was first seen here. */
  readonly seenAt: number;
}

export interface KnownCertificate {
  readonly hash: Uint8Array;
  readonly wire: Uint8Array;
  readonly seenAt: number;
}

/** Of one peer, which makes one a day, and one each time that it opens: what it can have kept here has an end. */
const MAX_CERTIFICATES = 256;

/** The first ones show what happened; more of the same show nothing new. */
const MAX_CONFLICTS_OF_A_KIND = 100;

/** Two things that cannot both be honest: forked logs, cloned certificates, a reused counter. */
export interface Conflict {
  readonly agentId: AgentId;
  readonly kind: string;
  readonly first: Uint8Array;
  readonly second: Uint8Array;
  readonly seenAt: number;
}

export class PeersReader {
  protected readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  get(id: AgentId): Peer | undefined {
    const row = this.store.get("SELECT * FROM peers WHERE agent_id = ?", id);
    return row && toPeer(row);
  }

  byPetname(petname: string): Peer | undefined {
    const row = this.store.get("SELECT * FROM peers WHERE petname = ?", petname);
    return row && toPeer(row);
  }

  /** In the order in which they were first seen. */
  list(): Peer[] {
    return this.store.all("SELECT * FROM peers ORDER BY first_seen_at, agent_id").map(toPeer);
  }

  /** The peer's log as it travelled, inception first. */
  events(id: AgentId): Uint8Array[] {
    return this.store.all("SELECT wire FROM peer_events WHERE agent_id = ? ORDER BY seq", id).map((row) => bytes(row, "wire"));
  }

  /** The same, with the time at which each was first seen here. */
  eventsSeen(id: AgentId): PeerEvent[] {
    return this.store
      .all("SELECT wire, seen_at FROM peer_events WHERE agent_id = ? ORDER BY seq", id)
      .map((row) => ({ wire: bytes(row, "wire"), seenAt: number(row, "seen_at") }));
  }

  /** Whose newest known event has this hash. */
  byHead(hash: Uint8Array): Peer | undefined {
    const row = this.store.get("SELECT * FROM peers WHERE head_hash = ?", hash);
    return row && toPeer(row);
  }

  /** Peers that have not been told that the newest event of their log is known here. */
  untold(): AgentId[] {
    return this.store.all("SELECT agent_id FROM peers WHERE told_seq < head_seq").map((row) => agentId(bytes(row, "agent_id")));
  }

  /** Since when this agent owes the peer a greeting; undefined where it owes none. */
  greetSince(id: AgentId): number | undefined {
    const row = this.store.get("SELECT greet_since FROM peers WHERE agent_id = ? AND greeting IS NULL", id);
    return row && optionalNumber(row, "greet_since");
  }

  /** Whom a greeting is owed since that time or later: those first that somebody has verified or given a name. */
  toGreet(since: number): AgentId[] {
    return this.store
      .all(
        `SELECT agent_id FROM peers WHERE greet_since >= ? AND greeting IS NULL
         ORDER BY trust = 'verified' DESC, petname IS NULL, first_seen_at, agent_id`,
        since,
      )
      .map((row) => agentId(bytes(row, "agent_id")));
  }

  /** Id of the session of the last greeting to that peer, if that is its envelope. */
  greetedIn(id: AgentId, envelopeId: Uint8Array): Uint8Array | undefined {
    const row = this.store.get("SELECT greeting_session FROM peers WHERE agent_id = ? AND greeting = ?", id, envelopeId);
    return row && bytes(row, "greeting_session");
  }

  /** A certificate that was seen before, by its hash. */
  certificate(id: AgentId, hash: Uint8Array): Uint8Array | undefined {
    const row = this.store.get("SELECT wire FROM peer_certificates WHERE agent_id = ? AND hash = ?", id, hash);
    return row && bytes(row, "wire");
  }

  /** Every certificate that is remembered, newest first. */
  certificates(id: AgentId): KnownCertificate[] {
    return this.store
      .all("SELECT hash, wire, seen_at FROM peer_certificates WHERE agent_id = ? ORDER BY seen_at DESC", id)
      .map((row) => ({ hash: bytes(row, "hash"), wire: bytes(row, "wire"), seenAt: number(row, "seen_at") }));
  }

  /** Against whom there is evidence, whether they are peers or not. */
  accused(): AgentId[] {
    return this.store.all("SELECT DISTINCT agent_id FROM peer_conflicts ORDER BY agent_id").map((row) => agentId(bytes(row, "agent_id")));
  }

  /** @param id of one agent; default: against all */
  conflicts(id?: AgentId): Conflict[] {
    const rows =
      id === undefined
        ? this.store.all("SELECT * FROM peer_conflicts ORDER BY ord")
        : this.store.all("SELECT * FROM peer_conflicts WHERE agent_id = ? ORDER BY ord", id);
    return rows.map((row) => ({
      agentId: agentId(bytes(row, "agent_id")),
      kind: text(row, "kind"),
      first: bytes(row, "first"),
      second: bytes(row, "second"),
      seenAt: number(row, "seen_at"),
    }));
  }
}

export class Peers extends PeersReader {
  /** Inserts, or replaces everything that is known but for the log and remembered certificates. */
  put(peer: Peer): void {
    this.store.run(
      `INSERT INTO peers (agent_id, directory, petname, trust, first_seen_at, head_seq, head_hash, certificate,
         certificate_seen_at, highest_seq, highest_generation, highest_instance_key, told_seq, trust_since, forked_at, session_replaced_at,
         corresponded_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (agent_id) DO UPDATE SET directory = excluded.directory, petname = excluded.petname,
         trust = excluded.trust, head_seq = excluded.head_seq, head_hash = excluded.head_hash,
         certificate = excluded.certificate, certificate_seen_at = excluded.certificate_seen_at,
         highest_seq = excluded.highest_seq, highest_generation = excluded.highest_generation,
         highest_instance_key = excluded.highest_instance_key, told_seq = excluded.told_seq,
         trust_since = excluded.trust_since, forked_at = excluded.forked_at, session_replaced_at = excluded.session_replaced_at,
         corresponded_at = excluded.corresponded_at`,
      peer.agentId,
      peer.directory,
      peer.petname,
      peer.trust,
      peer.firstSeenAt,
      peer.head.seq,
      peer.head.hash,
      peer.certificate,
      peer.certificateSeenAt,
      peer.highest?.seq,
      peer.highest?.generation,
      peer.highest?.instanceKey,
      peer.toldSeq ?? 0,
      peer.trustSince,
      peer.forkedAt,
      peer.sessionReplacedAt,
      peer.correspondedAt,
    );
  }

  /** `put` leaves it as it is. */
  oweGreeting(id: AgentId, now: number): void {
    this.store.run("UPDATE peers SET greet_since = ?, greeting = NULL, greeting_session = NULL WHERE agent_id = ?", now, id);
  }

  /** The greeting that was sent has failed: it is owed as before. */
  greetAgain(id: AgentId): void {
    this.store.run("UPDATE peers SET greeting = NULL, greeting_session = NULL WHERE agent_id = ?", id);
  }

  /**
   * A frame for the peer has been sealed.
   *
   * @param greeting one that carries nothing else, and would not be missed; absent: of content, whose loss is found out without this
   */
  greeted(id: AgentId, greeting: Pick<ReadyEnvelope, "envelopeId" | "sessionId"> | undefined): void {
    if (greeting === undefined) {
      this.store.run(
        "UPDATE peers SET greet_since = NULL, greeting = NULL, greeting_session = NULL WHERE agent_id = ? AND greet_since IS NOT NULL",
        id,
      );
    } else {
      const { envelopeId, sessionId } = greeting;
      this.store.run(
        "UPDATE peers SET greeting = ?, greeting_session = ? WHERE agent_id = ? AND greet_since IS NOT NULL AND greeting IS NULL",
        envelopeId,
        sessionId,
        id,
      );
    }
  }

  /** The peer's row and log. Evidence against it stays. */
  forget(id: AgentId): void {
    for (const table of ["peer_events", "peer_certificates", "peer_forks", "peers"])
      this.store.run(`DELETE FROM ${table} WHERE agent_id = ?`, id);
  }

  /**
   * Stores events of the verified log in place of what was there from their number on; `put` sets the head.
   *
   * @param from number of the first of them: those before it stay as they are
   * @param seenAt when they were first seen here
   */
  putEvents(id: AgentId, from: number, events: readonly Uint8Array[], seenAt: number): void {
    this.store.run("DELETE FROM peer_events WHERE agent_id = ? AND seq >= ?", id, from);
    events.forEach((wire, index) => {
      this.store.run("INSERT INTO peer_events (agent_id, seq, wire, seen_at) VALUES (?, ?, ?, ?)", id, from + index, wire, seenAt);
    });
  }

  /** Remembers a certificate by its hash, for messages under it that arrive late; the newest so many. */
  rememberCertificate(id: AgentId, certificate: KnownCertificate): void {
    this.store.run(
      "INSERT INTO peer_certificates (agent_id, hash, wire, seen_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
      id,
      certificate.hash,
      certificate.wire,
      certificate.seenAt,
    );
    this.store.run(
      `DELETE FROM peer_certificates WHERE agent_id = ?1 AND hash IN
         (SELECT hash FROM peer_certificates WHERE agent_id = ?1 ORDER BY seen_at DESC LIMIT -1 OFFSET ${MAX_CERTIFICATES})`,
      id,
    );
  }

  /** Of one peer: what does not count any more. */
  forgetCertificate(id: AgentId, hash: Uint8Array): void {
    this.store.run("DELETE FROM peer_certificates WHERE agent_id = ? AND hash = ?", id, hash);
  }

  forgetCertificates(seenBefore: number): number {
    return this.store.run("DELETE FROM peer_certificates WHERE seen_at < ?", seenBefore);
  }

  /**
   * The same pair is kept once, and of one kind only so many: what anybody can provoke must not fill the disk.
   *
   * @param isFirst of something that was not in doubt before: kept beyond the bound
   */
  addConflict(conflict: Conflict, isFirst: boolean = false): void {
    this.store.run(
      `INSERT INTO peer_conflicts (agent_id, kind, first, second, seen_at) SELECT ?1, ?2, ?3, ?4, ?5
       WHERE (SELECT count(*) FROM peer_conflicts WHERE agent_id = ?1 AND kind = ?2) < ?6 ON CONFLICT DO NOTHING`,
      conflict.agentId,
      conflict.kind,
      conflict.first,
      conflict.second,
      conflict.seenAt,
      isFirst ? Number.MAX_SAFE_INTEGER : MAX_CONFLICTS_OF_A_KIND,
    );
  }
}

function toPeer(row: SqlRow): Peer {
  const id = agentId(bytes(row, "agent_id"));
  const instanceKey = optionalBytes(row, "highest_instance_key");
  return {
    agentId: id,
    did: agentIdToDid(id),
    directory: optionalText(row, "directory"),
    petname: optionalText(row, "petname"),
    trust: word(row, "trust", TRUST),
    firstSeenAt: number(row, "first_seen_at"),
    head: { seq: number(row, "head_seq"), hash: bytes(row, "head_hash") },
    certificate: optionalBytes(row, "certificate"),
    certificateSeenAt: optionalNumber(row, "certificate_seen_at"),
    highest:
      instanceKey === undefined
        ? undefined
        : { seq: number(row, "highest_seq"), generation: number(row, "highest_generation"), instanceKey },
    toldSeq: number(row, "told_seq"),
    trustSince: optionalNumber(row, "trust_since"),
    forkedAt: optionalNumber(row, "forked_at"),
    sessionReplacedAt: optionalNumber(row, "session_replaced_at"),
    correspondedAt: optionalNumber(row, "corresponded_at"),
  };
}
