/**
 * A peer is greeted where this agent has lost what it shared with it: by a first message, or the first frame in a session that the peer has
 * begun, under a certificate above all that it knows. Then the peer sends again what was not acknowledged, without having to write first.
 * Says what is owed; the lanes send it.
 */
import { DAY_MILLISECONDS, type AgentId } from "@talos/core";
import type { ReadTransaction, Transaction } from "../vault/index.ts";

/** As long as a sender goes on with a message that nobody acknowledges. */
const GREET_MILLISECONDS: number = 90 * DAY_MILLISECONDS;

export function owesGreeting(tx: ReadTransaction, peer: AgentId, now: number): boolean {
  return (tx.peers.greetSince(peer) ?? Number.NEGATIVE_INFINITY) >= now - GREET_MILLISECONDS;
}

/**
 * To everybody with whom this agent has corresponded, or who is verified, from now on for 90 days, until any frame for that peer has been sealed.
 * Strangers who wrote in, and agents whose address is all that is known, hold nothing that was lost, and need not learn that and when a machine
 * was. Whether a peer may be greeted (blocked, `verifiedOnly`) is judged when it would be. In the transaction that ends all sessions, or in which
 * the peers come from a backup: after they were put.
 */
export function oweGreetings(tx: Transaction, now: number): void {
  for (const { agentId, trust, correspondedAt } of tx.peers.list()) {
    if (trust === "verified" || correspondedAt !== undefined) tx.peers.oweGreeting(agentId, now);
  }
}

/** To whom one is owed. */
export function peersToGreet(tx: ReadTransaction, now: number): AgentId[] {
  return tx.peers.toGreet(now - GREET_MILLISECONDS);
}
