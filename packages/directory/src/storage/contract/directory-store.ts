/**
 * What the directory asks of a database. Every method is one transaction: durable when its promise resolves, and without
 * effect when it rejects. A refusal that the caller must tell apart is an outcome, not an exception, so that the mark of
 * a refused request is durable too. A store must not know HTTP, cryptography or any encoding.
 *
 * A method that takes a `RequestMark` rejects with REQUEST_REPLAYED, and does nothing, when that mark was used before.
 */
import type { AgentId, EnvelopeId, LogHead, MailboxPage } from "@talos/core";
import type {
  AgentRecord,
  BatchReplacement,
  CertificateOutcome,
  CertificateRecord,
  ClaimOutcome,
  DepositOutcome,
  EventRecord,
  LiveBatch,
  MailboxQuota,
  NewItem,
  PageBounds,
  PrekeyStock,
  ReplaceOutcome,
  RequestMark,
  SeenPrekey,
} from "./records.ts";

export interface LogStore {
  /** With the events whose seq is above `after` (default: all); undefined where there is no log. */
  readAgent(agentId: AgentId, after?: number): Promise<AgentRecord | undefined>;
  /** Appends behind the head that the caller verified against, undefined for a new log; `moved` when it is another by now. */
  appendEvents(agentId: AgentId, expected: LogHead | undefined, events: readonly EventRecord[]): Promise<"appended" | "moved">;
  readCertificate(agentId: AgentId): Promise<CertificateRecord | undefined>;
  /**
   * Registers unless a higher (seq, generation) stands, or the same with another instance key, which is then kept as
   * evidence. Of two with the same instance key the later `from` stays.
   */
  registerCertificate(agentId: AgentId, certificate: CertificateRecord, now: number): Promise<CertificateOutcome>;
  /** The certificates that were refused as conflicts, oldest first: evidence of two copies of an agent. Bounded. */
  listConflicts(agentId: AgentId): Promise<readonly Uint8Array[]>;
}

export interface PrekeyStore {
  readLiveBatch(agentId: AgentId): Promise<LiveBatch | undefined>;
  /** What is known of these ids; unknown ones are left out. */
  readSeenPrekeys(agentId: AgentId, ids: readonly Uint8Array[]): Promise<readonly SeenPrekey[]>;
  /** Replaces the batch of the agent that signed. An id that the new batch leaves out is never handed out again. */
  replaceBatch(mark: RequestMark, replacement: BatchReplacement, now: number): Promise<ReplaceOutcome>;
  readPrekeyStock(mark: RequestMark, now: number): Promise<PrekeyStock>;
  /** Hands out the live batch of `target` with one one-time prekey, each once for good; none where none is left. */
  claimPrekey(mark: RequestMark, target: AgentId, now: number): Promise<ClaimOutcome>;
}

export interface MailboxStore {
  /** `known`: it lies there, or was acknowledged within ITEM_DAYS; `receivedAt` is that of the first time. */
  deposit(mark: RequestMark, item: NewItem, quota: MailboxQuota, now: number): Promise<DepositOutcome>;
  /** The mailbox of the agent that signed, oldest first; what is older than ITEM_DAYS is gone. */
  fetchItems(mark: RequestMark, bounds: PageBounds, now: number): Promise<MailboxPage>;
  /** As `fetchItems`, for the second look of a request whose mark was used by the first. */
  fetchItemsAgain(mailbox: AgentId, bounds: PageBounds, now: number): Promise<MailboxPage>;
  /** How many of these ids are acknowledged now, by this call or by an earlier one. */
  acknowledge(mark: RequestMark, envelopeIds: readonly EnvelopeId[], now: number): Promise<number>;
}

export interface DirectoryStore extends LogStore, PrekeyStore, MailboxStore {
  /** Forgets a bounded part of what has expired; true when there is more. */
  prune(now: number): Promise<boolean>;
  /** What runs is finished first; afterwards every method rejects. */
  close(): Promise<void>;
}

/** An item waits this long for its owner, and an acknowledged one is remembered as long again. */
export const ITEM_DAYS = 30;
export const ITEM_MS: number = ITEM_DAYS * 86_400_000;

/** Conflicting certificates kept of one agent: two prove the clone, more are only an attacker's way to fill the disk. */
export const MAX_CONFLICTS = 16;
