/**
 * What time alone has made due in the store, as one transaction: messages that are sent once more or given up, and what nobody can ask
 * for any more. Judged by the time that is given. Knows no network.
 */
import { DAY_MILLISECONDS, DELIVERY_HORIZON_MILLISECONDS } from "@talos/core";
import type { OutboxRow, Transaction } from "../vault/index.ts";
import { DONE_PLAN_MILLISECONDS } from "./publish-record.ts";

/** A deposited message that nobody acknowledged goes out once more, when no directory remembers any more that it had it: they do for 30 days. */
const RESEND_AFTER_MILLISECONDS: number = 31 * DAY_MILLISECONDS;
/** And is given up after this. */
const EXPIRE_AFTER_MILLISECONDS: number = 90 * DAY_MILLISECONDS;
/** Longer than any sender goes on: 90 days, and the horizon of the last attempt. */
const SEEN_MILLISECONDS: number = 130 * DAY_MILLISECONDS;
/** Delivered and expired rows stay this long for whoever looks. */
const FINISHED_MILLISECONDS: number = 7 * DAY_MILLISECONDS;

export interface Tidied {
  readonly expired: readonly OutboxRow[];
  readonly again: readonly OutboxRow[];
  /** Peers that have waited too long for a turn of the ratchet. */
  readonly listening: ReturnType<Transaction["sessions"]["turnsDue"]>;
}

export interface TidyFacts {
  readonly now: number;
  /** Until when what has run out may be destroyed; not later than `now`. */
  readonly believed: number;
  /** The mailbox was read to its end: what acknowledges a deposited message may lie there. */
  readonly isMailRead: boolean;
}

export function tidy(tx: Transaction, { now, believed, isMailRead }: TidyFacts): Tidied {
  const latest = believed - EXPIRE_AFTER_MILLISECONDS;
  const expired = tx.outbox
    .unfinishedBefore(latest)
    // Later than that no mailbox has its acknowledgement any more.
    .filter(({ depositedAt, createdAt }) => isMailRead || depositedAt === undefined || createdAt < latest - DELIVERY_HORIZON_MILLISECONDS);
  for (const row of expired) tx.outbox.expire(row.order, now);
  const again = tx.outbox.depositedBefore(now - RESEND_AFTER_MILLISECONDS);
  for (const row of again) tx.outbox.againToReady(row.order, now);
  tx.outbox.forgetFinished(believed - FINISHED_MILLISECONDS);
  tx.inbox.forgetSeen(believed - SEEN_MILLISECONDS);
  tx.opened.forget(believed - DELIVERY_HORIZON_MILLISECONDS);
  tx.sessions.removeIdle(believed - DELIVERY_HORIZON_MILLISECONDS);
  tx.sessions.forgetHandshakes(believed - SEEN_MILLISECONDS);
  tx.peers.forgetCertificates(believed - SEEN_MILLISECONDS);
  tx.batches.forget(believed - DELIVERY_HORIZON_MILLISECONDS);
  tx.inventory.forgetEnded(believed - SEEN_MILLISECONDS);
  tx.plans.forgetDone(believed - DONE_PLAN_MILLISECONDS);
  return { expired, again, listening: tx.sessions.turnsDue(now) };
}
