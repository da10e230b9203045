// What the tests of the backup share: cheap parameters, and the content of an agent that has rotated once and knows two peers. Holds no test.
import {
  type AgreementKey,
  agentIdToDid,
  assembleCertificate,
  assembleEvent,
  auditLeaf,
  encodeAuditEntry,
  type IdentityLog,
  keyCommitment,
  keyId,
  type LogHead,
  nodeCrypto,
  prepareCertificate,
  prepareInception,
  prepareRotation,
  type Prepared,
  type PublicKey,
  ROLE,
  type Role,
  SecretBytes,
  type SigningKey,
  treeRoot,
  verifyLog,
} from "@talos/core";
import type { CommittedWrap } from "../vault/slots/committed-wrap.ts";
import type { KdfParameters } from "../vault/slots/kdf-bounds.ts";
import type { BackupContent, BackupKey, BackupPeer } from "./backup-content.ts";
import { type ClearFields, decodeBackup, encodeBackup, encodeClear, encodeSlots } from "./backup-record.ts";

export const FLOOR: KdfParameters = { memoryKiB: 7_168, passes: 5, lanes: 1 };
export const NOW = 1_800_000_000_000;
const DAY = 86_400_000;
const crypto = nodeCrypto;

export function secret(text: string = "copper lantern beside the quiet harbour"): SecretBytes {
  return SecretBytes.fromUtf8(text);
}

/** An identity that has rotated as often as asked, with the keys behind its head. */
export interface SomeIdentity {
  readonly log: IdentityLog;
  readonly identity: SigningKey;
  readonly next: SigningKey;
  readonly encryption: AgreementKey;
}

export function someIdentity(rotations: number = 0): SomeIdentity {
  let keys = { identity: crypto.generateSigningKey(), next: crypto.generateSigningKey(), encryption: crypto.generateAgreementKey() };
  const prepared = prepareInception({ time: NOW - 100 * DAY, ...installed(keys) });
  let { log } = verifyLog(undefined, [signed(prepared, new Map([[ROLE.holder, keys.identity]]))], NOW, crypto);
  for (let seq = 1; seq <= rotations; seq++) {
    const outgoing = keys.identity;
    keys = { identity: keys.next, next: crypto.generateSigningKey(), encryption: crypto.generateAgreementKey() };
    const event = prepareRotation({
      time: NOW - (100 - seq) * DAY,
      seq,
      previous: log.head.hash,
      authority: "online",
      revealedKey: ed25519(keys.identity),
      ...installed(keys),
      reason: "planned",
      migrationSeconds: 86_400,
    });
    const signers = new Map([
      [ROLE.holder, keys.identity],
      [ROLE.revealed, keys.identity],
      [ROLE.outgoing, outgoing],
    ]);
    const wire = signed(event, signers, log.identityKey);
    log = verifyLog(log, [...log.events, wire], NOW, crypto).log;
  }
  return { log, ...keys };
}

/** Whole in itself; `changes` go over it. */
export function someContent(changes: Partial<BackupContent> = {}, identity: SomeIdentity = someIdentity(1)): BackupContent {
  const { log } = identity;
  const audit = ["vault-created", "key-created", "unlocked"].map((kind, at) =>
    encodeAuditEntry({ kind: kind as "unlocked", at: NOW + at, details: { slot: at } }, 1),
  );
  const cutOff = someIdentity(1).log;
  const content = {
    agentName: "alice",
    agentId: log.agentId,
    createdAt: NOW,
    head: log.head,
    generation: 7,
    events: log.events,
    certificate: someCertificate(identity, 7),
    keys: someKeys(identity),
    peers: [somePeer("bob", 0), somePeer(undefined, 2)],
    cutOff: [{ agentId: cutOff.agentId, ...cutOff.head, wire: cutOff.events[1] as Uint8Array, seenAt: NOW }],
    evidence: [{ agentId: cutOff.agentId, kind: "log-fork", first: Uint8Array.of(4), second: Uint8Array.of(5, 6), seenAt: NOW }],
    leftOut: { peers: 0 },
    settings: new Map([
      ["home-directory", "http://127.0.0.1:8080"],
      ["recovery-kit-checked-at", "{}"],
    ]),
    audit,
    auditHead: { size: audit.length, root: rootOf(audit) },
    ...changes,
  };
  return { ...content, [Symbol.dispose]: () => content.keys.forEach((key) => key.secret?.dispose()) };
}

export function rootOf(audit: readonly Uint8Array[]): Uint8Array {
  return treeRoot(
    crypto,
    audit.map((entry) => auditLeaf(entry, crypto)),
  );
}

export function someKeys({ identity, next, encryption }: SomeIdentity): BackupKey[] {
  const facts = { createdAt: NOW - DAY, backend: "software", protection: "software" } as const;
  const key = (kind: BackupKey["kind"], publicKey: PublicKey, privatePart: SecretBytes): BackupKey => ({
    kind,
    keyId: keyId(publicKey, crypto),
    algorithm: publicKey.algorithm,
    publicKey: publicKey.bytes,
    ...facts,
    dueAt: kind === "identity" ? NOW + 90 * DAY : undefined,
    secret: privatePart,
  });
  return [
    key("identity", ed25519(identity), identity.exportSeed()),
    key("next-identity", ed25519(next), next.exportSeed()),
    key("encryption", { algorithm: 2, bytes: encryption.publicKey }, encryption.exportPrivate()),
  ];
}

export function someCertificate({ log, identity }: SomeIdentity, generation: number, head: LogHead = log.head): Uint8Array {
  using instance = crypto.generateSigningKey();
  const prepared = prepareCertificate({
    agentId: log.agentId,
    head,
    generation,
    instanceKey: ed25519(instance),
    directories: [],
    auditHead: { size: 0, root: rootOf([]) },
    from: NOW,
    to: NOW + DAY,
  });
  return assembleCertificate(log, prepared.body, signatures(prepared, new Map([[ROLE.holder, identity]])), crypto).wire;
}

export function somePeer(petname: string | undefined, rotations: number, agent: SomeIdentity = someIdentity(rotations)): BackupPeer {
  const { log } = agent;
  const isNamed = petname !== undefined;
  return {
    peer: {
      agentId: log.agentId,
      did: agentIdToDid(log.agentId),
      directory: isNamed ? "https://directory.example" : undefined,
      petname,
      trust: isNamed ? "verified" : "unverified",
      firstSeenAt: NOW - DAY,
      head: log.head,
      certificate: isNamed ? someCertificate(agent, 3) : undefined,
      certificateSeenAt: isNamed ? NOW - DAY : undefined,
      highest: isNamed ? { seq: log.head.seq, generation: 3, instanceKey: new Uint8Array(32).fill(9) } : undefined,
      toldSeq: log.head.seq,
      trustSince: isNamed ? NOW - DAY : undefined,
      forkedAt: isNamed ? undefined : NOW,
      sessionReplacedAt: isNamed ? undefined : NOW,
      correspondedAt: isNamed ? NOW - DAY : undefined,
    },
    events: log.events.map((wire, seq) => ({ wire, seenAt: NOW - DAY + seq })),
    forks: isNamed
      ? []
      : log.states.slice(1).map(({ head: { seq, hash: standing } }) => {
          const fork = { agentId: log.agentId, seq, standing, isOfRecovery: false, seenAt: NOW };
          return seq === 1 ? { ...fork, decidedAt: NOW + 1 } : fork;
        }),
    conflicts: isNamed ? [] : [{ agentId: log.agentId, kind: "fork", first: Uint8Array.of(1), second: Uint8Array.of(2, 3), seenAt: NOW }],
  };
}

/** The same file with changed parts, whole in itself: its checksum fits. */
export function rewritten(
  file: Uint8Array,
  { fields = {}, slots, seal = {} }: { fields?: Partial<ClearFields>; slots?: readonly CommittedWrap[]; seal?: Partial<CommittedWrap> },
): Uint8Array {
  const record = decodeBackup(file, crypto);
  const clear = encodeClear({ ...record.fields, ...fields });
  const slotBytes = encodeSlots(slots ?? record.slots);
  return encodeBackup({ clear, slotBytes, seal: { ...record.seal, ...seal } }, crypto);
}

/** Without what is of one object alone, for comparisons. */
export function plain(content: BackupContent): object {
  return Object.fromEntries(Object.entries(content));
}

function installed(keys: Omit<SomeIdentity, "log">): Omit<Parameters<typeof prepareInception>[0], "time"> {
  return {
    identityKey: ed25519(keys.identity),
    identityProtection: "software",
    encryptionKey: { algorithm: 2, bytes: keys.encryption.publicKey },
    encryptionProtection: "software",
    next: { online: keyCommitment(ed25519(keys.next), crypto) },
  };
}

function ed25519({ publicKey }: SigningKey): PublicKey<1> {
  return { algorithm: 1, bytes: publicKey };
}

function signatures({ toSign }: Prepared, signers: ReadonlyMap<Role, SigningKey>): Parameters<typeof assembleEvent>[1] {
  return toSign.map(({ role, bytes }) => ({ role, algorithm: 1, signature: (signers.get(role) as SigningKey).sign(bytes) }));
}

function signed(prepared: Prepared, signers: ReadonlyMap<Role, SigningKey>, before?: PublicKey<1 | 4>): Uint8Array {
  return assembleEvent(prepared.body, signatures(prepared, signers), crypto, before as Parameters<typeof assembleEvent>[3]);
}
