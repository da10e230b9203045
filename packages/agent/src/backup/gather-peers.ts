/**
 * Which agents go into a backup, each with all that is known of it: its log, what was decided about it, the evidence against it and its events
 * that were cut off. Whoever likes can become known to an agent, with a log as long as he likes, and must not keep it from being backed up:
 * where there is no room for everybody, strangers stay out. Peers that somebody has verified or blocked always go. Source:
 * docs/protocol/backup.md, "What is left out".
 */
import { type AgentId, equalBytes, talosError, toHex } from "@talos/core";
import type { Conflict, CutOffEvent, Peer, ReadTransaction } from "../vault/index.ts";
import type { BackupContent, BackupPeer } from "./backup-content.ts";
import { encodeCutOff, encodeOthersEvidence, MAX_PEER_ITEMS } from "./content-codec.ts";
import { encodePeer } from "./peer-codec.ts";
import { framedBytes } from "./section.ts";

export type GatheredPeers = Pick<BackupContent, "peers" | "cutOff" | "evidence" | "leftOut">;

/** All that is known of one agent. */
interface Dossier {
  readonly peer?: BackupPeer | undefined;
  readonly cutOff: readonly CutOffEvent[];
  /** Of one that is no peer any more; a peer has its own. */
  readonly evidence: readonly Conflict[];
  readonly bytes: number;
  readonly items: number;
}

/**
 * @param own the agent itself, whose events that were cut off always go
 * @param room in bytes of the content
 * @throws TalosError BACKUP_TOO_LARGE (`details.peer`, the DID of the largest that has to go) where there is none for the others
 */
export function gatherPeers(tx: ReadTransaction, own: AgentId, room: number): GatheredPeers {
  const chosen = new Chosen({ bytes: room, items: MAX_PEER_ITEMS });
  const listed = new Set<string>();
  for (const peer of tx.peers.list()) {
    listed.add(toHex(peer.agentId));
    chosen.add(peerDossier(tx, peer), standingOf(peer));
  }
  for (const id of [...tx.cutOff.agents(), ...tx.peers.accused()]) {
    if (listed.has(toHex(id))) continue;
    listed.add(toHex(id));
    chosen.add(dossier(undefined, tx.cutOff.list(id), tx.peers.conflicts(id)), equalBytes(id, own) ? "stays" : "stranger");
  }
  return chosen.finish();
}

/** `stays`: whatever its size; `named`: goes before strangers do. */
type Standing = "stays" | "named" | "stranger";

function standingOf({ trust, petname }: Peer): Standing {
  if (trust !== "unverified") return "stays";
  return petname === undefined ? "stranger" : "named";
}

function peerDossier(tx: ReadTransaction, peer: Peer): Dossier {
  const { agentId } = peer;
  const events = tx.peers.eventsSeen(agentId);
  const known = { peer, events, forks: tx.peerForks.list(agentId), conflicts: tx.peers.conflicts(agentId) };
  return dossier(known, tx.cutOff.list(agentId), []);
}

function dossier(peer: BackupPeer | undefined, cutOff: readonly CutOffEvent[], evidence: readonly Conflict[]): Dossier {
  const encoded = [...(peer === undefined ? [] : [encodePeer(peer)]), ...cutOff.map(encodeCutOff), ...evidence.map(encodeOthersEvidence)];
  const inPeer = peer === undefined ? 0 : peer.events.length + peer.forks.length + peer.conflicts.length;
  return {
    peer,
    cutOff,
    evidence,
    bytes: encoded.reduce((sum, { length }) => sum + framedBytes(length), 0),
    items: encoded.length + inPeer,
  };
}

interface Amount {
  readonly bytes: number;
  readonly items: number;
}

interface Entry {
  readonly dossier: Dossier;
  readonly standing: Standing;
  /** In which order they came. */
  readonly place: number;
}

/** Strangers are put out while they come, so that never much more than fits is in memory. */
const SLACK: Amount = { bytes: 16_777_216, items: 65_536 };

class Chosen {
  readonly #room: Amount;
  readonly #staying: Entry[] = [];
  readonly #others: Entry[] = [];
  #bytes = 0;
  #items = 0;
  #places = 0;
  #leftOut = 0;

  constructor(room: Amount) {
    this.#room = room;
  }

  add(added: Dossier, standing: Standing): void {
    const entry = { dossier: added, standing, place: this.#places++ };
    (standing === "stays" ? this.#staying : this.#others).push(entry);
    this.#bytes += added.bytes;
    this.#items += added.items;
    if (this.#isBeyond(SLACK)) this.#putOut();
  }

  /** @throws TalosError BACKUP_TOO_LARGE */
  finish(): GatheredPeers {
    this.#putOut();
    if (this.#isBeyond({ bytes: 0, items: 0 })) throw this.#tooLarge();
    const entries = [...this.#staying, ...this.#others].sort((a, b) => a.place - b.place).map((entry) => entry.dossier);
    return {
      peers: entries.flatMap(({ peer }) => peer ?? []),
      cutOff: entries.flatMap(({ cutOff }) => cutOff),
      evidence: entries.flatMap(({ evidence }) => evidence),
      leftOut: { peers: this.#leftOut },
    };
  }

  #isBeyond(slack: Amount): boolean {
    return this.#bytes > this.#room.bytes + slack.bytes || this.#items > this.#room.items + slack.items;
  }

  /** The largest first, and those to which nobody gave a name before those that have one. */
  #putOut(): void {
    if (!this.#isBeyond({ bytes: 0, items: 0 })) return;
    this.#others.sort((a, b) => Number(a.standing === "stranger") - Number(b.standing === "stranger") || a.dossier.bytes - b.dossier.bytes);
    while (this.#isBeyond({ bytes: 0, items: 0 })) {
      const last = this.#others.pop();
      if (last === undefined) return;
      this.#bytes -= last.dossier.bytes;
      this.#items -= last.dossier.items;
      this.#leftOut += 1;
    }
  }

  #tooLarge(): ReturnType<typeof talosError> {
    const [largest] = this.#staying.toSorted((a, b) => b.dossier.bytes - a.dossier.bytes);
    const did = largest?.dossier.peer?.peer.did;
    const details = { bytes: this.#bytes, maxBytes: Math.max(0, this.#room.bytes), items: this.#items, maxItems: this.#room.items };
    return talosError("BACKUP_TOO_LARGE", undefined, { details: { ...details, ...(did === undefined ? {} : { peer: did }) } });
  }
}
