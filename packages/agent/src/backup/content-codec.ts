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
  type SecretBytes,
  readAuditHead,
  StructReader,
  talosError,
  type TalosError,
} from "@talos/core";
import type { CutOffEvent } from "../vault/index.ts";
import type { BackupContent, BackupFacts, BackupKey } from "./backup-content.ts";
import { damagedBackup, isFromLaterRelease } from "./damaged-backup.ts";
import { decodeKey, encodeKey } from "./key-codec.ts";
import { MAX_PADDED_BYTES } from "./padding.ts";
import { decodePeer, encodePeer } from "./peer-codec.ts";
import { encodeSection, readByteStrings, readSection, SECTION_LIMITS } from "./section.ts";

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
      [7, encodeCbor(content.cutOff.map(({ agentId: id, seq, hash, wire, seenAt }) => [id, seq, hash, wire, seenAt]))],
      [8, encodeCbor([...content.settings].map(([name, value]) => [name, value]))],
      [9, encodeSection(content.audit)],
      [10, auditHeadToCbor(content.auditHead)],
    ]),
  );
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
  const reader = new StructReader(bytes, "backup content", { limits: SECTION_LIMITS });
  const section = (key: number): Uint8Array => reader.bytes(key, { max: ANY_LENGTH });
  const fields = {
    generation: reader.uint(2),
    events: readByteStrings(section(3), "log", MAX_EVENT_BYTES),
    certificate: reader.bytes(4, { max: MAX_CERTIFICATE_BYTES }),
    keys: readKeys(section(5), secrets),
    peers: readByteStrings(section(6), "peers", ANY_LENGTH).map(decodePeer),
    cutOff: readCutOff(section(7)),
    settings: readSettings(section(8)),
    audit: readByteStrings(section(9), "audit", ANY_LENGTH),
    auditHead: readAuditHead(reader.array(10)),
  };
  reader.finish();
  return fields;
}

function readKeys(bytes: Uint8Array, secrets: readonly SecretBytes[]): BackupKey[] {
  const left = secrets.values();
  const keys = readByteStrings(bytes, "keys", ANY_LENGTH).map((encoded): BackupKey => {
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

function readCutOff(bytes: Uint8Array): CutOffEvent[] {
  const list = readSection(bytes, "cut-off events");
  return Array.from({ length: list.length }, (): CutOffEvent => {
    const item = list.array({ length: 5 });
    return {
      agentId: agentId(item.bytes({ length: HASH_BYTES })),
      seq: item.uint(),
      hash: item.bytes({ length: HASH_BYTES }),
      wire: item.bytes({ max: MAX_EVENT_BYTES }),
      seenAt: item.uint(),
    };
  });
}

function readSettings(bytes: Uint8Array): ReadonlyMap<string, string> {
  const list = readSection(bytes, "settings");
  const settings = new Map<string, string>();
  while (list.remaining > 0) {
    const item = list.array({ length: 2 });
    const name = item.text({ minBytes: 1, maxBytes: MAX_SETTING_NAME_BYTES });
    if (settings.has(name)) throw malformed("one setting twice");
    settings.set(name, item.text({ maxBytes: ANY_LENGTH }));
  }
  return settings;
}

function malformed(what: string): TalosError {
  return talosError("MALFORMED", `backup content: ${what}.`);
}
