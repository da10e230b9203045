/**
 * What happened to the agent and its keys, in order: append-only, each entry in the transaction of what it records. Public; never holds a
 * secret. Keeps the right edge of the tree over all entries, so that its head is at hand. Knows nothing of what an entry means.
 */
import {
  appendLeaf,
  auditLeaf,
  decodeAuditEntry,
  decodeEdge,
  edgeRoot,
  EMPTY_EDGE,
  encodeAuditEntry,
  encodeEdge,
  equalBytes,
  isTalosError,
  nodeCrypto,
  talosError,
  type AuditEntry,
  type AuditHead,
  type NewAuditEntry,
  type TreeEdge,
  type TreeHash,
} from "@talos/core";
import { checkTime } from "../times.ts";
import { bytes, number } from "./columns.ts";
import type { SqlRow, Store } from "./store.ts";

export type { AuditDetails, AuditEntry, NewAuditEntry } from "@talos/core";

export interface AuditPage {
  /** Entries of a higher order. Default: from the first. */
  readonly after?: number | undefined;
  readonly limit: number;
}

export interface StoredEntry {
  readonly order: number;
  readonly entry: Uint8Array;
}

/** SHA-256 alone: it has no secret and no choice that a test could want to make. */
const HASH: TreeHash = nodeCrypto;

export class AuditReader {
  protected readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  /** Oldest first. @throws TalosError VAULT_CORRUPT */
  list(): AuditEntry[] {
    return this.store.all("SELECT ord, entry FROM audit ORDER BY ord").map(toEntry);
  }

  /** Oldest first. @throws TalosError VAULT_CORRUPT */
  page({ after = 0, limit }: AuditPage): AuditEntry[] {
    return this.store.all("SELECT ord, entry FROM audit WHERE ord > ? ORDER BY ord LIMIT ?", after, limit).map(toEntry);
  }

  count(): number {
    return number(this.store.get("SELECT count(*) AS entries FROM audit") ?? {}, "entries");
  }

  /** As they are stored, for whoever checks them. */
  rows(): StoredEntry[] {
    return this.store
      .all("SELECT ord, entry FROM audit ORDER BY ord")
      .map((row) => ({ order: number(row, "ord"), entry: bytes(row, "entry") }));
  }

  /** The first entries as they are stored, for their tree. */
  stored(count: number = Number.MAX_SAFE_INTEGER): Uint8Array[] {
    return this.store.all("SELECT entry FROM audit ORDER BY ord LIMIT ?", count).map((row) => bytes(row, "entry"));
  }

  /** Size and root of the tree over all entries: what stands in certificates and events. @throws TalosError VAULT_CORRUPT */
  head(crypto: TreeHash): AuditHead {
    const edge = this.edge();
    return { size: edge.size, root: edgeRoot(crypto, edge) };
  }

  /**
   * From which index of the tree on entries are of that time or later, by the owner's clock: the first such entry decides, also where the
   * clock went back after it, and with it those right before it that were written while the clock was behind what it had said: whoever set it
   * back may have done so later than that time. A clock that has caught up by then is not told from one that was right. The size of the tree
   * where there is none.
   *
   * @param at milliseconds since 1970
   * @throws TalosError VAULT_CORRUPT
   */
  indexSince(at: number): number {
    const entries = this.list();
    const found = entries.findIndex((entry) => entry.at >= at);
    const end = found < 0 ? entries.length : found;
    let newest = 0;
    let index = 0;
    for (const [place, entry] of entries.slice(0, end).entries()) {
      if (entry.at < newest) continue;
      newest = entry.at;
      index = place + 1;
    }
    return index;
  }

  /** As it is kept; undefined where it is damaged, and in a vault of format 1 until its first append. */
  storedEdge(): TreeEdge | undefined {
    const row = this.store.get("SELECT edge FROM audit_edge WHERE id = 1");
    try {
      return row && decodeEdge(bytes(row, "edge"));
    } catch (error) {
      if (!isTalosError(error)) throw error;
      return undefined;
    }
  }

  /** An edge that is lost is no loss: the entries have it, and whether they are the right ones the signed heads say. */
  protected edge(): TreeEdge {
    return this.storedEdge() ?? this.stored().reduce(withLeaf, EMPTY_EDGE);
  }
}

export class Audit extends AuditReader {
  /**
   * @throws TalosError INVALID_ARGUMENT for a time before 1970: the entry could not be read again; MALFORMED for details beyond their bounds;
   *   VAULT_CORRUPT
   */
  append(added: NewAuditEntry): void {
    checkTime(added.at);
    const generation = number(this.store.get("SELECT generation FROM vault WHERE id = 1") ?? {}, "generation");
    const entry = encodeAuditEntry(added, generation);
    const before = this.edge();
    const edge = withLeaf(before, entry);
    const newest = number(this.store.get("SELECT coalesce(max(ord), 0) AS newest FROM audit") ?? {}, "newest");
    // Where somebody took entries out or put some in, the two differ: the place stays a gap that every check finds.
    this.store.run("INSERT INTO audit (ord, entry) VALUES (?, ?)", Math.max(newest, before.size) + 1, entry);
    this.#keepEdge(edge);
  }

  /**
   * The record of a life before, byte for byte, into an empty one.
   *
   * @param entries as they were stored, oldest first
   * @param head over all of them
   * @throws TalosError AUDIT_INVALID where the entries are others than the head's, or cannot be read; VAULT_CORRUPT where there is a record already
   */
  restore(entries: readonly Uint8Array[], head: AuditHead): void {
    if (this.count() > 0) throw talosError("VAULT_CORRUPT");
    let edge = EMPTY_EDGE;
    for (const [index, entry] of entries.entries()) {
      decodeAuditEntry(entry, index + 1);
      edge = withLeaf(edge, entry);
      this.store.run("INSERT INTO audit (ord, entry) VALUES (?, ?)", index + 1, entry);
    }
    if (edge.size !== head.size || !equalBytes(edgeRoot(HASH, edge), head.root)) {
      throw talosError("AUDIT_INVALID", undefined, { details: { reason: "root" } });
    }
    this.#keepEdge(edge);
  }

  #keepEdge(edge: TreeEdge): void {
    this.store.run("INSERT INTO audit_edge (id, edge) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET edge = excluded.edge", encodeEdge(edge));
  }
}

function withLeaf(edge: TreeEdge, entry: Uint8Array): TreeEdge {
  return appendLeaf(HASH, edge, auditLeaf(entry, HASH));
}

function toEntry(row: SqlRow): AuditEntry {
  const order = number(row, "ord");
  try {
    return decodeAuditEntry(bytes(row, "entry"), order);
  } catch (cause) {
    throw talosError("VAULT_CORRUPT", "An entry of the audit trail is damaged.", { cause, details: { table: "audit", row: order } });
  }
}
