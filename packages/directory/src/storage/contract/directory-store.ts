/**
 * What the directory asks of a database. Every method is one transaction: durable when its promise resolves, and without
 * effect when it rejects. A refusal that the caller must tell apart is an outcome, not an exception, so that the mark of
 * a refused request is durable too. A store must not know HTTP, cryptography or any encoding.
 *
 * A method that takes a `RequestMark` rejects with REQUEST_REPLAYED, and does nothing, when that mark was used before.
 */
import type { AgentId, EnvelopeId, LogHead, MailboxPage } from "@talos/core";
import type {
  AcceptedEvent,
  AcceptedEvents,
  AgentRecord,
  BatchReplacement,
  CertificateOutcome,
  CertificateRecord,
  ClaimOutcome,
  DepositOutcome,
  EventRecord,
  EvidenceRecord,
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
  /**
   * Compare-and-swap: takes events that were verified against the head `expected`, undefined for a new log; `moved`, and nothing
   * is done, when it is another by now. In the same step what stood from the first event's seq on becomes evidence, and
   * certificate and batch that are cut off or void are dropped.
   */
  acceptEvents(agentId: AgentId, expected: LogHead | undefined, accepted: AcceptedEvents, now: number): Promise<"accepted" | "moved">;
  /** Of the events that stand, those that were accepted after `since` and not after `until`, ascending by seq. */
  listAccepted(agentId: AgentId, since: number, until: number): Promise<readonly AcceptedEvent[]>;
  /** Keeps an event that contends with one that stands. */
  keepContender(agentId: AgentId, event: EventRecord, now: number): Promise<void>;
  /** Events that were cut off or came second, oldest first. Bounded. */
  listEvidence(agentId: AgentId): Promise<readonly EvidenceRecord[]>;
  readCertificate(agentId: AgentId): Promise<CertificateRecord | undefined>;
  /**
   * Registers unless a higher (seq, generation) stands, or the same with another instance key, which is then kept as
   * evidence. Of two with the same instance key the later `from` stays. `expected` is the head that the caller verified against.
   */
  registerCertificate(agentId: AgentId, certificate: CertificateRecord, expected: LogHead, now: number): Promise<CertificateOutcome>;
  /** The certificates that were refused as conflicts, oldest first: evidence of two copies of an agent. Bounded. */
  listConflicts(agentId: AgentId): Promise<readonly Uint8Array[]>;
}

export interface PrekeyStore {
  readLiveBatch(agentId: AgentId): Promise<LiveBatch | undefined>;
  /** What is known of these ids; unknown ones are left out. */
  readSeenPrekeys(agentId: AgentId, ids: readonly Uint8Array[]): Promise<readonly SeenPrekey[]>;
  /**
   * Replaces the batch of the agent that signed. An id that the new batch leaves out is never handed out again. `expected` is the
   * head that the caller verified against. A live batch whose `from` is beyond the clock slack from now makes nothing stale.
   */
  replaceBatch(mark: RequestMark, replacement: BatchReplacement, expected: LogHead, now: number): Promise<ReplaceOutcome>;
  readPrekeyStock(mark: RequestMark, now: number): Promise<PrekeyStock>;
  /** Hands out the live batch of `target` with one one-time prekey, each once for good; none where none is left. */
  claimPrekey(mark: RequestMark, target: AgentId, now: number): Promise<ClaimOutcome>;
}

export interface MailboxStore {
  /** `known`: it lies there, or was acknowledged within ITEM_DAYS; `receivedAt` is that of the first time. */
  deposit(mark: RequestMark, item: NewItem, quota: MailboxQuota, now: number): Promise<DepositOutcome>;
  /** The mailbox of the agent that signed, events first, each kind oldest first; what is older than ITEM_DAYS is gone. */
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

/** An item waits this long for its owner, and is remembered as long: also one that was acknowledged, from its deposit on, so that a sender who heard of no acknowledgement can leave it again. */
export const ITEM_DAYS = 30;
export const ITEM_MS: number = ITEM_DAYS * 86_400_000;

/** Conflicting certificates kept of one agent: two prove the clone, more are only an attacker's way to fill the disk. */
export const MAX_CONFLICTS = 16;

/** Events kept of one branch that was cut off, its first ones: they show who left the log where. */
export const MAX_CUT_OFF_AT_ONCE = 16;

/** Events kept of one agent and kind of evidence, the first ones: more are only a way to fill the disk for who holds a key. */
export const MAX_EVIDENCE = 64;
