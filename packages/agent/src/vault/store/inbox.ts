/**
 * The inbox: opened messages, sealed, offered until the application has acknowledged them; which ids were ever
 * received; and which acknowledgements the senders have not been told yet. Does not open anything.
 */
import { type AgentId, agentId, concatBytes, SecretBytes, settledBytes, talosError, toHex, zeroBytes } from "@talos/core";
import { boolean, bytes, flag, number, text } from "./columns.ts";
import { dropLarge, inlinePart, putLarge, readLarge } from "./large.ts";
import type { SqlRow, Store } from "./store.ts";

export interface InboxItem {
  readonly sender: AgentId;
  /** 16 bytes; (sender, message id) is unique for as long as it is remembered. */
  readonly messageId: Uint8Array;
  readonly contentType: string;
  /** By the sender's clock. */
  readonly time: number;
  readonly receivedAt: number;
  readonly resent: boolean;
}

export interface NewInboxRow extends InboxItem {
  readonly body: Uint8Array;
  /** An encoded message proof, when the message was signed. */
  readonly proof?: Uint8Array | undefined;
}

export interface InboxRow extends InboxItem {
  readonly order: number;
  /** The caller disposes it. */
  readonly body: SecretBytes;
  readonly proof?: Uint8Array | undefined;
}

export interface InboxInfo extends InboxItem {
  readonly order: number;
}

export class InboxReader {
  protected readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  /** The first row after that order (0 for the first of all). */
  next(after: number): InboxRow | undefined {
    const row = this.store.get("SELECT * FROM inbox WHERE ord > ? ORDER BY ord LIMIT 1", after);
    if (row === undefined) return undefined;
    const info = toInfo(row);
    const sealed = readLarge(this.store, "inbox-body", info.order, row, "body");
    if (sealed === undefined)
      throw talosError("VAULT_CORRUPT", undefined, {
        details: { table: "inbox", column: "body", row: toHex(concatBytes(info.sender, info.messageId)) },
      });
    const plain = this.store.unseal("inbox", concatBytes(info.sender, info.messageId), "body", sealed);
    const { body, proof } = splitBody(plain);
    zeroBytes(plain);
    return { ...info, body, proof };
  }

  /** What is waiting for the application, without contents. */
  list(limit: number = 1000): InboxInfo[] {
    return this.store.all("SELECT * FROM inbox ORDER BY ord LIMIT ?", limit).map(toInfo);
  }

  count(): number {
    const row = this.store.get("SELECT count(*) AS n FROM inbox");
    return row === undefined ? 0 : number(row, "n");
  }

  /** Whether this id of this sender was received before, and whether the application has acknowledged it. */
  seen(sender: AgentId, messageId: Uint8Array): "new" | "offered" | "acknowledged" {
    const row = this.store.get("SELECT acked_at FROM seen WHERE sender = ? AND message_id = ?", sender, messageId);
    if (row === undefined) return "new";
    return row["acked_at"] === null ? "offered" : "acknowledged";
  }
}

export class Inbox extends InboxReader {
  /**
   * Stores an opened message and remembers its id.
   *
   * @returns its order; undefined when this id was received before: then nothing is stored, and where the application
   *   has acknowledged it, the acknowledgement is queued once more
   */
  insert(row: NewInboxRow): number | undefined {
    const fresh = this.store.run(
      "INSERT INTO seen (sender, message_id, received_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
      row.sender,
      row.messageId,
      row.receivedAt,
    );
    if (fresh === 0) {
      this.store.run("UPDATE seen SET told = 0 WHERE sender = ? AND message_id = ? AND acked_at IS NOT NULL", row.sender, row.messageId);
      return undefined;
    }
    const plain = joinBody(row.body, row.proof);
    const sealed = this.store.seal("inbox", concatBytes(row.sender, row.messageId), "body", plain);
    zeroBytes(plain);
    const order = this.store.nextOrder("inbox");
    this.store.run(
      "INSERT INTO inbox (ord, sender, message_id, content_type, time, received_at, resent, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      order,
      row.sender,
      row.messageId,
      row.contentType,
      row.time,
      row.receivedAt,
      flag(row.resent),
      inlinePart(sealed),
    );
    putLarge(this.store, "inbox-body", order, sealed);
    return order;
  }

  /** Removes the row and queues the acknowledgement. @returns false when it was acknowledged before */
  ack(order: number, at: number): boolean {
    const row = this.store.get("SELECT sender, message_id FROM inbox WHERE ord = ?", order);
    if (row === undefined) return false;
    this.store.run(
      "UPDATE seen SET acked_at = ?, told = 0 WHERE sender = ? AND message_id = ?",
      at,
      bytes(row, "sender"),
      bytes(row, "message_id"),
    );
    dropLarge(this.store, "inbox-body", order);
    this.store.run("DELETE FROM inbox WHERE ord = ?", order);
    return true;
  }

  /** Forgets ids that were received before that time and acknowledged. */
  forgetSeen(receivedBefore: number): number {
    return this.store.run("DELETE FROM seen WHERE received_at < ? AND acked_at IS NOT NULL", receivedBefore);
  }
}

export class AcksReader {
  protected readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  /** Ids that the application has acknowledged and the sender has not been told, oldest first. */
  pending(peer: AgentId, limit: number): Uint8Array[] {
    return this.store
      .all("SELECT message_id FROM seen INDEXED BY seen_untold WHERE sender = ? AND told = 0 ORDER BY acked_at LIMIT ?", peer, limit)
      .map((row) => bytes(row, "message_id"));
  }

  /** Peers with such ids, and since when the oldest waits. */
  peers(): { peer: AgentId; since: number; count: number }[] {
    return this.store
      .all("SELECT sender, min(acked_at) AS since, count(*) AS n FROM seen WHERE told = 0 GROUP BY sender")
      .map((row) => ({ peer: agentId(bytes(row, "sender")), since: number(row, "since"), count: number(row, "n") }));
  }
}

export class Acks extends AcksReader {
  /** They ride in a frame that commits with this. */
  taken(peer: AgentId, messageIds: readonly Uint8Array[]): void {
    for (const messageId of messageIds) {
      this.store.run("UPDATE seen SET told = 1 WHERE sender = ? AND message_id = ?", peer, messageId);
    }
  }

  /** Whatever rode in a session that is gone: of the acknowledged ids of that peer the newest so many are told again. */
  againNewest(peer: AgentId, limit: number): void {
    this.store.run(
      `UPDATE seen SET told = 0 WHERE sender = ?1 AND message_id IN
         (SELECT message_id FROM seen WHERE sender = ?1 AND told = 1 ORDER BY acked_at DESC LIMIT ?2)`,
      peer,
      limit,
    );
  }

  /** The session they rode in is gone before they arrived: they are told again. */
  again(peer: AgentId, messageIds: readonly Uint8Array[]): void {
    for (const messageId of messageIds) {
      this.store.run("UPDATE seen SET told = 0 WHERE sender = ? AND message_id = ? AND acked_at IS NOT NULL", peer, messageId);
    }
  }
}

const LENGTH_BYTES = 4;

/** `u32 length of the body || body || proof`. */
function joinBody(body: Uint8Array, proof: Uint8Array | undefined): Uint8Array {
  const joined = settledBytes(LENGTH_BYTES + body.length + (proof?.length ?? 0));
  new DataView(joined.buffer).setUint32(0, body.length);
  joined.set(body, LENGTH_BYTES);
  if (proof !== undefined) joined.set(proof, LENGTH_BYTES + body.length);
  return joined;
}

function splitBody(joined: Uint8Array): { body: SecretBytes; proof: Uint8Array | undefined } {
  const length = new DataView(joined.buffer, joined.byteOffset).getUint32(0);
  const end = LENGTH_BYTES + length;
  return { body: SecretBytes.copyOf(joined.subarray(LENGTH_BYTES, end)), proof: end < joined.length ? joined.slice(end) : undefined };
}

function toInfo(row: SqlRow): InboxInfo {
  return {
    order: number(row, "ord"),
    sender: agentId(bytes(row, "sender")),
    messageId: bytes(row, "message_id"),
    contentType: text(row, "content_type"),
    time: number(row, "time"),
    receivedAt: number(row, "received_at"),
    resent: boolean(row, "resent"),
  };
}
