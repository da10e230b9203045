/** Mailbox items that cannot be acted on: kept and named, bounded in number and bytes, the oldest out first. */
import { type AgentId, agentId } from "@talos/core";
import { bytes, number, optionalBytes, text, word } from "./columns.ts";
import type { SqlRow, Store } from "./store.ts";

export const MAX_KEPT_ITEMS = 1000;
export const MAX_KEPT_BYTES = 50_000_000;

export const KEPT_KINDS = ["message", "event", "notice"] as const;
export type KeptKind = (typeof KEPT_KINDS)[number];

export interface KeptInfo {
  /** 16 bytes */
  readonly envelopeId: Uint8Array;
  readonly kind: KeptKind;
  /** As the directory says: a hint. */
  readonly depositor?: AgentId | undefined;
  /** Why it is here: an error code. */
  readonly code: string;
  readonly byteLength: number;
  readonly receivedAt: number;
}

export interface KeptItem extends KeptInfo {
  readonly bytes: Uint8Array;
}

export class KeptReader {
  protected readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  get(envelopeId: Uint8Array): KeptItem | undefined {
    const row = this.store.get("SELECT *, length(bytes) AS size FROM kept WHERE envelope_id = ?", envelopeId);
    return row && { ...toInfo(row), bytes: bytes(row, "bytes") };
  }

  /** Messages that this depositor left and that were kept for that reason, the newest first. */
  ofDepositor(depositor: AgentId, code: string, limit: number): KeptInfo[] {
    return this.store
      .all(
        `SELECT envelope_id, kind, depositor, code, length(bytes) AS size, received_at FROM kept
         WHERE depositor = ? AND kind = 'message' AND code = ? ORDER BY ord DESC LIMIT ?`,
        depositor,
        code,
        limit,
      )
      .map(toInfo);
  }

  /** Messages of one depositor, or of an unnamed one, that were kept since. */
  countOf(depositor: AgentId | undefined, since: number): number {
    const row = this.store.get(
      "SELECT count(*) AS n FROM kept WHERE depositor IS ? AND kind = 'message' AND received_at >= ?",
      depositor,
      since,
    );
    return row === undefined ? 0 : number(row, "n");
  }

  list(): KeptInfo[] {
    return this.store
      .all("SELECT envelope_id, kind, depositor, code, length(bytes) AS size, received_at FROM kept ORDER BY ord")
      .map(toInfo);
  }

  counts(): Record<KeptKind, number> {
    const counts: Record<KeptKind, number> = { message: 0, event: 0, notice: 0 };
    for (const row of this.store.all("SELECT kind, count(*) AS n FROM kept GROUP BY kind")) {
      counts[word(row, "kind", KEPT_KINDS)] = number(row, "n");
    }
    return counts;
  }
}

export class Kept extends KeptReader {
  /** The same item is kept once, as of the last time that it came. @returns the number of older ones that had to go */
  add(item: Omit<KeptItem, "byteLength">): number {
    this.store.run(
      `INSERT INTO kept (envelope_id, kind, depositor, bytes, code, received_at) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (envelope_id) DO UPDATE SET received_at = excluded.received_at`,
      item.envelopeId,
      item.kind,
      item.depositor,
      item.bytes,
      item.code,
      item.receivedAt,
    );
    return this.store.run(
      `DELETE FROM kept WHERE ord IN (SELECT ord FROM
         (SELECT ord, row_number() OVER newest AS n, sum(length(bytes)) OVER newest AS total FROM kept WINDOW newest AS (ORDER BY ord DESC))
       WHERE n > 1 AND (n > ${MAX_KEPT_ITEMS} OR total > ${MAX_KEPT_BYTES}))`,
    );
  }
}

function toInfo(row: SqlRow): KeptInfo {
  const depositor = optionalBytes(row, "depositor");
  return {
    envelopeId: bytes(row, "envelope_id"),
    kind: word(row, "kind", KEPT_KINDS),
    depositor: depositor && agentId(depositor),
    code: text(row, "code"),
    byteLength: number(row, "size"),
    receivedAt: number(row, "received_at"),
  };
}
