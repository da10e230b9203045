/** Events that a recovery event has cut off, of peers and of the agent itself: evidence of what somebody else did with a key. */
import { agentId, type AgentId } from "@talos/core";
import { bytes, number } from "./columns.ts";
import type { SqlRow, Store } from "./store.ts";

/** Of one agent: a thief can make as many as he likes before the owner wakes. */
export const MAX_CUT_OFF_EVENTS = 1000;

export interface CutOffEvent {
  /** Event hash, 32 bytes. */
  readonly hash: Uint8Array;
  readonly agentId: AgentId;
  readonly seq: number;
  readonly wire: Uint8Array;
  /** When it was found to be cut off. */
  readonly seenAt: number;
}

export class CutOffReader {
  protected readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  /** @param id of one agent; default: all */
  list(id?: AgentId): CutOffEvent[] {
    const rows =
      id === undefined
        ? this.store.all("SELECT * FROM cut_off_events ORDER BY agent_id, seq, hash")
        : this.store.all("SELECT * FROM cut_off_events WHERE agent_id = ? ORDER BY seq, hash", id);
    return rows.map(toCutOffEvent);
  }

  /** Whose events there are. */
  agents(): AgentId[] {
    return this.store.all("SELECT DISTINCT agent_id FROM cut_off_events ORDER BY agent_id").map((row) => agentId(bytes(row, "agent_id")));
  }

  has(hash: Uint8Array): boolean {
    return this.store.get("SELECT 1 AS found FROM cut_off_events WHERE hash = ?", hash) !== undefined;
  }
}

export class CutOff extends CutOffReader {
  /** The first ones of an agent, up to the bound. @returns false for one that is kept already, and beyond the bound */
  add(event: CutOffEvent): boolean {
    const added = this.store.run(
      `INSERT INTO cut_off_events (hash, agent_id, seq, wire, seen_at) SELECT ?1, ?2, ?3, ?4, ?5
       WHERE (SELECT count(*) FROM cut_off_events WHERE agent_id = ?2) < ${MAX_CUT_OFF_EVENTS} ON CONFLICT DO NOTHING`,
      event.hash,
      event.agentId,
      event.seq,
      event.wire,
      event.seenAt,
    );
    return added > 0;
  }
}

function toCutOffEvent(row: SqlRow): CutOffEvent {
  return {
    hash: bytes(row, "hash"),
    agentId: agentId(bytes(row, "agent_id")),
    seq: number(row, "seq"),
    wire: bytes(row, "wire"),
    seenAt: number(row, "seen_at"),
  };
}
