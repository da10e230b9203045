/** What every operation of the directory stands on. */
import type { Crypto } from "@talos/core";
import type { DirectoryLimits } from "./limits.ts";
import type { VerifiedLogs } from "./log/verified-logs.ts";
import type { MailboxWaiters } from "./mailbox/mailbox-waiters.ts";
import type { ClaimLimiter } from "./prekeys/claim-limiter.ts";
import type { DirectoryStore } from "./storage/contract/index.ts";

export interface DirectoryContext {
  readonly store: DirectoryStore;
  readonly crypto: Crypto;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly limits: DirectoryLimits;
  readonly logs: VerifiedLogs;
  readonly waiters: MailboxWaiters;
  readonly claimLimiter: ClaimLimiter;
}
