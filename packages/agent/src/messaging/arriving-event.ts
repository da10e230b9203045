/**
 * An event that lies in the mailbox: proves itself, whoever left it there. The peer whose log it belongs to is found by the depositor, or by
 * the event before it; where events between are missing, the log is fetched once. What follows from it is the peer book's.
 */
import { decodeEvent, equalBytes, isTalosError, type AgentId, type MailboxItem, type UnverifiedEvent } from "@talos/core";
import type { AgentContext } from "../context.ts";
import type { ReadTransaction } from "../vault/index.ts";
import type { KnownPeer } from "./known-peer.ts";
import { directoriesOf, judgeFacts, lookUpPeer } from "./peer-lookup.ts";

/**
 * @throws TalosError as `decodeEvent`, `verifyLog`; what fetching the log throws
 */
export async function takeEvent(context: AgentContext, { item, depositor }: MailboxItem, mailbox: string): Promise<void> {
  const { vault, crypto, log, ownLogDoubt } = context;
  const event = decodeEvent(item, crypto);
  const known = vault.read((tx) => findPeerOf(context, tx, event, depositor));
  if (known === undefined) {
    // Somebody acts in this agent's name. The event of anybody else who is not known here says nothing to this agent.
    if (isOwn(log.states, event)) ownLogDoubt.ring();
    return;
  }
  try {
    takeOver(context, known, item);
  } catch (error) {
    if (!isTalosError(error, "LOG_INVALID")) throw error;
    const found = await lookUpPeer(context, known.peer.agentId, [...new Set([...directoriesOf(context, known, undefined), mailbox])]);
    // It stands by now, or has been cut off; else it is judged once more, by the newer log.
    if (found.log.states.some(({ head }) => equalBytes(head.hash, event.hash))) return;
    takeOver(context, found, item);
  }
}

/** @throws TalosError LOG_INVALID where it does not follow what is known; SIGNATURE_INVALID and others; COMMIT_FAILED */
function takeOver(context: AgentContext, known: KnownPeer, wire: Uint8Array): void {
  const { commits, peers, clock } = context;
  const facts = judgeFacts(context, known.peer.agentId, known, { log: [wire] });
  commits.now((tx) => peers.learn(tx, facts, clock.now()));
}

function findPeerOf(
  { peers }: AgentContext,
  tx: ReadTransaction,
  { event, hash }: UnverifiedEvent,
  depositor: AgentId | undefined,
): KnownPeer | undefined {
  // Nobody follows an agent from its inception on: whoever is known was met with its log.
  const before = event.kind === "inception" ? undefined : event.previous;
  const hinted = depositor && peers.get(tx, depositor);
  if (
    hinted !== undefined &&
    hinted.log.states.some(({ head }) => equalBytes(head.hash, hash) || (before !== undefined && equalBytes(head.hash, before)))
  )
    return hinted;
  const owner = before && tx.peers.byHead(before);
  // By what the depositor knows of itself there may be events between.
  return owner === undefined ? hinted : peers.get(tx, owner.agentId);
}

function isOwn(states: AgentContext["log"]["states"], { event }: UnverifiedEvent): boolean {
  return event.kind !== "inception" && states.some(({ head }) => equalBytes(head.hash, event.previous));
}
