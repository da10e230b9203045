/** Identity logs and certificates in SQLite. Must not know what an event or a certificate says. */
import type { AgentId, LogHead } from "@talos/core";
import { compareBytes, equalBytes } from "@talos/core";
import {
  MAX_CONFLICTS,
  type AgentRecord,
  type CertificateOutcome,
  type CertificateRecord,
  type EventRecord,
  type LogStore,
} from "../contract/index.ts";
import type { Database } from "./database.ts";
import { bytesOf, numberOf, type Row } from "./rows.ts";

export class SqliteLogs implements LogStore {
  readonly #db: Database;
  readonly #head;
  readonly #insertAgent;
  readonly #moveHead;
  readonly #events;
  readonly #insertEvent;
  readonly #certificate;
  readonly #putCertificate;
  readonly #insertConflict;
  readonly #conflicts;

  constructor(db: Database) {
    this.#db = db;
    this.#head = db.prepare("SELECT head_seq, head_hash FROM agents WHERE agent_id = ?");
    this.#insertAgent = db.prepare("INSERT INTO agents (agent_id, head_seq, head_hash) VALUES (?, ?, ?)");
    this.#moveHead = db.prepare("UPDATE agents SET head_seq = ?, head_hash = ? WHERE agent_id = ?");
    this.#events = db.prepare("SELECT seq, hash, wire FROM events WHERE agent_id = ? AND seq > ? ORDER BY seq");
    this.#insertEvent = db.prepare("INSERT INTO events (agent_id, seq, hash, wire) VALUES (?, ?, ?, ?)");
    this.#certificate = db.prepare(
      "SELECT seq, generation, instance_key, hash, valid_from, valid_to, wire FROM certificates WHERE agent_id = ?",
    );
    this.#putCertificate = db.prepare(
      "INSERT OR REPLACE INTO certificates (agent_id, seq, generation, instance_key, hash, valid_from, valid_to, wire) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    );
    this.#insertConflict = db.prepare(
      `INSERT INTO certificate_conflicts (agent_id, hash, wire, seen_at) SELECT ?, ?, ?, ?
       WHERE (SELECT count(*) FROM certificate_conflicts WHERE agent_id = ?) < ${MAX_CONFLICTS} ON CONFLICT DO NOTHING`,
    );
    this.#conflicts = db.prepare("SELECT wire FROM certificate_conflicts WHERE agent_id = ? ORDER BY seen_at, hash");
  }

  async readAgent(agentId: AgentId, after: number = -1): Promise<AgentRecord | undefined> {
    const head = this.head(agentId);
    if (head === undefined) return undefined;
    return { head, events: this.events(agentId, after), certificate: this.certificate(agentId) };
  }

  async appendEvents(agentId: AgentId, expected: LogHead | undefined, events: readonly EventRecord[]): Promise<"appended" | "moved"> {
    return this.#db.transaction(() => {
      const head = this.head(agentId);
      const stands = head === undefined ? expected === undefined : expected?.seq === head.seq && equalBytes(expected.hash, head.hash);
      if (!stands) return "moved";
      for (const { seq, hash, wire } of events) this.#insertEvent.run(agentId, seq, hash, wire);
      const last = events.at(-1);
      if (last === undefined) return "appended";
      if (head === undefined) this.#insertAgent.run(agentId, last.seq, last.hash);
      else this.#moveHead.run(last.seq, last.hash, agentId);
      return "appended";
    });
  }

  async readCertificate(agentId: AgentId): Promise<CertificateRecord | undefined> {
    return this.certificate(agentId);
  }

  async registerCertificate(agentId: AgentId, given: CertificateRecord, now: number): Promise<CertificateOutcome> {
    return this.#db.transaction(() => {
      const standing = this.certificate(agentId);
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

  // What follows is for the other tables, inside their transactions.

  head(agentId: AgentId): LogHead | undefined {
    const row = this.#head.get(agentId);
    return row && { seq: numberOf(row, "head_seq"), hash: bytesOf(row, "head_hash") };
  }

  events(agentId: AgentId, after: number): readonly EventRecord[] {
    return this.#events
      .all(agentId, after)
      .map((row) => ({ seq: numberOf(row, "seq"), hash: bytesOf(row, "hash"), wire: bytesOf(row, "wire") }));
  }

  certificate(agentId: AgentId): CertificateRecord | undefined {
    const row = this.#certificate.get(agentId);
    return row && readCertificate(row);
  }
}

function readCertificate(row: Row): CertificateRecord {
  return {
    seq: numberOf(row, "seq"),
    generation: numberOf(row, "generation"),
    instanceKey: bytesOf(row, "instance_key"),
    hash: bytesOf(row, "hash"),
    from: numberOf(row, "valid_from"),
    to: numberOf(row, "valid_to"),
    wire: bytesOf(row, "wire"),
  };
}
