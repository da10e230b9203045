/**
 * Where a large value of a row goes: into a table of its own, so that a change of the row's state does not write a
 * message of megabytes again. Small values stay in their row, which saves a page per commit.
 */
import { bytes, optionalBytes } from "./columns.ts";
import type { SqlRow, Store } from "./store.ts";

/** Half a page: most text messages stay below it. */
const INLINE_BYTES = 2048;

export type LargeOwner = "outbox-body" | "outbox-envelope" | "inbox-body";

/** What stands in the row itself. */
export function inlinePart(value: Uint8Array | undefined): Uint8Array | undefined {
  return value !== undefined && value.length <= INLINE_BYTES ? value : undefined;
}

/** Stores what `inlinePart` left out. */
export function putLarge(store: Store, owner: LargeOwner, order: number, value: Uint8Array | undefined): void {
  if (value === undefined || value.length <= INLINE_BYTES) return;
  store.run(
    "INSERT INTO large_values (owner, ord, bytes) VALUES (?, ?, ?) ON CONFLICT (owner, ord) DO UPDATE SET bytes = excluded.bytes",
    owner,
    order,
    value,
  );
}

/** The value, from its row or from the table of large ones; undefined when it was dropped. */
export function readLarge(store: Store, owner: LargeOwner, order: number, row: SqlRow, column: string): Uint8Array | undefined {
  const inline = optionalBytes(row, column);
  if (inline !== undefined) return inline;
  const large = store.get("SELECT bytes FROM large_values WHERE owner = ? AND ord = ?", owner, order);
  return large && bytes(large, "bytes");
}

/** The same value, sealed anew. */
export function replaceLarge(store: Store, owner: LargeOwner, order: number, value: Uint8Array): void {
  store.run("UPDATE large_values SET bytes = ? WHERE owner = ? AND ord = ?", value, owner, order);
}

export function dropLarge(store: Store, owner: LargeOwner, order: number): void {
  store.run("DELETE FROM large_values WHERE owner = ? AND ord = ?", owner, order);
}
