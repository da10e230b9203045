// The content of a backup (backup.md, Content and Proof): its fields as plain data, and everything that must agree inside it.
import { ed25519, x25519 } from "@noble/curves/ed25519.js";
import { decodeAuditEntry, type AuditEntry } from "./audit.ts";
import { hex, join, sameBytes, u8 } from "./bytes.ts";
import { decodeCbor, type CborValue } from "./cbor.ts";
import { decodeCertificate, type Certificate } from "./certificate.ts";
import { sha256 } from "./hashes.ts";
import { decodeIdentityEvent, decodeIdentityLog, keyCommitment, type IdentityLog } from "./identity.ts";
import { checkPublicKey, ED25519, ES256, sameKey, X25519, type PublicKey } from "./keys.ts";
import { treeHash } from "./prekeys.ts";
import { demand, refuse } from "./refusal.ts";
import { asBytes, asText, asTuple, asUint, Fields, type AuditHead, type LogHead } from "./structure.ts";

const KINDS = ["identity", "next-identity", "encryption"] as const;
const BACKENDS: readonly string[] = ["software", "hsm", "tpm", "sgx", "nitro"];
const TRUST: readonly string[] = ["unverified", "verified", "blocked"];

export interface BackupKeyFields {
  readonly kind: string;
  readonly keyId: string;
  readonly publicKey: PublicKey;
  readonly createdAt: number;
  readonly dueAt: number | null;
  readonly backend: string;
  readonly protection: number;
  /** Hex; null where the backend gives nothing away. */
  readonly secret: string | null;
}

export interface BackupPeerFields {
  readonly agentId: string;
  readonly directory: string | null;
  readonly petname: string | null;
  readonly trust: string;
  readonly firstSeenAt: number;
  readonly head: LogHead;
  readonly certificate: Uint8Array | null;
  readonly highest: { readonly seq: number; readonly generation: number; readonly instanceKey: string } | null;
  readonly toldSeq: number | null;
  /** Certificate seen, trust since, forked, session replaced, corresponded. */
  readonly times: readonly (number | null)[];
  readonly events: readonly Uint8Array[];
  readonly seenAt: readonly number[];
  readonly forks: readonly PartingPointFields[];
  readonly evidence: readonly EvidenceFields[];
}

export interface PartingPointFields {
  readonly seq: number;
  readonly standing: string;
  readonly isOfRecovery: boolean;
  readonly seenAt: number;
  readonly decidedAt: number | null;
}

export interface EvidenceFields {
  readonly kind: string;
  readonly first: string;
  readonly second: string;
  readonly seenAt: number;
}

export interface BackupContentFields {
  readonly generation: number;
  readonly events: readonly Uint8Array[];
  readonly certificate: Uint8Array;
  readonly keys: readonly BackupKeyFields[];
  readonly peers: readonly BackupPeerFields[];
  readonly cutOff: readonly { readonly agentId: string; readonly seq: number; readonly hash: string; readonly event: Uint8Array }[];
  /** Against agents that are no peers, hex. */
  readonly evidence: readonly (EvidenceFields & { readonly agentId: string })[];
  readonly leftOut: number;
  readonly settings: ReadonlyMap<string, string>;
  readonly audit: readonly AuditEntry[];
  readonly auditWires: readonly Uint8Array[];
  readonly auditHead: AuditHead;
}

export function readBackupContent(bytes: Uint8Array, secrets: readonly Uint8Array[]): BackupContentFields {
  const fields = new Fields(bytes);
  const section = (key: number): readonly Uint8Array[] => sectionIn(fields.bytes(key));
  const generation = fields.uint(2);
  const events = section(3);
  const certificate = fields.bytes(4);
  const keys = readKeys(section(5), secrets);
  const peers = section(6).map(readPeer);
  const cutOff = section(7).map((item) => {
    const [agentId, seq, hash, event, seenAt] = asTuple(decodeCbor(item), 5);
    asUint(seenAt);
    return { agentId: hex(asBytes(agentId, 32)), seq: asUint(seq), hash: hex(asBytes(hash, 32)), event: asBytes(event) };
  });
  const settings = readSettings(section(8));
  const auditWires = section(9);
  const auditHead = fields.auditHead(10);
  const evidence = section(11).map((item) => {
    const [agentId, inner] = asTuple(decodeCbor(item), 2);
    return { agentId: hex(asBytes(agentId, 32)), ...readEvidence(asBytes(inner)) };
  });
  const leftOut = fields.uint(12);
  fields.end();
  demand(keys.length <= 3 && events.length <= 10_000 && auditWires.length <= 1_048_576 && settings.size <= 64, "a list is too long");
  const ofPeers = peers.map((peer) => 1 + peer.events.length + peer.forks.length + peer.evidence.length);
  demand(ofPeers.reduce((sum, one) => sum + one, cutOff.length + evidence.length) <= 131_072, "too many items about peers");
  const audit = auditWires.map(decodeAuditEntry);
  return { generation, events, certificate, keys, peers, cutOff, evidence, leftOut, settings, audit, auditWires, auditHead };
}

/** The agent's log. Keys that do not fit are refused as `backup-key-failed`, everything else in any class. */
export function proveBackup(content: BackupContentFields, clear: { readonly agentId: string; readonly head: LogHead }): IdentityLog {
  const log = decodeIdentityLog(content.events);
  demand(log.agentId === clear.agentId && sameHead(log.head, clear.head), "the log is not the one of the clear part");
  for (const key of content.keys) proveKey(key, log);
  demand(content.keys.length === 3 && KINDS.every((kind) => content.keys.some((key) => key.kind === kind)), "not one key of each kind");
  demand(
    content.keys.every(({ backend, secret }) => backend !== "software" || secret !== null),
    "a key of this software without its private part",
  );
  const certificate: Certificate = decodeCertificate(content.certificate, log);
  demand(certificate.generation <= content.generation, "the certificate is of a later generation");
  const { size, root } = content.auditHead;
  demand(size === content.auditWires.length && hex(treeHash(content.auditWires)) === root, "the audit head");
  demand(isUnique(content.peers.map(({ agentId }) => agentId)), "a peer twice");
  demand(isUnique(content.peers.flatMap(({ petname }) => petname ?? [])), "a petname twice");
  content.peers.forEach(provePeer);
  for (const { event, seq, hash } of content.cutOff) {
    const read = decodeIdentityEvent(event);
    demand(read.seq === seq && read.hash === hash, "a cut-off event under another name");
  }
  return log;
}

function readKeys(items: readonly Uint8Array[], secrets: readonly Uint8Array[]): BackupKeyFields[] {
  const left = [...secrets];
  const keys = items.map((item) => readKey(item, () => left.shift()));
  demand(left.length === 0, "more private parts than keys that say so");
  demand(isUnique(keys.map(({ kind }) => kind)), "two keys of one kind");
  return keys;
}

function readKey(bytes: Uint8Array, nextSecret: () => Uint8Array | undefined): BackupKeyFields {
  const fields = new Fields(bytes);
  const kind = wordOf(fields.text(2, 64), KINDS);
  const keyId = fields.text(3, 16);
  const publicKey = checkPublicKey(fields.uint(4), fields.bytes(5), kind === "encryption" ? [X25519] : [ED25519, ES256]);
  const [createdAt, dueAt] = [fields.uint(6), optional(fields, 7, () => fields.uint(7))];
  const [backend, protection] = [wordOf(fields.text(8, 64), BACKENDS), fields.uint(9, 0, 4)];
  const isIncluded = fields.raw(10);
  demand(typeof isIncluded === "boolean", "included is a boolean");
  fields.end();
  demand(/^[0-9a-f]{16}$/u.test(keyId), "a key id");
  const secret = isIncluded ? nextSecret() : null;
  demand(secret !== undefined, "fewer private parts than keys that say so");
  return { kind, keyId, publicKey, createdAt, dueAt, backend, protection, secret: secret === null ? null : hex(secret) };
}

function proveKey({ kind, keyId, publicKey, secret }: BackupKeyFields, log: IdentityLog): void {
  const { algorithm, key } = publicKey;
  const bytes = Buffer.from(key, "hex");
  const { identityKey, encryptionKey, next } = log.state;
  const isInForce =
    kind === "next-identity"
      ? keyCommitment(publicKey) === next.online
      : sameKey(publicKey, kind === "identity" ? identityKey : encryptionKey);
  if (!isInForce || hex(sha256(join(u8(algorithm), bytes))).slice(0, 16) !== keyId) refuse("backup-key-failed", kind);
  if (secret === null) return;
  const given = Uint8Array.from(Buffer.from(secret, "hex"));
  const isPair = algorithm !== ES256 && sameBytes((algorithm === ED25519 ? ed25519 : x25519).getPublicKey(given), bytes);
  if (!isPair) refuse("backup-key-failed", `the private part of the ${kind} key`);
}

function readPeer(bytes: Uint8Array): BackupPeerFields {
  const fields = new Fields(bytes);
  const text = (key: number, most: number): string | null => optional(fields, key, () => fields.text(key, most));
  const uint = (key: number): number | null => optional(fields, key, () => fields.uint(key));
  const events = sectionIn(fields.bytes(15)).map((item) => asTuple(decodeCbor(item), 2));
  demand(events.length <= 10_000, "a log of a peer is too long");
  const peer: BackupPeerFields = {
    agentId: fields.hex(2, 32),
    directory: text(3, 255),
    petname: text(4, 256),
    trust: wordOf(fields.text(5, 64), TRUST),
    firstSeenAt: fields.uint(6),
    head: fields.logHead(7),
    certificate: optional(fields, 8, () => fields.bytes(8)),
    highest: optional(fields, 10, () => {
      const [seq, generation, instanceKey] = asTuple(fields.raw(10), 3);
      return { seq: asUint(seq), generation: asUint(generation), instanceKey: hex(asBytes(instanceKey, 32)) };
    }),
    toldSeq: uint(11),
    times: [9, 12, 13, 14, 18].map(uint),
    events: events.map(([event]) => asBytes(event)),
    seenAt: events.map(([, seenAt]) => asUint(seenAt)),
    forks: sectionIn(fields.bytes(16)).map(readPartingPoint),
    evidence: sectionIn(fields.bytes(17)).map(readEvidence),
  };
  fields.end();
  return peer;
}

function readPartingPoint(bytes: Uint8Array): PartingPointFields {
  const item = decodeCbor(bytes);
  const isDecided = Array.isArray(item) && item.length === 5;
  const [seq, standing, isOfRecovery, seenAt, decidedAt] = asTuple(item, isDecided ? 5 : 4);
  demand(typeof isOfRecovery === "boolean", "a boolean");
  const point = { seq: asUint(seq), standing: hex(asBytes(standing, 32)), isOfRecovery, seenAt: asUint(seenAt) };
  return { ...point, decidedAt: isDecided ? asUint(decidedAt) : null };
}

function readEvidence(bytes: Uint8Array): EvidenceFields {
  const [kind, first, second, seenAt] = asTuple(decodeCbor(bytes), 4);
  return { kind: asText(kind, 64), first: hex(asBytes(first)), second: hex(asBytes(second)), seenAt: asUint(seenAt) };
}

function provePeer({ agentId, head, toldSeq, certificate, events }: BackupPeerFields): void {
  const log = decodeIdentityLog(events);
  demand(log.agentId === agentId && sameHead(log.head, head), "another peer's log, or another head");
  demand((toldSeq ?? 0) <= head.seq, "told of what is not known");
  demand(certificate === null || decodeCertificate(certificate).agentId === agentId, "another peer's certificate");
}

function readSettings(items: readonly Uint8Array[]): ReadonlyMap<string, string> {
  const pairs = items.map((item) => {
    const [name, value] = asTuple(decodeCbor(item), 2);
    const text = asText(name, 64);
    demand(text !== "" && typeof value === "string", "a setting is a name and a text");
    return [text, value] as const;
  });
  demand(isUnique(pairs.map(([name]) => name)), "a setting twice");
  return new Map(pairs);
}

/** An array of byte strings. */
function sectionIn(bytes: Uint8Array): readonly Uint8Array[] {
  const value = decodeCbor(bytes);
  demand(Array.isArray(value), "a list");
  return (value as readonly CborValue[]).map((item) => asBytes(item));
}

function optional<T>(fields: Fields, key: number, read: () => T): T | null {
  return fields.has(key) ? read() : null;
}

function wordOf(text: string, words: readonly string[]): string {
  demand(words.includes(text), "a word that the page does not have");
  return text;
}

function isUnique(values: readonly string[]): boolean {
  return new Set(values).size === values.length;
}

function sameHead(a: LogHead, b: LogHead): boolean {
  return a.seq === b.seq && a.hash === b.hash;
}
