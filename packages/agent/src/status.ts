/**
 * What an operator sees: keys, stock, sessions, outbox, kept items, publication. Plain values with stable names, read from
 * the store alone, so that it works beside a running agent and supersedes nobody.
 */
import {
  agentIdToDid,
  ALGORITHM,
  ALGORITHM_NAMES,
  decodeCertificate,
  decodeEvent,
  nodeCrypto,
  ONE_TIME_PREKEY_TARGET,
  toHex,
  type AgentId,
  type KeyState,
  type ProtectionLevel,
} from "@talos/core";
import { backupStatus, lastDrill } from "./backup/records.ts";
import type { BackupDrillStatus, BackupStatus } from "./backup/backup-views.ts";
import { isPublished } from "./lifecycle/publish-record.ts";
import { storedStock } from "./lifecycle/prekey-stock.ts";
import { clockRecord } from "./lifecycle/stored-clock.ts";
import { movedIdentity } from "./lifecycle/foreign-events.ts";
import { heldRecovery, type HeldRecovery } from "./lifecycle/recover/held-recovery.ts";
import { isMarkedSuperseded } from "./lifecycle/supersession.ts";
import { isContent } from "./messaging/sender.ts";
import { frameTypeCode } from "./messaging/turns.ts";
import { recoveryStatus, type RecoveryStatus } from "./recovery-kit/kit-status.ts";
import { readNotifications, type NotificationStatus } from "./notification-status.ts";
import { DATABASE_FILE, finalName } from "./vault/keys/layout.ts";
import { showTime } from "./vault/times.ts";
import {
  HOME_DIRECTORY,
  type InventoryEntry,
  type KeptInfo,
  type KeptKind,
  type KeyRole,
  type LockHolder,
  type OutboxRow,
  type OutboxState,
  type PlanKind,
  type ReadTransaction,
  type StoredKeyKind,
  type VaultFacts,
  type VaultFinding,
} from "./vault/index.ts";

/** Times are in milliseconds since 1970, ids in hexadecimal. */
export interface KeyStatus {
  readonly kind: StoredKeyKind;
  /** Of identity keys: the current one, or the next, of which only a commitment is public. */
  readonly role?: KeyRole;
  readonly algorithm: string;
  readonly keyId: string;
  readonly createdAt: number;
  /** When a successor is due. */
  readonly dueAt?: number;
  /** End of the published validity. */
  readonly expiresAt?: number;
  readonly state: KeyState;
  readonly protection: ProtectionLevel;
  /** Where the private part lives: a file of the data directory, or the name of a backend. */
  readonly where: string;
}

export interface SessionStatus {
  readonly sessionId: string;
  readonly peerDid: string;
  /** The others only receive. */
  readonly sending: boolean;
  /** False until the peer was heard in it. */
  readonly answered: boolean;
  readonly createdAt: number;
  readonly lastUsedAt: number;
}

export interface OutboxMessageStatus {
  readonly messageId: string;
  readonly peerDid: string;
  readonly state: OutboxState;
  /** Why it waits. */
  readonly reason?: string;
  readonly createdAt: number;
  readonly depositedAt?: number;
  readonly attempts: number;
  /** Code of the last failure in this process. */
  readonly lastError?: string;
}

export interface KeptStatus {
  readonly envelopeId: string;
  readonly kind: KeptKind;
  /** Why it was kept: an error code. */
  readonly code: string;
  /** As the directory says it. */
  readonly depositorDid?: string;
  readonly bytes: number;
  readonly receivedAt: number;
}

export interface PlanStatus {
  readonly kind: PlanKind;
  /** The first step that was not answered. */
  readonly step: string;
  readonly attempts: number;
  readonly lastError?: string;
}

export interface AgentStatus {
  readonly did: string;
  readonly name: string;
  readonly dataDir: string;
  readonly createdAt: number;
  readonly generation: number;
  /** URL of the home directory. */
  readonly directory?: string;
  /** Whether that directory has log, certificate and prekeys. */
  readonly publication: "published" | "unpublished";
  readonly superseded: boolean;
  /** Present while it comes from a backup and has not been compared with its directory, or that has not accepted its event: nothing leaves it. */
  readonly held?: HeldRecovery;
  /** Present once the identity was revoked: the agent acts no more. */
  readonly revoked?: true;
  /** An event in the agent's log that this data directory did not make: it publishes and rotates nothing until its owner decides. */
  readonly identityMoved?: { readonly seq: number; readonly hash: string; readonly seenAt: number };
  /** Of the newest instance. */
  readonly certificate?: { readonly generation: number; readonly from: number; readonly to: number };
  readonly keys: readonly KeyStatus[];
  /** Private parts held here, how many there are when it is filled up, and how many are unclaimed as the home directory last said it. */
  readonly oneTimePrekeys: {
    readonly live: number;
    readonly target: number;
    readonly atDirectory?: { readonly count: number; readonly at: number };
  };
  readonly sessions: readonly SessionStatus[];
  /** Numbers of all messages; rows of those that are not delivered. */
  readonly outbox: Readonly<Record<OutboxState, number>> & { readonly rows: readonly OutboxMessageStatus[] };
  /** Offered to the application, and not acknowledged. */
  readonly inbox: { readonly offered: number };
  /** Events of this agent's log, and which peers have acknowledged them; the newest first. */
  readonly notifications: readonly NotificationStatus[];
  /** What is not finished. */
  readonly plans: readonly PlanStatus[];
  /** Mailbox items that could not be used, or that a later release acts on. */
  readonly kept: readonly KeptStatus[];
  /** Proof of copies and of reused counters of peers. */
  readonly evidence: readonly { readonly kind: string; readonly peerDid: string; readonly at: number }[];
  readonly findings: readonly { readonly code: string; readonly file: string; readonly message: string }[];
  readonly recovery: RecoveryStatus;
  /** Those that are on record, the one that was made last first; a rotation makes all earlier ones dangerous. */
  readonly backups: readonly BackupStatus[];
  /** When a restoration was last tried, and what came of it. */
  readonly backupDrill?: BackupDrillStatus;
  /** Who has the data directory open, when asked from outside. */
  readonly holder?: LockHolder;
}

/** Ended keys are history, not inventory. */
const SHOWN_STATES: readonly KeyState[] = ["staged", "live", "retired"];

export interface StatusInput {
  readonly facts: VaultFacts;
  readonly findings: readonly VaultFinding[];
  readonly holder?: LockHolder | undefined;
  /** Of a running agent: what the lanes last heard. */
  readonly lastError?: (peer: AgentId) => string | undefined;
}

export function readStatus(tx: ReadTransaction, { facts, findings, holder, lastError }: StatusInput): AgentStatus {
  const directory = tx.settings.get(HOME_DIRECTORY);
  const moved = movedIdentity(tx);
  const held = heldRecovery(tx);
  const drill = lastDrill(tx);
  const certificate = tx.log.certificate();
  const instance = certificate === undefined ? undefined : decodeCertificate(certificate);
  const entries = tx.inventory.list().filter(({ state }) => SHOWN_STATES.includes(state));
  return {
    did: agentIdToDid(facts.agentId),
    name: facts.name,
    dataDir: facts.dataDir,
    createdAt: facts.createdAt,
    generation: facts.generation,
    ...(directory === undefined ? {} : { directory }),
    publication: isPublished(tx, directory) ? "published" : "unpublished",
    superseded: isMarkedSuperseded(tx),
    ...(held === undefined ? {} : { held }),
    ...(isRevoked(tx) ? { revoked: true as const } : {}),
    ...(moved === undefined ? {} : { identityMoved: { ...moved, hash: toHex(moved.hash) } }),
    ...(instance === undefined ? {} : { certificate: { generation: instance.generation, from: instance.from, to: instance.to } }),
    keys: entries.map(keyStatus),
    oneTimePrekeys: stockStatus(tx, directory),
    sessions: tx.sessions.list().map(({ sessionId, peer, sending, answered, createdAt, lastUsedAt }) => ({
      sessionId: toHex(sessionId),
      peerDid: agentIdToDid(peer),
      sending,
      answered,
      createdAt,
      lastUsedAt,
    })),
    outbox: { ...tx.outbox.counts(frameTypeCode("content")), rows: outboxRows(tx, lastError) },
    inbox: { offered: tx.inbox.count() },
    notifications: readNotifications(tx),
    plans: tx.plans.open().map(({ kind, step, attempts, lastError: error }) => ({
      kind,
      step,
      attempts,
      ...(error === undefined ? {} : { lastError: error }),
    })),
    kept: tx.kept.list().map(keptStatus),
    evidence: tx.peers.conflicts().map(({ kind, agentId, seenAt }) => ({ kind, peerDid: agentIdToDid(agentId), at: seenAt })),
    findings: [...findings.map(({ code, file, message }) => ({ code, file, message })), ...clockFindings(tx)],
    recovery: recoveryStatus(tx),
    backups: backupStatus(tx),
    ...(drill === undefined ? {} : { backupDrill: drill }),
    ...(holder === undefined ? {} : { holder }),
  };
}

function stockStatus(tx: ReadTransaction, directory: string | undefined): AgentStatus["oneTimePrekeys"] {
  const stock = storedStock(tx, directory);
  return {
    live: tx.inventory.countOneTime(),
    target: ONE_TIME_PREKEY_TARGET,
    ...(stock === undefined ? {} : { atDirectory: { count: stock.count, at: stock.at } }),
  };
}

/** Until it is known which of the two times was wrong, nothing is due but the certificate. */
function clockFindings(tx: ReadTransaction): AgentStatus["findings"] {
  const clock = clockRecord(tx);
  if (clock?.isBehind !== true) return [];
  const message = `This machine's clock is behind what it said before (${showTime(clock.seen)}): no key is replaced or ended until it has caught up or has stood for a day.`;
  return [{ code: "CLOCK_BEHIND", file: DATABASE_FILE, message }];
}

function isRevoked(tx: ReadTransaction): boolean {
  const newest = tx.log.newest();
  return newest !== undefined && decodeEvent(newest, nodeCrypto).event.kind === "revocation";
}

function keyStatus(entry: InventoryEntry): KeyStatus {
  const { keyId, kind, role, algorithm, createdAt, dueAt, expiresAt, state, protection, backend } = entry;
  return {
    kind,
    ...(role === undefined ? {} : { role }),
    algorithm: kind.endsWith("prekey")
      ? `${ALGORITHM_NAMES[algorithm]} + ${ALGORITHM_NAMES[ALGORITHM.mlKem768]}`
      : ALGORITHM_NAMES[algorithm],
    keyId,
    createdAt,
    ...(dueAt === undefined ? {} : { dueAt }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    state,
    protection,
    where: backend === "software" ? finalName(entry) : backend,
  };
}

function outboxRows(tx: ReadTransaction, lastError: StatusInput["lastError"]): readonly OutboxMessageStatus[] {
  const rows = (["accepted", "waiting", "ready", "deposited", "expired"] as const).flatMap((state) => tx.outbox.list({ state }));
  return rows
    .filter(isContent)
    .sort((a, b) => a.order - b.order)
    .map((row) => outboxStatus(row, lastError));
}

export function outboxStatus(row: OutboxRow, lastError: StatusInput["lastError"]): OutboxMessageStatus {
  const { messageId, peer, state, reason, createdAt, depositedAt, attempts } = row;
  const error = state === "accepted" || state === "waiting" || state === "ready" ? lastError?.(peer) : undefined;
  return {
    messageId: toHex(messageId),
    peerDid: agentIdToDid(peer),
    state,
    ...(reason === undefined ? {} : { reason }),
    createdAt,
    ...(depositedAt === undefined ? {} : { depositedAt }),
    attempts,
    ...(error === undefined ? {} : { lastError: error }),
  };
}

function keptStatus({ envelopeId, kind, code, depositor, byteLength, receivedAt }: KeptInfo): KeptStatus {
  return {
    envelopeId: toHex(envelopeId),
    kind,
    code,
    ...(depositor === undefined ? {} : { depositorDid: agentIdToDid(depositor) }),
    bytes: byteLength,
    receivedAt,
  };
}
