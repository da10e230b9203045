/** The agent's own prekey batches, remembered by their root for as long as a first message may name them. */
import type { KeyId, LogHead } from "@talos/core";
import { bytes, number, optionalNumber, text } from "./columns.ts";
import type { SqlRow, Store } from "./store.ts";

export interface OwnBatch {
  /** 32 bytes */
  readonly root: Uint8Array;
  readonly wire: Uint8Array;
  readonly head: LogHead;
  readonly options: number;
  readonly createdAt: number;
  /** End of its validity. */
  readonly to: number;
  /** Absent until a directory has taken it. */
  readonly publishedAt?: number | undefined;
  /** Every prekey in it, in the order of the tree. */
  readonly ids: readonly KeyId[];
}

export class BatchesReader {
  protected readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  byRoot(root: Uint8Array): OwnBatch | undefined {
    const row = this.store.get("SELECT * FROM own_batches WHERE root = ?", root);
    return row && toBatch(row);
  }

  /** When the last of them ends that are remembered; 0 without one. */
  lastEnd(): number {
    return number(this.store.get("SELECT coalesce(max(valid_to), 0) AS last FROM own_batches") ?? { last: 0 }, "last");
  }

  /** The newest of those that a directory has taken. */
  newestPublished(): OwnBatch | undefined {
    const row = this.store.get("SELECT * FROM own_batches WHERE published_at IS NOT NULL ORDER BY ord DESC LIMIT 1");
    return row && toBatch(row);
  }

  /** The one made last. */
  newest(): OwnBatch | undefined {
    const row = this.store.get("SELECT * FROM own_batches ORDER BY ord DESC LIMIT 1");
    return row && toBatch(row);
  }
}

export class Batches extends BatchesReader {
  put(batch: OwnBatch): void {
    this.store.run(
      `INSERT INTO own_batches (root, wire, head_seq, head_hash, options, created_at, valid_to, published_at, ids)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      batch.root,
      batch.wire,
      batch.head.seq,
      batch.head.hash,
      batch.options,
      batch.createdAt,
      batch.to,
      batch.publishedAt,
      batch.ids.join(""),
    );
  }

  setPublished(root: Uint8Array, at: number): void {
    this.store.run("UPDATE own_batches SET published_at = ? WHERE root = ?", at, root);
  }

  /** Forgets batches whose validity ended before that time. */
  forget(endedBefore: number): number {
    return this.store.run("DELETE FROM own_batches WHERE valid_to < ?", endedBefore);
  }
}

const KEY_ID_CHARACTERS = 16;

function toBatch(row: SqlRow): OwnBatch {
  const ids = text(row, "ids");
  return {
    root: bytes(row, "root"),
    wire: bytes(row, "wire"),
    head: { seq: number(row, "head_seq"), hash: bytes(row, "head_hash") },
    options: number(row, "options"),
    createdAt: number(row, "created_at"),
    to: number(row, "valid_to"),
    publishedAt: optionalNumber(row, "published_at"),
    ids: Array.from(
      { length: ids.length / KEY_ID_CHARACTERS },
      (_, i) => ids.slice(i * KEY_ID_CHARACTERS, (i + 1) * KEY_ID_CHARACTERS) as KeyId,
    ),
  };
}
