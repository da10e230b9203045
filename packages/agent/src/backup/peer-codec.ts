/** A peer of a backup to bytes and back: one structure, with its log and the evidence against it. Verifies nothing. Source: docs/protocol/backup.md. */
import {
  agentId,
  agentIdToDid,
  type ArrayReader,
  type CborValue,
  encodeStruct,
  headToCbor,
  MAX_CERTIFICATE_BYTES,
  MAX_DIRECTORY_URL_BYTES,
  MAX_EVENT_BYTES,
  readLogHead,
  StructReader,
  talosError,
} from "@talos/core";
import { type Conflict, type HighestInstance, type PeerEvent, type PeerFork, TRUST, type Trust } from "../vault/index.ts";
import type { BackupPeer } from "./backup-content.ts";
import { SECTION_LIMITS } from "./section.ts";

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
      [15, events.map(({ wire, seenAt }) => [wire, seenAt])],
      [16, forks.map(({ seq, standing, isOfRecovery, seenAt }) => [seq, standing, isOfRecovery, seenAt])],
      [17, conflicts.map(({ kind, first, second, seenAt }) => [kind, first, second, seenAt])],
    ]),
  );
}

/** @throws TalosError MALFORMED, UNSUPPORTED_VERSION, UNSUPPORTED_SUITE, UNSUPPORTED_EXTENSION */
export function decodePeer(bytes: Uint8Array): BackupPeer {
  const reader = new StructReader(bytes, "backup peer", { limits: SECTION_LIMITS });
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
    },
    events: each(reader.array(15), 2, readEvent),
    forks: each(reader.array(16), 4, (item): PeerFork => ({ agentId: id, ...readFork(item) })),
    conflicts: each(reader.array(17), 4, (item): Conflict => ({ agentId: id, ...readConflict(item) })),
  };
  reader.finish();
  return decoded;
}

function each<T>(list: ArrayReader, length: number, read: (item: ArrayReader) => T): T[] {
  return Array.from({ length: list.length }, () => read(list.array({ length })));
}

function readEvent(item: ArrayReader): PeerEvent {
  return { wire: item.bytes({ max: MAX_EVENT_BYTES }), seenAt: item.uint() };
}

function readFork(item: ArrayReader): Omit<PeerFork, "agentId"> {
  return { seq: item.uint(), standing: item.bytes({ length: HASH_BYTES }), isOfRecovery: item.bool(), seenAt: item.uint() };
}

function readConflict(item: ArrayReader): Omit<Conflict, "agentId"> {
  return { kind: item.text({ maxBytes: MAX_WORD_BYTES }), first: item.bytes({}), second: item.bytes({}), seenAt: item.uint() };
}

function readHighest(item: ArrayReader | undefined): HighestInstance | undefined {
  return item && { seq: item.uint(), generation: item.uint(), instanceKey: item.bytes({ length: HASH_BYTES }) };
}

function trustWord(text: string): Trust {
  const trust = TRUST.find((word) => word === text);
  if (trust === undefined) throw talosError("MALFORMED", "backup peer, field 5: no such trust.");
  return trust;
}
