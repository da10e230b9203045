/**
 * Changes of identity logs and certificates in SQLite: what comes, what it cuts off, what is dropped with it. Must not know what
 * an event or a certificate says.
 */
import type { AgentId, LogHead } from "@talos/core";
import { compareBytes, equalBytes } from "@talos/core";
import {
  MAX_CONFLICTS,
  MAX_CUT_OFF_AT_ONCE,
  MAX_EVIDENCE,
  type AcceptedEvent,
  type AcceptedEvents,
  type AgentRecord,
  type CertificateOutcome,
  type CertificateRecord,
  type EventRecord,
  type EvidenceRecord,
  type LogStore,
} from "../contract/index.ts";
import type { Database } from "./database.ts";
import { bytesOf, numberOf } from "./rows.ts";
import { readEvent, type SqliteAgents } from "./sqlite-agents.ts";
import type { SqlitePrekeys } from "./sqlite-prekeys.ts";

const EVIDENCE_CODES = { "cut-off": 0, contender: 1 } as const;

export class SqliteLogs implements LogStore {
  readonly #db: Database;
  readonly #agents: SqliteAgents;
  readonly #prekeys: SqlitePrekeys;
  readonly #insertEvent;
  readonly #accepted;
  readonly #removeEvents;
  readonly #insertEvidence;
  readonly #removeEvidence;
  readonly #evidence;
  readonly #putCertificate;
  readonly #dropCertificate;
  readonly #insertConflict;
  readonly #conflicts;

  constructor(db: Database, agents: SqliteAgents, prekeys: SqlitePrekeys) {
    this.#db = db;
    this.#agents = agents;
    this.#prekeys = prekeys;
    this.#insertEvent = db.prepare("INSERT INTO events (agent_id, seq, hash, wire, accepted_at) VALUES (?, ?, ?, ?, ?)");
    this.#accepted = db.prepare(
      "SELECT seq, accepted_at FROM events WHERE agent_id = ? AND accepted_at > ? AND accepted_at <= ? ORDER BY seq",
    );
    this.#removeEvents = db.prepare("DELETE FROM events WHERE agent_id = ? AND seq >= ?");
    this.#insertEvidence = db.prepare(
      `INSERT INTO evidence (agent_id, hash, kind, seq, wire, seen_at) SELECT ?1, ?2, ?3, ?4, ?5, ?6
       WHERE (SELECT count(*) FROM evidence WHERE agent_id = ?1 AND kind = ?3) < ${MAX_EVIDENCE} ON CONFLICT DO NOTHING`,
    );
    this.#removeEvidence = db.prepare("DELETE FROM evidence WHERE agent_id = ? AND hash = ?");
    this.#evidence = db.prepare("SELECT hash, kind, seq, wire, seen_at FROM evidence WHERE agent_id = ? ORDER BY seen_at, seq, hash");
    this.#putCertificate = db.prepare(
      "INSERT OR REPLACE INTO certificates (agent_id, seq, generation, instance_key, hash, valid_from, valid_to, wire) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    );
    this.#dropCertificate = db.prepare("DELETE FROM certificates WHERE agent_id = ? AND (seq < ? OR seq >= ?)");
    this.#insertConflict = db.prepare(
      `INSERT INTO certificate_conflicts (agent_id, hash, wire, seen_at) SELECT ?, ?, ?, ?
       WHERE (SELECT count(*) FROM certificate_conflicts WHERE agent_id = ?) < ${MAX_CONFLICTS} ON CONFLICT DO NOTHING`,
    );
    this.#conflicts = db.prepare("SELECT wire FROM certificate_conflicts WHERE agent_id = ? ORDER BY seen_at, hash");
  }

  async readAgent(agentId: AgentId, after: number = -1): Promise<AgentRecord | undefined> {
    return this.#db.read(() => {
      const agent = this.#agents.get(agentId);
      if (agent === undefined) return undefined;
      return { ...agent, events: this.#agents.events(agentId, after), certificate: this.#agents.certificate(agentId) };
    });
  }

  async acceptEvents(
    agentId: AgentId,
    expected: LogHead | undefined,
    { events, voidBelow, revoked }: AcceptedEvents,
    now: number,
  ): Promise<"accepted" | "moved"> {
    return this.#db.transaction(() => {
      if (!this.#agents.hasHead(agentId, expected)) return "moved";
      const [first, last] = [events[0], events.at(-1)];
      if (first === undefined || last === undefined) throw new TypeError("no event to accept");
      const cutOff = this.#agents.events(agentId, first.seq - 1);
      for (const event of cutOff.slice(0, MAX_CUT_OFF_AT_ONCE)) this.#keep(agentId, "cut-off", event, now);
      this.#removeEvents.run(agentId, first.seq);
      for (const { seq, hash, wire } of events) {
        this.#insertEvent.run(agentId, seq, hash, wire, now);
        // What came second once may stand now.
        this.#removeEvidence.run(agentId, hash);
      }
      this.#agents.put(agentId, { head: last, revoked });
      this.#dropCertificate.run(agentId, voidBelow, first.seq);
      this.#prekeys.dropVoid(agentId, voidBelow, first.seq);
      return "accepted";
    });
  }

  async listAccepted(agentId: AgentId, since: number, until: number): Promise<readonly AcceptedEvent[]> {
    return this.#accepted.all(agentId, since, until).map((row) => ({ seq: numberOf(row, "seq"), at: numberOf(row, "accepted_at") }));
  }

  async keepContender(agentId: AgentId, event: EventRecord, now: number): Promise<void> {
    return this.#db.transaction(() => this.#keep(agentId, "contender", event, now));
  }

  async listEvidence(agentId: AgentId): Promise<readonly EvidenceRecord[]> {
    return this.#evidence.all(agentId).map((row) => ({
      ...readEvent(row),
      kind: numberOf(row, "kind") === EVIDENCE_CODES["cut-off"] ? "cut-off" : "contender",
      seenAt: numberOf(row, "seen_at"),
    }));
  }

  async readCertificate(agentId: AgentId): Promise<CertificateRecord | undefined> {
    return this.#agents.certificate(agentId);
  }

  async registerCertificate(agentId: AgentId, given: CertificateRecord, expected: LogHead, now: number): Promise<CertificateOutcome> {
    return this.#db.transaction(() => {
      if (!this.#agents.hasHead(agentId, expected)) return { kind: "moved" };
      const standing = this.#agents.certificate(agentId);
      const order = standing === undefined ? 1 : given.seq - standing.seq || given.generation - standing.generation;
      if (standing !== undefined && order < 0) return { kind: "superseded", certificate: standing };
      if (standing !== undefined && order === 0) {
        if (!equalBytes(given.instanceKey, standing.instanceKey)) {
          this.#insertConflict.run(agentId, given.hash, given.wire, now, agentId);
          return { kind: "conflict", certificate: standing };
        }
        // Of two with the same `from` either may stay, but it must be the same one in whatever order they come.
        const newer = given.from - standing.from || compareBytes(given.hash, standing.hash);
        if (newer <= 0) return { kind: "registered", certificate: standing };
      }
      this.#putCertificate.run(agentId, given.seq, given.generation, given.instanceKey, given.hash, given.from, given.to, given.wire);
      return { kind: "registered", certificate: given };
    });
  }

  async listConflicts(agentId: AgentId): Promise<readonly Uint8Array[]> {
    return this.#conflicts.all(agentId).map((row) => bytesOf(row, "wire"));
  }

  #keep(agentId: AgentId, kind: EvidenceRecord["kind"], { hash, seq, wire }: EventRecord, now: number): void {
    this.#insertEvidence.run(agentId, hash, EVIDENCE_CODES[kind], seq, wire, now);
  }
}
