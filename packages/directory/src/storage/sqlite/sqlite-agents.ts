/**
 * What stands of an agent in SQLite: head, events, certificate. For the other tables, inside their transactions; must not know
 * what an event or a certificate says.
 */
import { sameHead, type AgentId, type LogHead } from "@talos/core";
import type { CertificateRecord, EventRecord } from "../contract/index.ts";
import type { Database } from "./database.ts";
import { bytesOf, numberOf, type Row } from "./rows.ts";

export interface AgentRow {
  readonly head: LogHead;
  readonly revoked: boolean;
}

export class SqliteAgents {
  readonly #agent;
  readonly #put;
  readonly #events;
  readonly #certificate;

  constructor(db: Database) {
    this.#agent = db.prepare("SELECT head_seq, head_hash, revoked FROM agents WHERE agent_id = ?");
    this.#put = db.prepare("INSERT OR REPLACE INTO agents (agent_id, head_seq, head_hash, revoked) VALUES (?, ?, ?, ?)");
    this.#events = db.prepare("SELECT seq, hash, wire FROM events WHERE agent_id = ? AND seq > ? ORDER BY seq");
    this.#certificate = db.prepare(
      "SELECT seq, generation, instance_key, hash, valid_from, valid_to, wire FROM certificates WHERE agent_id = ?",
    );
  }

  get(agentId: AgentId): AgentRow | undefined {
    const row = this.#agent.get(agentId);
    return row && { head: { seq: numberOf(row, "head_seq"), hash: bytesOf(row, "head_hash") }, revoked: numberOf(row, "revoked") === 1 };
  }

  put(agentId: AgentId, { head, revoked }: AgentRow): void {
    this.#put.run(agentId, head.seq, head.hash, revoked ? 1 : 0);
  }

  /** Whether this is the head of its log; undefined: whether it has none. */
  hasHead(agentId: AgentId, expected: LogHead | undefined): boolean {
    const head = this.get(agentId)?.head;
    return head === undefined || expected === undefined ? head === expected : sameHead(head, expected);
  }

  events(agentId: AgentId, after: number): readonly EventRecord[] {
    return this.#events.all(agentId, after).map(readEvent);
  }

  certificate(agentId: AgentId): CertificateRecord | undefined {
    const row = this.#certificate.get(agentId);
    return row && readCertificate(row);
  }
}

export function readEvent(row: Row): EventRecord {
  return { seq: numberOf(row, "seq"), hash: bytesOf(row, "hash"), wire: bytesOf(row, "wire") };
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
