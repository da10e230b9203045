// The tree of a batch's statements, as its owner and a directory build it. Must not know signatures.
// Source: docs/protocol/prekeys.md, "Batch".
import { compareBytes } from "../bytes/bytes.ts";
import { talosError } from "../errors/talos-error.ts";
import { allInclusionPaths, treeRoot } from "../merkle/tree.ts";
import type { Crypto } from "../primitives/crypto.ts";
import { MAX_BATCH_STATEMENTS } from "./batch.ts";
import { decodeStatement, statementLeaf, type PrekeyStatement } from "./statement.ts";

/** A statement as a claim hands it out: its place in the tree, and the path to the root (32-byte hashes). */
export interface PlacedStatement {
  readonly statement: Uint8Array;
  readonly index: number;
  readonly path: readonly Uint8Array[];
}

export interface BatchTree {
  /** All statements, ordered by id. */
  readonly ordered: readonly PrekeyStatement[];
  /** 32 bytes. */
  readonly root: Uint8Array;
  /** Throws INVALID_ARGUMENT for an index outside the tree. */
  place(index: number): PlacedStatement;
}

/**
 * The tree over all statements of a batch, in whatever order they are given.
 *
 * @throws TalosError BATCH_INVALID for none or more than 1,001, for an id that occurs twice, and unless exactly one is a signed prekey;
 *   MALFORMED and others of `decodeStatement`
 */
export function batchTree(statements: readonly Uint8Array[], crypto: Pick<Crypto, "sha256">): BatchTree {
  const ordered = statements.map(decodeStatement).sort((a, b) => compareBytes(a.id, b.id));
  if (ordered.filter(({ kind }) => kind === "signed-prekey").length !== 1)
    throw talosError("BATCH_INVALID", "A batch has exactly one signed prekey.");
  const leaves = orderedLeaves(ordered.map(({ id, wire }) => ({ id, leafHash: statementLeaf(wire, crypto) })));
  const paths = allInclusionPaths(crypto, leaves);
  return {
    ordered,
    root: treeRoot(crypto, leaves),
    place(index) {
      const statement = ordered[index];
      const path = paths[index];
      if (statement === undefined || path === undefined) throw talosError("INVALID_ARGUMENT", "No statement has this index.");
      return { statement: statement.wire, index, path };
    },
  };
}

export interface BatchLeaf {
  readonly id: Uint8Array;
  readonly leafHash: Uint8Array;
}

/** The leaf hashes in the order of their ids. Throws BATCH_INVALID for none, too many, or an id that occurs twice. */
export function orderedLeaves(leaves: readonly BatchLeaf[]): readonly Uint8Array[] {
  if (leaves.length === 0 || leaves.length > MAX_BATCH_STATEMENTS) throw talosError("BATCH_INVALID", "A batch has 1 to 1,001 statements.");
  const ordered = leaves.toSorted((a, b) => compareBytes(a.id, b.id));
  ordered.forEach(({ id }, index) => {
    const next = ordered[index + 1];
    if (next !== undefined && compareBytes(id, next.id) === 0) throw talosError("BATCH_INVALID", "An id occurs twice in the batch.");
  });
  return ordered.map(({ leafHash }) => leafHash);
}
