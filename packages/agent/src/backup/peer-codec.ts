/** A peer of a backup to bytes and back: one structure, with its log and the evidence against it. Verifies nothing. Source: docs/protocol/backup.md. */
import {
  agentId,
  agentIdToDid,
  type ArrayReader,
  type CborValue,
  encodeCbor,
  encodeStruct,
  headToCbor,
  MAX_CERTIFICATE_BYTES,
  MAX_DIRECTORY_URL_BYTES,
  MAX_EVENT_BYTES,
  MAX_LOG_EVENTS,
  readCborArray,
  readLogHead,
  StructReader,
  talosError,
} from "@talos/core";
import { type Conflict, type HighestInstance, type PeerEvent, type PeerFork, TRUST, type Trust } from "../vault/index.ts";
import type { BackupPeer } from "./backup-content.ts";
import { MAX_PADDED_BYTES } from "./padding.ts";
import { encodeSection, ITEM_LIMITS, type ItemBudget, readSection, STRUCTURE_LIMITS } from "./section.ts";

const HASH_BYTES = 32;
const MAX_WORD_BYTES = 64;
const MAX_PETNAME_BYTES = 256;

export function encodePeer({ peer, events, forks, conflicts }: BackupPeer): Uint8Array {
  const { highest } = peer;
  return encodeStruct(
    new Map<number, CborValue | undefined>([
      [2, peer.agentId],
      [3, peer.directory],
      [4, peer.petname],
      [5, peer.trust],
      [6, peer.firstSeenAt],
      [7, headToCbor(peer.head)],
      [8, peer.certificate],
      [9, peer.certificateSeenAt],
      [10, highest && [highest.seq, highest.generation, highest.instanceKey]],
      [11, peer.toldSeq],
      [12, peer.trustSince],
      [13, peer.forkedAt],
      [14, peer.sessionReplacedAt],
      [18, peer.correspondedAt],
      [15, encodeSection(events.map(({ wire, seenAt }) => encodeCbor([wire, seenAt])))],
      [16, encodeSection(forks.map(encodeFork))],
      [17, encodeSection(conflicts.map(encodeEvidence))],
    ]),
  );
}

/**
 * @param budget out of which events, parting points and evidence are taken
 * @throws TalosError MALFORMED, UNSUPPORTED_VERSION, UNSUPPORTED_SUITE, UNSUPPORTED_EXTENSION
 */
export function decodePeer(bytes: Uint8Array, budget: ItemBudget): BackupPeer {
  const reader = new StructReader(bytes, "backup peer", { limits: STRUCTURE_LIMITS });
  const section = (key: number): Uint8Array => reader.bytes(key, { max: MAX_PADDED_BYTES });
  const id = agentId(reader.bytes(2, { length: HASH_BYTES }));
  const decoded: BackupPeer = {
    peer: {
      agentId: id,
      did: agentIdToDid(id),
      directory: reader.optionalText(3, { maxBytes: MAX_DIRECTORY_URL_BYTES }),
      petname: reader.optionalText(4, { maxBytes: MAX_PETNAME_BYTES }),
      trust: trustWord(reader.text(5, { maxBytes: MAX_WORD_BYTES })),
      firstSeenAt: reader.uint(6),
      head: readLogHead(reader.array(7)),
      certificate: reader.optionalBytes(8, { max: MAX_CERTIFICATE_BYTES }),
      certificateSeenAt: reader.optionalUint(9),
      highest: readHighest(reader.optionalArray(10, { length: 3 })),
      toldSeq: reader.optionalUint(11),
      trustSince: reader.optionalUint(12),
      forkedAt: reader.optionalUint(13),
      sessionReplacedAt: reader.optionalUint(14),
      correspondedAt: reader.optionalUint(18),
    },
    events: readSection(section(15), "peer's log", { budget, max: MAX_LOG_EVENTS }, decodeEvent),
    forks: readSection(section(16), "parting points", { budget }, (item): PeerFork => ({ agentId: id, ...decodeFork(item) })),
    conflicts: readSection(section(17), "evidence", { budget }, (item): Conflict => ({ agentId: id, ...decodeEvidence(item) })),
  };
  reader.finish();
  return decoded;
}

/** Without the agent that it is about. */
export function encodeEvidence({ kind, first, second, seenAt }: Conflict): Uint8Array {
  return encodeCbor([kind, first, second, seenAt]);
}

/** @throws TalosError MALFORMED */
export function decodeEvidence(bytes: Uint8Array): Omit<Conflict, "agentId"> {
  const item = itemOf(bytes, "evidence", 4);
  const any = { max: MAX_PADDED_BYTES };
  return { kind: item.text({ maxBytes: MAX_WORD_BYTES }), first: item.bytes(any), second: item.bytes(any), seenAt: item.uint() };
}

function decodeEvent(bytes: Uint8Array): PeerEvent {
  const item = itemOf(bytes, "event of a peer", 2);
  return { wire: item.bytes({ max: MAX_EVENT_BYTES }), seenAt: item.uint() };
}

/** One item less where nobody has decided. */
function encodeFork({ seq, standing, isOfRecovery, seenAt, decidedAt }: PeerFork): Uint8Array {
  return encodeCbor([seq, standing, isOfRecovery, seenAt, ...(decidedAt === undefined ? [] : [decidedAt])]);
}

function decodeFork(bytes: Uint8Array): Omit<PeerFork, "agentId"> {
  const item = readCborArray(bytes, "backup parting point", { min: 4, max: 5 }, ITEM_LIMITS);
  const fork = { seq: item.uint(), standing: item.bytes({ length: HASH_BYTES }), isOfRecovery: item.bool(), seenAt: item.uint() };
  return item.remaining === 0 ? fork : { ...fork, decidedAt: item.uint() };
}

function itemOf(bytes: Uint8Array, name: string, length: number): ArrayReader {
  return readCborArray(bytes, `backup ${name}`, { length }, ITEM_LIMITS);
}

function readHighest(item: ArrayReader | undefined): HighestInstance | undefined {
  return item && { seq: item.uint(), generation: item.uint(), instanceKey: item.bytes({ length: HASH_BYTES }) };
}

function trustWord(text: string): Trust {
  const trust = TRUST.find((word) => word === text);
  if (trust === undefined) throw talosError("MALFORMED", "backup peer, field 5: no such trust.");
  return trust;
}
