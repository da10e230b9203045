/**
 * A tree that grows, known by its right edge: the roots of its complete subtrees, largest first, one for each bit of
 * its size. Enough to append leaves and to name the root, without the leaves. States are values: appending gives a new
 * one.
 */
import { talosError } from "../errors/talos-error.ts";
import { BinaryReader, BinaryWriter } from "../codec/binary.ts";
import { emptyRoot, nodeHash, type TreeHash } from "./hashes.ts";

export interface TreeEdge {
  /** Number of leaves. */
  readonly size: number;
  /** 32 bytes each, as many as `size` has one bits. */
  readonly hashes: readonly Uint8Array[];
}

const HASH_BYTES = 32;

export const EMPTY_EDGE: TreeEdge = Object.freeze({ size: 0, hashes: [] });

/** The tree with one more leaf (from `leafHash`). */
export function appendLeaf(crypto: TreeHash, edge: TreeEdge, leaf: Uint8Array): TreeEdge {
  const hashes = [...edge.hashes];
  let hash = leaf;
  // Each trailing one bit of the size is a complete subtree as large as the one that the leaf closes.
  for (let rest = edge.size; rest % 2 === 1; rest = (rest - 1) / 2) {
    hash = nodeHash(crypto, hashes.pop() as Uint8Array, hash);
  }
  hashes.push(hash);
  return { size: edge.size + 1, hashes };
}

/** The tree hash of RFC 6962. */
export function edgeRoot(crypto: TreeHash, edge: TreeEdge): Uint8Array {
  let root: Uint8Array | undefined;
  for (const hash of edge.hashes.toReversed()) root = root === undefined ? hash : nodeHash(crypto, hash, root);
  return root ?? emptyRoot(crypto);
}

/** u64 size || the hashes */
export function encodeEdge(edge: TreeEdge): Uint8Array {
  const writer = new BinaryWriter(8 + HASH_BYTES * edge.hashes.length).u64(edge.size);
  for (const hash of edge.hashes) writer.bytes(hash);
  return writer.finish();
}

/** @throws TalosError MALFORMED */
export function decodeEdge(bytes: Uint8Array): TreeEdge {
  const reader = new BinaryReader(bytes, "tree edge");
  const size = reader.u64();
  if (reader.remaining !== HASH_BYTES * onesIn(size)) {
    throw talosError("MALFORMED", "tree edge: wrong number of hashes.", {
      details: { structure: "tree edge", reason: "wrong number of hashes" },
    });
  }
  const hashes: Uint8Array[] = [];
  while (reader.remaining > 0) hashes.push(reader.bytes(HASH_BYTES));
  return { size, hashes };
}

function onesIn(value: number): number {
  let ones = 0;
  for (let rest = value; rest > 0; rest = Math.floor(rest / 2)) ones += rest % 2;
  return ones;
}
