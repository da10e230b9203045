/**
 * Finds out about a peer: its log and newest certificate, from the directories where it may be known, verified before
 * anything of it is kept.
 */
import { chainWith, isTalosError, talosError, verifyCertificate, verifyLog, type AgentId } from "@talos/core";
import type { AgentContext } from "../context.ts";
import { firstThatAnswers } from "./first-that-answers.ts";
import type { KnownPeer, PeerFacts } from "./known-peer.ts";

/**
 * Events in the log of an agent that is not known here. Verifying one takes a tenth of a millisecond or more in which nothing else runs, anybody
 * can have ten thousand of them, and nothing is kept of a log whose owner turns out to have nothing to say. `peers add` takes any.
 */
const MAX_UNKNOWN_LOG_EVENTS = 200;

/** Where a peer may be known, best first: where it says itself, where it was found, where the sender said, at home. */
export function directoriesOf({ home }: AgentContext, known: KnownPeer | undefined, address: string | undefined): readonly string[] {
  const urls = [...(known?.certificate?.directories ?? []), known?.peer.directory, address, home];
  return [...new Set(urls.filter((url) => url !== undefined))];
}

/**
 * Where mail for a peer is left, and its prekeys are: only where its certificate says that it looks; else where it was found. Never at
 * the sender's own home for want of another: the peer may be registered there without ever looking.
 */
export function mailboxesOf(known: KnownPeer | undefined, address: string | undefined): readonly string[] {
  const named = known?.certificate?.directories ?? [];
  if (named.length > 0) return named;
  const found = known?.peer.directory ?? address;
  return found === undefined ? [] : [found];
}

/**
 * What directories know of a peer, verified. The first directory that has it decides; others are tried while one cannot be
 * reached or does not know it.
 *
 * @param isWanted a person asked for this agent: its log may be as long as logs can be
 * @throws TalosError DIRECTORY_NOT_CONFIGURED without any; else what the first of them answered, or why it does not verify
 */
export async function findPeer(context: AgentContext, id: AgentId, urls: readonly string[], isWanted: boolean = false): Promise<PeerFacts> {
  return await firstThatAnswers(context.standing, urls, async (url) => resolveAt(context, id, url, isWanted));
}

/** Finds it, and takes over what was found. @throws as `findPeer`; PEER_UNKNOWN where it was forgotten meanwhile; COMMIT_FAILED */
export async function lookUpPeer(context: AgentContext, id: AgentId, urls: readonly string[]): Promise<KnownPeer> {
  const { commits, peers, vault, clock } = context;
  const wasKnown = vault.read((tx) => peers.get(tx, id)) !== undefined;
  const facts = await findPeer(context, id, urls);
  return commits.now((tx) => {
    if (wasKnown && peers.get(tx, id) === undefined) throw talosError("PEER_UNKNOWN");
    return peers.learn(tx, facts, clock.now());
  });
}

/** @throws TalosError as `Directory`, `judgeFacts` */
async function resolveAt(context: AgentContext, id: AgentId, url: string, isWanted: boolean): Promise<PeerFacts> {
  const known = context.vault.read((tx) => context.peers.get(tx, id));
  const answer = await context.directories.ask(url, (directory) => directory.resolve(id, known?.log.head));
  return judgeFacts(context, id, known, { ...answer, directory: url }, isWanted);
}

/** What a source says about an agent: later events of its log, or all of them, and its newest certificate. */
export interface Heard {
  readonly log: readonly Uint8Array[];
  readonly certificate?: Uint8Array | undefined;
  readonly directory?: string | undefined;
}

/**
 * Verifies it against what is known. The certificate of a branch that does not stand is left out: the branch itself is evidence.
 *
 * @throws TalosError PEER_LOG_TOO_LONG for a stranger's, unless it is wanted; as `chainWith`, `verifyLog`, `verifyCertificate`
 */
export function judgeFacts(
  { crypto, clock }: Pick<AgentContext, "crypto" | "clock">,
  id: AgentId,
  known: KnownPeer | undefined,
  { log: later, certificate: wire, directory }: Heard,
  isWanted: boolean = false,
): PeerFacts {
  if (known === undefined && !isWanted && later.length > MAX_UNKNOWN_LOG_EVENTS) throw talosError("PEER_LOG_TOO_LONG");
  const chain = chainWith(known?.log, later, crypto);
  const verdict = verifyLog(known?.log, chain, clock.now(), crypto, id);
  const { kind, log } = verdict;
  const isOfAnotherBranch = kind === "forked" || kind === "refused";
  try {
    // Old or not: how fresh it is decides who sends, not what is known.
    return { log, chain, certificate: wire && verifyCertificate(log, wire, crypto), directory };
  } catch (error) {
    const isEnded = isTalosError(error, "AGENT_REVOKED") && log.revoked !== undefined;
    if (isEnded || (isOfAnotherBranch && isTalosError(error, "HEAD_UNKNOWN"))) return { log, chain, directory };
    throw error;
  }
}
