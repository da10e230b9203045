/**
 * The only way to the tables. A ReadTransaction sees one state of the store; a Transaction changes it, as a whole or
 * not at all. Both are valid only inside the function that gets them.
 */
import { Audit, type AuditReader } from "./audit.ts";
import { Batches, type BatchesReader } from "./batches.ts";
import { CutOff, type CutOffReader } from "./cut-off.ts";
import { Acks, type AcksReader, Inbox, type InboxReader } from "./inbox.ts";
import { Inventory, type InventoryReader } from "./inventory.ts";
import { Kept, type KeptReader } from "./kept.ts";
import { Notices, type NoticesReader } from "./notices.ts";
import { Notifications, type NotificationsReader } from "./notifications.ts";
import { Opened, type OpenedReader } from "./opened.ts";
import { Outbox, type OutboxReader } from "./outbox.ts";
import { OwnLog, type OwnLogReader } from "./own-log.ts";
import { PeerForks, type PeerForksReader } from "./peer-forks.ts";
import { Peers, type PeersReader } from "./peers.ts";
import { Plans, type PlansReader } from "./plans.ts";
import { SeenSignatures, type SeenSignaturesReader } from "./seen-signatures.ts";
import { Sessions, type SessionsReader } from "./sessions.ts";
import { Settings, type SettingsReader } from "./settings.ts";
import type { Store } from "./store.ts";

export interface ReadTransaction {
  readonly inventory: InventoryReader;
  readonly log: OwnLogReader;
  readonly batches: BatchesReader;
  readonly peers: PeersReader;
  readonly peerForks: PeerForksReader;
  readonly notices: NoticesReader;
  readonly notifications: NotificationsReader;
  readonly cutOff: CutOffReader;
  readonly sessions: SessionsReader;
  readonly outbox: OutboxReader;
  readonly inbox: InboxReader;
  readonly acks: AcksReader;
  readonly opened: OpenedReader;
  readonly kept: KeptReader;
  readonly plans: PlansReader;
  readonly settings: SettingsReader;
  readonly audit: AuditReader;
  readonly seenSignatures: SeenSignaturesReader;
}

export interface Transaction extends ReadTransaction {
  readonly inventory: Inventory;
  readonly log: OwnLog;
  readonly batches: Batches;
  readonly peers: Peers;
  readonly peerForks: PeerForks;
  readonly notices: Notices;
  readonly notifications: Notifications;
  readonly cutOff: CutOff;
  readonly sessions: Sessions;
  readonly outbox: Outbox;
  readonly inbox: Inbox;
  readonly acks: Acks;
  readonly opened: Opened;
  readonly kept: Kept;
  readonly plans: Plans;
  readonly settings: Settings;
  readonly audit: Audit;
  readonly seenSignatures: SeenSignatures;
}

export function transactionOver(store: Store): Transaction {
  return {
    inventory: new Inventory(store),
    log: new OwnLog(store),
    batches: new Batches(store),
    peers: new Peers(store),
    peerForks: new PeerForks(store),
    notices: new Notices(store),
    notifications: new Notifications(store),
    cutOff: new CutOff(store),
    sessions: new Sessions(store),
    outbox: new Outbox(store),
    inbox: new Inbox(store),
    acks: new Acks(store),
    opened: new Opened(store),
    kept: new Kept(store),
    plans: new Plans(store),
    settings: new Settings(store),
    audit: new Audit(store),
    seenSignatures: new SeenSignatures(store),
  };
}
