/**
 * Where histories of a peer contend, and whether that is decided: what the alarm goes by. Apart from the evidence, which is bounded: whoever
 * fills it must not silence what comes later. One row for an event that stands, however many contend with it.
 */
import type { AgentId } from "@talos/core";
import { bytes, number, optionalNumber } from "./columns.ts";
import type { SqlRow, Store } from "./store.ts";

export interface PeerFork {
  readonly agentId: AgentId;
  /** Number of the first event that the histories do not share. */
  readonly seq: number;
  /** Hash of the event that stands there, 32 bytes; of two recovery events the one that stands. */
  readonly standing: Uint8Array;
  /** The recovery key has signed on both sides. */
  readonly isOfRecovery: boolean;
  readonly seenAt: number;
  /** When the peer or a person decided for the event that stands. */
  readonly decidedAt?: number;
}

export class PeerForksReader {
  protected readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  /** Those about which neither the peer nor a person has decided, first parting first. */
  undecided(id: AgentId): PeerFork[] {
    return this.store
      .all("SELECT * FROM peer_forks WHERE agent_id = ? AND decided_at IS NULL ORDER BY seq", id)
      .map((row) => toPeerFork(id, row));
  }

  /** All of them, also those that are decided. */
  list(id: AgentId): PeerFork[] {
    return this.store.all("SELECT * FROM peer_forks WHERE agent_id = ? ORDER BY seq, standing", id).map((row) => toPeerFork(id, row));
  }
}

export class PeerForks extends PeerForksReader {
  /** @returns false where histories contend with that event already, or did until it was decided */
  raise({ agentId, seq, standing, isOfRecovery, seenAt, decidedAt }: PeerFork): boolean {
    const added = this.store.run(
      `INSERT INTO peer_forks (agent_id, seq, standing, of_recovery, seen_at, decided_at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
      agentId,
      seq,
      standing,
      isOfRecovery ? 1 : 0,
      seenAt,
      decidedAt,
    );
    return added > 0;
  }

  /** For the event that stands, against every other one. */
  decide({ agentId, seq, standing }: Pick<PeerFork, "agentId" | "seq" | "standing">, at: number): void {
    this.store.run("UPDATE peer_forks SET decided_at = ? WHERE agent_id = ? AND seq = ? AND standing = ?", at, agentId, seq, standing);
  }
}

function toPeerFork(agentId: AgentId, row: SqlRow): PeerFork {
  const decidedAt = optionalNumber(row, "decided_at");
  return {
    agentId,
    seq: number(row, "seq"),
    standing: bytes(row, "standing"),
    isOfRecovery: number(row, "of_recovery") === 1,
    seenAt: number(row, "seen_at"),
    ...(decidedAt === undefined ? {} : { decidedAt }),
  };
}
