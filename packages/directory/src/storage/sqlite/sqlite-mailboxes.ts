/**
 * Mailboxes in SQLite. An item's row outlives its bytes: acknowledged, it goes on saying that the item was here, so that
 * the same envelope is not delivered a second time. Must not know what is in an item.
 */
import {
  agentId as asAgentId,
  ENVELOPE_KIND_CODES,
  envelopeIdFrom,
  type AgentId,
  type EnvelopeId,
  type EnvelopeKind,
  type MailboxItem,
  type MailboxPage,
} from "@talos/core";
import {
  ITEM_MS,
  type DepositOutcome,
  type MailboxQuota,
  type MailboxStore,
  type NewItem,
  type PageBounds,
  type RequestMark,
} from "../contract/index.ts";
import type { Database } from "./database.ts";
import { bytesOf, numberOf, type Row } from "./rows.ts";
import type { SqliteAgents } from "./sqlite-agents.ts";
import type { SqliteNonces } from "./sqlite-nonces.ts";

const EVENT: number = ENVELOPE_KIND_CODES.event;

export class SqliteMailboxes implements MailboxStore {
  readonly #db: Database;
  readonly #nonces: SqliteNonces;
  readonly #agents: SqliteAgents;
  readonly #known;
  readonly #insert;
  readonly #usage;
  readonly #changeUsage;
  readonly #slots;
  readonly #events;
  readonly #others;
  readonly #acknowledge;
  readonly #expired;
  readonly #remove;

  constructor(db: Database, nonces: SqliteNonces, agents: SqliteAgents) {
    this.#db = db;
    this.#nonces = nonces;
    this.#agents = agents;
    const facts = "seq, mailbox, kind, size, received_at, expires_at, acknowledged_at IS NOT NULL AS acknowledged";
    this.#known = db.prepare(`SELECT ${facts} FROM items WHERE mailbox = ? AND envelope_id = ?`);
    this.#insert = db.prepare(
      "INSERT INTO items (mailbox, envelope_id, kind, depositor, received_at, expires_at, size, bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    );
    this.#usage = db.prepare("SELECT messages, bytes FROM mailbox_usage WHERE mailbox = ?");
    this.#changeUsage = db.prepare(
      `INSERT INTO mailbox_usage (mailbox, messages, bytes) VALUES (?1, ?2, ?3)
       ON CONFLICT (mailbox) DO UPDATE SET messages = messages + ?2, bytes = bytes + ?3`,
    );
    this.#slots = db.prepare(
      `SELECT count(*) AS n FROM items INDEXED BY items_in_slots
       WHERE mailbox = ? AND kind = ? AND depositor = ? AND acknowledged_at IS NULL AND kind > 1`,
    );
    const item = "envelope_id, kind, depositor, received_at, size, bytes";
    this.#events = db.prepare(
      `SELECT ${item} FROM items INDEXED BY items_in_slots
       WHERE mailbox = ? AND kind = ${EVENT} AND kind > 1 AND acknowledged_at IS NULL AND expires_at > ? ORDER BY seq LIMIT ?`,
    );
    this.#others = db.prepare(
      `SELECT ${item} FROM items INDEXED BY items_pending
       WHERE mailbox = ? AND kind <> ${EVENT} AND acknowledged_at IS NULL AND expires_at > ? ORDER BY seq LIMIT ?`,
    );
    this.#acknowledge = db.prepare("UPDATE items SET bytes = NULL, acknowledged_at = ? WHERE seq = ?");
    this.#expired = db.prepare(`SELECT ${facts} FROM items WHERE expires_at <= ? ORDER BY expires_at LIMIT ?`);
    this.#remove = db.prepare("DELETE FROM items WHERE seq = ?");
  }

  async deposit(mark: RequestMark, item: NewItem, quota: MailboxQuota, now: number): Promise<DepositOutcome> {
    const { mailbox, envelopeId, kind, bytes } = item;
    return this.#db.transaction(() => {
      this.#nonces.use(mark);
      const owner = this.#agents.get(mailbox);
      if (owner?.revoked === true) return { kind: "agent-revoked" };
      const known = this.#known.get(mailbox, envelopeId);
      if (known !== undefined) {
        if (numberOf(known, "expires_at") > now) return { kind: "known", receivedAt: numberOf(known, "received_at") };
        this.#forget(known);
      }
      if (owner === undefined) return { kind: "agent-unknown" };
      if (!this.#hasRoom(item, mark.agentId, quota)) return { kind: "full" };
      this.#insert.run(mailbox, envelopeId, ENVELOPE_KIND_CODES[kind], mark.agentId, now, now + ITEM_MS, bytes.length, bytes);
      if (kind === "message") this.#changeUsage.run(mailbox, 1, bytes.length);
      return { kind: "stored", receivedAt: now };
    });
  }

  async fetchItems(mark: RequestMark, bounds: PageBounds, now: number): Promise<MailboxPage> {
    return this.#db.transaction(() => {
      this.#nonces.use(mark);
      return this.#readPage(mark.agentId, bounds, now);
    });
  }

  async fetchItemsAgain(mailbox: AgentId, bounds: PageBounds, now: number): Promise<MailboxPage> {
    return this.#readPage(mailbox, bounds, now);
  }

  async acknowledge(mark: RequestMark, envelopeIds: readonly EnvelopeId[], now: number): Promise<number> {
    return this.#db.transaction(() => {
      this.#nonces.use(mark);
      let acknowledged = 0;
      for (const id of envelopeIds) {
        const row = this.#known.get(mark.agentId, id);
        if (row === undefined || numberOf(row, "expires_at") <= now) continue;
        acknowledged += 1;
        if (isAcknowledged(row)) continue;
        this.#acknowledge.run(now, numberOf(row, "seq"));
        this.#release(row);
      }
      return acknowledged;
    });
  }

  /** Inside the caller's transaction; how many rows went. */
  prune(now: number, limit: number): number {
    const rows = this.#expired.all(now, limit);
    for (const row of rows) this.#forget(row);
    return rows.length;
  }

  #hasRoom({ mailbox, kind, bytes }: NewItem, depositor: AgentId, quota: MailboxQuota): boolean {
    if (kind === "message") {
      const usage = this.#usage.get(mailbox);
      if (usage === undefined) return bytes.length <= quota.messageBytes && quota.messages > 0;
      return numberOf(usage, "messages") < quota.messages && numberOf(usage, "bytes") + bytes.length <= quota.messageBytes;
    }
    const slots = this.#slots.get(mailbox, ENVELOPE_KIND_CODES[kind], depositor);
    return slots !== undefined && numberOf(slots, "n") < quota.slotsPerDepositor;
  }

  /** Events first: a stolen key is heard of before what its thief has left. Row by row, so that a mailbox full of large messages is not read to hand out the first two. */
  #readPage(mailbox: AgentId, { limit, maxBytes }: PageBounds, now: number): MailboxPage {
    const items: MailboxItem[] = [];
    let bytes = 0;
    for (const pending of [this.#events, this.#others]) {
      for (const row of pending.iterate(mailbox, now, limit + 1)) {
        bytes += numberOf(row, "size");
        if (items.length === limit || (items.length > 0 && bytes > maxBytes)) return { items, more: true };
        items.push(readItem(row));
      }
    }
    return { items, more: false };
  }

  #forget(row: Row): void {
    this.#remove.run(numberOf(row, "seq"));
    if (!isAcknowledged(row)) this.#release(row);
  }

  #release(row: Row): void {
    if (numberOf(row, "kind") === ENVELOPE_KIND_CODES.message) this.#changeUsage.run(bytesOf(row, "mailbox"), -1, -numberOf(row, "size"));
  }
}

function isAcknowledged(row: Row): boolean {
  return numberOf(row, "acknowledged") === 1;
}

function readItem(row: Row): MailboxItem {
  return {
    envelopeId: envelopeIdFrom(bytesOf(row, "envelope_id")),
    kind: readKind(numberOf(row, "kind")),
    depositor: asAgentId(bytesOf(row, "depositor")),
    receivedAt: numberOf(row, "received_at"),
    item: bytesOf(row, "bytes"),
  };
}

function readKind(code: number): EnvelopeKind {
  if (code === ENVELOPE_KIND_CODES.message) return "message";
  return code === ENVELOPE_KIND_CODES.event ? "event" : "notice";
}
