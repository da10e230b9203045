/** Roots and proofs from all leaves at hand (RFC 6962, 2.1). A proof is the list of 32-byte hashes of the RFC. */
import { talosError } from "../errors/talos-error.ts";
import { emptyRoot, nodeHash, splitPoint, type TreeHash } from "./hashes.ts";

/** The tree hash over leaf hashes (from `leafHash`). */
export function treeRoot(crypto: TreeHash, leafHashes: readonly Uint8Array[]): Uint8Array {
  if (leafHashes.length === 0) return emptyRoot(crypto);
  return subtreeRoot(crypto, leafHashes, 0, leafHashes.length);
}

/** PATH(m, D[n]), lowest first. @throws TalosError INVALID_ARGUMENT for an index outside the tree */
export function inclusionPath(crypto: TreeHash, leafHashes: readonly Uint8Array[], index: number): Uint8Array[] {
  if (!Number.isInteger(index) || index < 0 || index >= leafHashes.length) {
    throw talosError("INVALID_ARGUMENT", "The leaf is not in the tree.");
  }
  const path: Uint8Array[] = [];
  let start = 0;
  let end = leafHashes.length;
  while (end - start > 1) {
    const middle = start + splitPoint(end - start);
    if (index < middle) {
      path.push(subtreeRoot(crypto, leafHashes, middle, end));
      end = middle;
    } else {
      path.push(subtreeRoot(crypto, leafHashes, start, middle));
      start = middle;
    }
  }
  return path.reverse();
}

/**
 * The inclusion paths of all leaves at once, in the time of one tree instead of one tree per leaf.
 * For a publisher that hands out every leaf with its path.
 */
export function allInclusionPaths(crypto: TreeHash, leafHashes: readonly Uint8Array[]): Uint8Array[][] {
  const paths: Uint8Array[][] = leafHashes.map(() => []);
  const fill = (start: number, end: number): Uint8Array => {
    if (end - start === 1) return leafHashes[start] as Uint8Array;
    const middle = start + splitPoint(end - start);
    const left = fill(start, middle);
    const right = fill(middle, end);
    for (let i = start; i < middle; i++) paths[i]?.push(right);
    for (let i = middle; i < end; i++) paths[i]?.push(left);
    return nodeHash(crypto, left, right);
  };
  if (leafHashes.length > 0) fill(0, leafHashes.length);
  return paths;
}

/**
 * PROOF(m, D[n]): that the tree of the first `oldSize` leaves is a prefix of this one. Empty for `oldSize` 0 or n.
 *
 * @throws TalosError INVALID_ARGUMENT for an old size that is larger than the tree
 */
export function consistencyProof(crypto: TreeHash, leafHashes: readonly Uint8Array[], oldSize: number): Uint8Array[] {
  if (!Number.isInteger(oldSize) || oldSize < 0 || oldSize > leafHashes.length) {
    throw talosError("INVALID_ARGUMENT", "The old tree is larger than the tree.");
  }
  const proof: Uint8Array[] = [];
  if (oldSize === 0 || oldSize === leafHashes.length) return proof;
  let start = 0;
  let end = leafHashes.length;
  let isWholeOldTree = true;
  while (oldSize !== end) {
    const middle = start + splitPoint(end - start);
    if (oldSize <= middle) {
      proof.push(subtreeRoot(crypto, leafHashes, middle, end));
      end = middle;
    } else {
      proof.push(subtreeRoot(crypto, leafHashes, start, middle));
      start = middle;
      isWholeOldTree = false;
    }
  }
  if (!isWholeOldTree) proof.push(subtreeRoot(crypto, leafHashes, start, end));
  return proof.reverse();
}

function subtreeRoot(crypto: TreeHash, leafHashes: readonly Uint8Array[], start: number, end: number): Uint8Array {
  if (end - start === 1) return leafHashes[start] as Uint8Array;
  const middle = start + splitPoint(end - start);
  return nodeHash(crypto, subtreeRoot(crypto, leafHashes, start, middle), subtreeRoot(crypto, leafHashes, middle, end));
}
