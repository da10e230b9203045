/**
 * What the parts of an open agent share. Made once when it opens; knows how nothing is done.
 */
import type { Crypto, IdentityLog, RotationPolicy } from "@talos/core";
import type { AgentEvents } from "./agent-events.ts";
import type { BackendAgreementKey, BackendSigningKey } from "./backends/index.ts";
import type { Clock } from "./clock.ts";
import type { Directories } from "./directory/directories.ts";
import type { Directory } from "./directory/directory.ts";
import type { Instance } from "./lifecycle/instance.ts";
import type { OwnIdentity } from "./lifecycle/own-identity.ts";
import type { Standing } from "./lifecycle/standing.ts";
import type { Commits } from "./messaging/commits.ts";
import type { LiveSessions } from "./messaging/live-sessions.ts";
import type { PeerBook } from "./messaging/peer-book.ts";
import type { Wakeup } from "./messaging/wakeup.ts";
import type { SignMessages } from "./options.ts";
import type { KdfParameters, Vault } from "./vault/index.ts";

export interface AgentPolicy {
  readonly signMessages: SignMessages;
  readonly maxHeadAgeDays: number;
  /** Nothing is sent to a peer, or taken from it, before somebody has verified it. */
  readonly verifiedOnly: boolean;
  /** Of this agent's own keys. */
  readonly rotation: RotationPolicy;
  /** Of passwords that are set. */
  readonly allowWeakPasswords: boolean;
}

export interface AgentContext {
  readonly vault: Vault;
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** Of the passwords of backups; absent: the default. */
  readonly backupKdf: KdfParameters | undefined;
  readonly policy: AgentPolicy;
  readonly identity: OwnIdentity;
  /** As `identity` has them just now: read them at the moment of use, they change with a rotation. */
  readonly log: IdentityLog;
  readonly identityKey: BackendSigningKey<"identity">;
  readonly encryptionKey: BackendAgreementKey;
  readonly instance: Instance;
  readonly standing: Standing;
  readonly directories: Directories;
  /** URL of the home directory. */
  readonly home: string | undefined;
  readonly commits: Commits;
  readonly sessions: LiveSessions;
  readonly peers: PeerBook;
  /** What the application is told. */
  readonly events: AgentEvents;
  /** Rung where something names a head of this agent that is not in its log. */
  readonly ownLogDoubt: Wakeup;
  /**
   * A request that nobody signs, whatever this instance's standing is, and without judging refusals: about the agent's own log.
   *
   * @throws TalosError as `Directory`
   */
  readonly unsigned: <T>(url: string, request: (directory: Directory) => Promise<T>) => Promise<T>;
  /** A fresh certificate for the same instance, durable before it is used. */
  renewCertificate(): Promise<void>;
}
