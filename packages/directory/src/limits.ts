/** Every bound of the server that an operator may want to move, with the reason for its default. */
import { MAX_PAGE_BYTES } from "@talos/core";
import type { MailboxQuota } from "./storage/contract/index.ts";

export interface DirectoryLimits {
  readonly mailbox: MailboxQuota;
  /** Of the items of one mailbox page. */
  readonly pageBytes: number;
  /** Claims per hour of one claimer at one target: one per session, and a session lasts for months. */
  readonly claimsPerHour: number;
  /** Requests per minute and network address of what needs no signature and costs a verification: events, certificates. */
  readonly registrationsPerMinute: number;
  /**
   * Events that one log grows by in 24 hours, by the online authority, and again by the recovery key. An identity is rotated once a year, or
   * every other day; a long log costs time and memory whenever somebody asks for it.
   */
  readonly eventsPerDay: number;
  /** Waiting fetches of one mailbox; the oldest is answered when one more comes. */
  readonly waitingFetchesPerMailbox: number;
  /** Events of logs kept in memory, about 2 KB each: one of 10,000 takes half a second to read again. */
  readonly verifiedEvents: number;
  /** Bytes of bodies and pages in memory at once; beyond it large requests are refused as DIRECTORY_BUSY. */
  readonly bufferedBytes: number;
  /** Mean delay of the event loop, in milliseconds, from which on requests are refused as DIRECTORY_BUSY; 0: never. */
  readonly maxEventLoopDelayMs: number;
  /** Until the last header of a request is there. */
  readonly headersTimeoutMs: number;
  /** Until the last byte of a request is there: 11 MB at 1 Mbit/s take 90 seconds. */
  readonly requestTimeoutMs: number;
  /** What is in progress at a stop may take this long; then its connections are cut. */
  readonly stopGraceMs: number;
}

/** What 256 items take in a page beside their bytes: id, depositor, time. */
const PAGE_OVERHEAD_BYTES = 20_480;

export const DEFAULT_LIMITS: DirectoryLimits = {
  mailbox: { messages: 10_000, messageBytes: 512_000_000, slotsPerDepositor: 64 },
  pageBytes: MAX_PAGE_BYTES - PAGE_OVERHEAD_BYTES,
  claimsPerHour: 30,
  registrationsPerMinute: 600,
  eventsPerDay: 100,
  waitingFetchesPerMailbox: 8,
  verifiedEvents: 20_000,
  bufferedBytes: 268_435_456,
  maxEventLoopDelayMs: 5_000,
  headersTimeoutMs: 15_000,
  requestTimeoutMs: 120_000,
  stopGraceMs: 10_000,
};
