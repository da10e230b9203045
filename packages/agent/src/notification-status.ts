/** Which events of this agent its peers have acknowledged, and who has not yet: for an operator. Reads the store alone. */
import { agentIdToDid, toHex } from "@talos/core";
import type { Notification, ReadTransaction } from "./vault/index.ts";

export interface NotificationStatus {
  /** The event of this agent's log. */
  readonly seq: number;
  readonly hash: string;
  /** Number of peers that are or were to be told. */
  readonly peers: number;
  readonly acknowledged: number;
  /** Those that have not acknowledged. */
  readonly pending: readonly PendingNotification[];
}

export interface PendingNotification {
  readonly peerDid: string;
  readonly name?: string;
  /** `open`: not left everywhere yet; `deposited`: in its mailbox; `given-up`: no further attempts. */
  readonly state: "open" | "deposited" | "given-up";
  readonly attempts: number;
  /** When it was last left at every directory of the peer. */
  readonly depositedAt?: number;
  readonly nextAttemptAt?: number;
  /** Code of the last failure. */
  readonly lastError?: string;
}

/** The newest event first. */
export function readNotifications(tx: ReadTransaction): readonly NotificationStatus[] {
  const byEvent = Map.groupBy(tx.notifications.list(), ({ head }) => toHex(head.hash));
  return [...byEvent.entries()]
    .map(([hash, rows]) => ({
      seq: rows[0]?.head.seq ?? 0,
      hash,
      peers: rows.length,
      acknowledged: rows.filter(({ acknowledgedAt }) => acknowledgedAt !== undefined).length,
      pending: rows.filter(({ acknowledgedAt }) => acknowledgedAt === undefined).map((row) => pending(tx, row)),
    }))
    .sort((a, b) => b.seq - a.seq);
}

function pending(tx: ReadTransaction, row: Notification): PendingNotification {
  const { peer, attempts, depositedAt, nextAttemptAt, lastError, endedAt } = row;
  const name = tx.peers.get(peer)?.petname;
  const isOver = endedAt !== undefined;
  return {
    peerDid: agentIdToDid(peer),
    ...(name === undefined ? {} : { name }),
    state: isOver ? "given-up" : depositedAt === undefined || lastError !== undefined ? "open" : "deposited",
    attempts,
    ...(depositedAt === undefined ? {} : { depositedAt }),
    ...(isOver ? {} : { nextAttemptAt }),
    ...(lastError === undefined ? {} : { lastError }),
  };
}
