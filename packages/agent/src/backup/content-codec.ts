/**
 * What a backup holds to bytes and back, without the private keys: those travel beside it, in the order of the keys that say that they are
 * there. Checks form alone; whether the parts agree is `backup-proof.ts`. Source: docs/protocol/backup.md, "Content".
 */
import {
  agentId,
  auditHeadToCbor,
  type CborValue,
  encodeCbor,
  encodeStruct,
  MAX_CERTIFICATE_BYTES,
  MAX_EVENT_BYTES,
  MAX_LOG_EVENTS,
  readAuditHead,
  readCborArray,
  type SecretBytes,
  StructReader,
  talosError,
  type TalosError,
} from "@talos/core";
import type { Conflict, CutOffEvent } from "../vault/index.ts";
import type { BackupContent, BackupFacts, BackupKey } from "./backup-content.ts";
import { damagedBackup, isFromLaterRelease } from "./damaged-backup.ts";
import { decodeKey, encodeKey } from "./key-codec.ts";
import { MAX_PADDED_BYTES } from "./padding.ts";
import { decodeEvidence, decodePeer, encodeEvidence, encodePeer } from "./peer-codec.ts";
import { encodeSection, ITEM_LIMITS, ItemBudget, readSection, STRUCTURE_LIMITS } from "./section.ts";

/** Peers, their events, their parting points, evidence and events cut off, all together: what proving a backup costs goes by them. */
export const MAX_PEER_ITEMS = 131_072;
export const MAX_AUDIT_ENTRIES = 1_048_576;
const MAX_KEYS = 3;
const MAX_SETTINGS = 64;

const HASH_BYTES = 32;
const MAX_SETTING_NAME_BYTES = 64;
const ANY_LENGTH = MAX_PADDED_BYTES;

/** The keys whose private part is in the content, in its order. */
export function secretsOf({ keys }: Pick<BackupContent, "keys">): SecretBytes[] {
  return keys.flatMap(({ secret }) => secret ?? []);
}

export function encodeContent(content: BackupContent): Uint8Array {
  return encodeStruct(
    new Map<number, CborValue>([
      [2, content.generation],
      [3, encodeSection(content.events)],
      [4, content.certificate],
      [5, encodeSection(content.keys.map(encodeKey))],
      [6, encodeSection(content.peers.map(encodePeer))],
      [7, encodeSection(content.cutOff.map(encodeCutOff))],
      [8, encodeSection([...content.settings].map(([name, value]) => encodeCbor([name, value])))],
      [9, encodeSection(content.audit)],
      [10, auditHeadToCbor(content.auditHead)],
      [11, encodeSection(content.evidence.map(encodeOthersEvidence))],
      [12, content.leftOut.peers],
    ]),
  );
}

export function encodeCutOff({ agentId: id, seq, hash, wire, seenAt }: CutOffEvent): Uint8Array {
  return encodeCbor([id, seq, hash, wire, seenAt]);
}

/** Against an agent that is in no list of peers. */
export function encodeOthersEvidence(evidence: Conflict): Uint8Array {
  return encodeCbor([evidence.agentId, encodeEvidence(evidence)]);
}

/**
 * @param secrets go over to the content; on an error they stay the caller's
 * @param facts what the file says in the clear
 * @throws TalosError BACKUP_DAMAGED (`details.reason` content); UNSUPPORTED_VERSION, UNSUPPORTED_SUITE, UNSUPPORTED_EXTENSION
 */
export function decodeContent(bytes: Uint8Array, secrets: readonly SecretBytes[], facts: BackupFacts): BackupContent {
  try {
    const { agentName, agentId: id, createdAt, head } = facts;
    return {
      agentName,
      agentId: id,
      createdAt,
      head,
      ...readFields(bytes, secrets),
      [Symbol.dispose]: () => {
        for (const secret of secrets) secret.dispose();
      },
    };
  } catch (error) {
    throw isFromLaterRelease(error) ? error : damagedBackup("content", error);
  }
}

function readFields(bytes: Uint8Array, secrets: readonly SecretBytes[]): Omit<BackupContent, keyof BackupFacts | typeof Symbol.dispose> {
  const reader = new StructReader(bytes, "backup content", { limits: STRUCTURE_LIMITS });
  const budget = new ItemBudget(MAX_PEER_ITEMS);
  const section = (key: number): Uint8Array => reader.bytes(key, { max: ANY_LENGTH });
  const fields = {
    generation: reader.uint(2),
    events: readSection(section(3), "log", { max: MAX_LOG_EVENTS, most: MAX_EVENT_BYTES }, (event) => event),
    certificate: reader.bytes(4, { max: MAX_CERTIFICATE_BYTES }),
    keys: readKeys(section(5), secrets),
    peers: readSection(section(6), "peers", { budget }, (peer) => decodePeer(peer, budget)),
    cutOff: readSection(section(7), "cut-off events", { budget }, decodeCutOff),
    settings: readSettings(section(8)),
    audit: readSection(section(9), "audit", { max: MAX_AUDIT_ENTRIES }, (entry) => entry),
    auditHead: readAuditHead(reader.array(10)),
    evidence: readSection(section(11), "evidence", { budget }, decodeOthersEvidence),
    leftOut: { peers: reader.uint(12) },
  };
  reader.finish();
  return fields;
}

function readKeys(bytes: Uint8Array, secrets: readonly SecretBytes[]): BackupKey[] {
  const left = secrets.values();
  const keys = readSection(bytes, "keys", { max: MAX_KEYS }, (encoded): BackupKey => {
    const { key, isIncluded } = decodeKey(encoded);
    if (!isIncluded) return key;
    const { value: secret } = left.next();
    if (secret === undefined) throw malformed("fewer private keys than the list says");
    return { ...key, secret };
  });
  if (left.next().done !== true) throw malformed("more private keys than the list says");
  if (new Set(keys.map(({ kind }) => kind)).size !== keys.length) throw malformed("two keys of one kind");
  return keys;
}

function decodeCutOff(bytes: Uint8Array): CutOffEvent {
  const item = readCborArray(bytes, "backup cut-off event", { length: 5 }, ITEM_LIMITS);
  return {
    agentId: agentId(item.bytes({ length: HASH_BYTES })),
    seq: item.uint(),
    hash: item.bytes({ length: HASH_BYTES }),
    wire: item.bytes({ max: MAX_EVENT_BYTES }),
    seenAt: item.uint(),
  };
}

function decodeOthersEvidence(bytes: Uint8Array): Conflict {
  const item = readCborArray(bytes, "backup evidence", { length: 2 }, ITEM_LIMITS);
  return { agentId: agentId(item.bytes({ length: HASH_BYTES })), ...decodeEvidence(item.bytes({ max: ANY_LENGTH })) };
}

function readSettings(bytes: Uint8Array): ReadonlyMap<string, string> {
  const pairs = readSection(bytes, "settings", { max: MAX_SETTINGS }, (encoded) => {
    const item = readCborArray(encoded, "backup setting", { length: 2 }, ITEM_LIMITS);
    return [item.text({ minBytes: 1, maxBytes: MAX_SETTING_NAME_BYTES }), item.text({ maxBytes: ANY_LENGTH })] as const;
  });
  const settings = new Map(pairs);
  if (settings.size !== pairs.length) throw malformed("one setting twice");
  return settings;
}

function malformed(what: string): TalosError {
  return talosError("MALFORMED", `backup content: ${what}.`);
}
