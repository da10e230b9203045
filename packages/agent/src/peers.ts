/**
 * `client.peers`: whom this agent knows, and adding somebody by address. Trust is on first use until somebody says better.
 */
import {
  agentIdToDid,
  isTalosError,
  nodeCrypto,
  parseAddress,
  talosError,
  toHex,
  verifyLog,
  type Address,
  type AgentId,
} from "@talos/core";
import type { AgentContext } from "./context.ts";
import { urlOfAuthority } from "./directory/directory-url.ts";
import { directoriesOf, findPeer } from "./messaging/peer-lookup.ts";
import { answerUnwanted } from "./messaging/unreadable.ts";
import {
  acceptPeerHistory,
  blockPeer,
  fingerprintWith,
  forgetPeer,
  unblockPeer,
  verifyPeer,
  type ForgetPeerOptions,
} from "./peer-trust.ts";
import type { Peer, ReadTransaction, Trust } from "./vault/index.ts";

export interface PeerView {
  readonly did: string;
  readonly fingerprint: string;
  /** A name that this agent's people gave it. */
  readonly name?: string;
  /** URL of the directory where it was found. */
  readonly directory?: string;
  readonly trust: Trust;
  /** Since when, where somebody or something changed it. */
  readonly trustSince?: number;
  readonly firstSeenAt: number;
  /** Two histories contend since then: no new sessions until it is decided. */
  readonly forkedAt?: number;
  /** It has ended its identity. */
  readonly revoked: boolean;
  /** The identity key in force, in hexadecimal. */
  readonly identityKey: string;
  /** The newest event of its log. */
  readonly head: { readonly seq: number; readonly hash: string };
  /** The newest instance seen. */
  readonly generation?: number;
  readonly certificateSeenAt?: number;
  readonly sessions: number;
  /** Things of this peer that cannot both be honest. */
  readonly conflicts: readonly { readonly kind: string; readonly at: number }[];
  /** Events of its log that a recovery event has cut off, as they are kept. */
  readonly cutOffEvents: readonly { readonly seq: number; readonly hash: string; readonly at: number }[];
}

/** Whom the decisions of people concern beside the store. */
export interface PeersListener {
  /** What waits for this peer may leave now. */
  retry(peer: AgentId): void;
  /** Will not be delivered any more. */
  discarded(messageId: Uint8Array): void;
}

/** Who a name in a call means: an address (DID, optionally `@host[:port]`) or a petname. */
export interface Target {
  readonly peer: AgentId;
  /** URL of the directory that the address named. */
  readonly address: string | undefined;
}

const PETNAME = /^[\p{L}\p{N}][\p{L}\p{N}._ -]{0,63}$/u;

/** An application writes to the same addresses again and again; reading one costs more than storing a message. */
const MAX_ADDRESSES = 1_000;

export class PeersApi {
  readonly #context: AgentContext;
  readonly #listener: PeersListener;
  readonly #addresses: Map<string, Address> = new Map();

  constructor(context: AgentContext, listener: PeersListener) {
    this.#context = context;
    this.#listener = listener;
  }

  list(): readonly PeerView[] {
    return this.#context.vault.read(listPeers);
  }

  /** @param peer a DID, an address or a petname @throws TalosError PEER_UNKNOWN, INVALID_ARGUMENT */
  show(peer: string): PeerView {
    return this.#context.vault.read((tx) => showPeer(tx, peer));
  }

  /**
   * Fetches the peer's log and certificate, verifies them, and remembers the peer as `unverified`.
   *
   * @param address a DID, optionally with `@host[:port]`
   * @throws TalosError INVALID_ARGUMENT; PEER_UNKNOWN where no directory knows it; DIRECTORY_UNREACHABLE,
   *   DIRECTORY_NOT_CONFIGURED, DIRECTORY_MISBEHAVED; LOG_INVALID and others of what does not verify
   */
  async add(address: string, options: { readonly name?: string } = {}): Promise<PeerView> {
    const { name: petname, ...others } = options;
    const [unknown] = Object.keys(others);
    if (unknown !== undefined) throw talosError("UNKNOWN_OPTION", undefined, { details: { option: unknown } });
    if (petname !== undefined && (typeof petname !== "string" || !PETNAME.test(petname) || petname.startsWith("did:"))) {
      throw talosError("INVALID_ARGUMENT", "A peer's name is 1 to 64 letters, digits, spaces, dots, dashes and underscores.", {
        details: { option: "name" },
      });
    }
    const target = this.target(address);
    const { vault, log } = this.#context;
    if (toHex(target.peer) === toHex(log.agentId)) throw ownAddress();
    const { known, taken } = vault.read((tx) => ({
      known: this.#context.peers.get(tx, target.peer),
      taken: petname === undefined ? undefined : tx.peers.byPetname(petname),
    }));
    if (taken !== undefined && toHex(taken.agentId) !== toHex(target.peer)) {
      throw talosError("INVALID_ARGUMENT", "Another peer has this name.", { details: { option: "name" } });
    }
    const urls = [target.address, ...directoriesOf(this.#context, known, undefined)].filter((url) => url !== undefined);
    try {
      const facts = await findPeer(this.#context, target.peer, [...new Set(urls)], true);
      const { commits, peers, clock } = this.#context;
      commits.now((tx) => {
        peers.learn(tx, { ...facts, petname }, clock.now());
        answerUnwanted(this.#context, tx, target.peer);
      });
    } catch (error) {
      throw isTalosError(error, "AGENT_UNKNOWN") ? talosError("PEER_UNKNOWN", undefined, { cause: error }) : error;
    }
    this.#listener.retry(target.peer);
    return this.show(agentIdToDid(target.peer));
  }

  /**
   * 60 digits, in groups of five: the same on both sides, and for life. Compare them over another channel, then `verify`.
   *
   * @param peer a DID, an address or a petname; it need not be known
   * @throws TalosError PEER_UNKNOWN (a petname), INVALID_ARGUMENT
   */
  fingerprint(peer: string): string {
    return fingerprintWith(this.#context.log.agentId, this.target(peer).peer);
  }

  /**
   * Somebody has compared the digits: the peer is who it says.
   *
   * @param digits what the peer's side reads out: 60 digits, however they are grouped
   * @throws TalosError FINGERPRINT_MISMATCH; INVALID_ARGUMENT, PEER_UNKNOWN, PEER_BLOCKED, PEER_REVOKED; COMMIT_FAILED. Nothing has changed then
   */
  verify(peer: string, digits: string): PeerView {
    return this.#decide(peer, (id) => verifyPeer(this.#context, id, digits));
  }

  /** Nothing is sent to it and nothing taken from it any more. What waits for it stays. @throws TalosError PEER_UNKNOWN, COMMIT_FAILED */
  block(peer: string): PeerView {
    return this.#decide(peer, (id) => blockPeer(this.#context, id));
  }

  /** It is `unverified` again. @throws TalosError PEER_UNKNOWN, COMMIT_FAILED */
  unblock(peer: string): PeerView {
    return this.#decide(peer, (id) => unblockPeer(this.#context, id));
  }

  /**
   * After `peerForked`: the history that was seen first is the peer's, its owner has said so over another channel. For the other one,
   * `forget` the peer and `add` it anew.
   *
   * @throws TalosError PEER_UNKNOWN; INVALID_ARGUMENT where no two histories contend; COMMIT_FAILED
   */
  acceptHistory(peer: string): PeerView {
    return this.#decide(peer, (id) => acceptPeerHistory(this.#context, id));
  }

  /**
   * Sessions, log and trust are gone; if it comes again it is met for the first time. Evidence against it stays.
   *
   * @throws TalosError PEER_HAS_MESSAGES while something is not delivered, unless it is to be thrown away; PEER_UNKNOWN, UNKNOWN_OPTION,
   *   INVALID_ARGUMENT; COMMIT_FAILED
   */
  forget(peer: string, options: ForgetPeerOptions = {}): void {
    const discarded = forgetPeer(this.#context, this.target(peer).peer, options);
    for (const { messageId } of discarded) this.#listener.discarded(messageId);
  }

  #decide(text: string, decide: (peer: AgentId) => void): PeerView {
    const { peer } = this.target(text);
    decide(peer);
    this.#listener.retry(peer);
    return this.show(agentIdToDid(peer));
  }

  /** @throws TalosError INVALID_ARGUMENT for what is neither; PEER_UNKNOWN for a petname that nobody has */
  target(text: string): Target {
    if (typeof text !== "string") throw invalidPeer();
    if (!text.startsWith("did:")) {
      const peer = this.#context.vault.read((tx) => tx.peers.byPetname(text));
      if (peer === undefined) throw talosError("PEER_UNKNOWN");
      return { peer: peer.agentId, address: undefined };
    }
    const { agentId, directory } = this.#address(text);
    const { directories, home } = this.#context;
    const known = [...(home === undefined ? [] : [home]), ...directories.known()];
    return { peer: agentId, address: directory === undefined ? undefined : urlOfAuthority(directory, known) };
  }

  #address(text: string): Address {
    let address = this.#addresses.get(text);
    if (address === undefined) {
      address = readAddress(text);
      if (this.#addresses.size >= MAX_ADDRESSES) this.#addresses.clear();
      this.#addresses.set(text, address);
    }
    return address;
  }
}

export function listPeers(tx: ReadTransaction): readonly PeerView[] {
  return tx.peers.list().map((peer) => viewOf(tx, peer));
}

/** @throws TalosError PEER_UNKNOWN, INVALID_ARGUMENT */
export function showPeer(tx: ReadTransaction, text: string): PeerView {
  if (typeof text !== "string") throw invalidPeer();
  const peer = text.startsWith("did:") ? tx.peers.get(readAddress(text).agentId) : tx.peers.byPetname(text);
  if (peer === undefined) throw talosError("PEER_UNKNOWN");
  return viewOf(tx, peer);
}

/** @param text a DID, an address or a petname @throws TalosError PEER_UNKNOWN (a petname), INVALID_ARGUMENT */
export function peerNamed(tx: ReadTransaction, text: string): AgentId {
  if (typeof text !== "string") throw invalidPeer();
  if (text.startsWith("did:")) return readAddress(text).agentId;
  const peer = tx.peers.byPetname(text);
  if (peer === undefined) throw talosError("PEER_UNKNOWN");
  return peer.agentId;
}

/**
 * An agent id for two people to compare: 64 hexadecimal characters in groups of four. It names the agent for life, however
 * its keys rotate.
 */
export function fingerprintOf(id: AgentId): string {
  return toHex(id).replaceAll(/(.{4})(?=.)/g, "$1 ");
}

function readAddress(text: string): Address {
  try {
    return parseAddress(text);
  } catch (error) {
    throw talosError("INVALID_ARGUMENT", "A peer is a DID of the form did:talos:z..., optionally followed by @host[:port], or a petname.", {
      details: { argument: "peer" },
      cause: error,
    });
  }
}

function viewOf(tx: ReadTransaction, peer: Peer): PeerView {
  const { agentId, did, petname, directory, trust, trustSince, firstSeenAt, forkedAt, head, highest, certificateSeenAt } = peer;
  // It was verified before it was stored.
  const { log } = verifyLog(undefined, tx.peers.events(agentId), firstSeenAt, nodeCrypto, agentId);
  return {
    did,
    fingerprint: fingerprintOf(agentId),
    ...(petname === undefined ? {} : { name: petname }),
    ...(directory === undefined ? {} : { directory }),
    trust,
    ...(trustSince === undefined ? {} : { trustSince }),
    firstSeenAt,
    ...(forkedAt === undefined ? {} : { forkedAt }),
    revoked: log.revoked !== undefined,
    identityKey: toHex(log.identityKey.bytes),
    head: { seq: head.seq, hash: toHex(head.hash) },
    ...(highest === undefined ? {} : { generation: highest.generation }),
    ...(certificateSeenAt === undefined ? {} : { certificateSeenAt }),
    sessions: tx.sessions.listFor(agentId).length,
    conflicts: tx.peers.conflicts(agentId).map(({ kind, seenAt }) => ({ kind, at: seenAt })),
    cutOffEvents: tx.cutOff.list(agentId).map(({ seq, hash, seenAt }) => ({ seq, hash: toHex(hash), at: seenAt })),
  };
}

function ownAddress(): Error {
  return talosError("INVALID_ARGUMENT", "This is the agent's own address.", { details: { argument: "peer" } });
}

function invalidPeer(): Error {
  return talosError("INVALID_ARGUMENT", "A peer is given as text.", { details: { argument: "peer" } });
}
