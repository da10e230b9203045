/** Verification of proofs by someone who has only roots (RFC 9162, 2.1.3.2 and 2.1.4.2). Never throws on input. */
import { equalBytes } from "../bytes/bytes.ts";
import { emptyRoot, nodeHash, type TreeHash } from "./hashes.ts";

const HASH_BYTES = 32;

export interface InclusionClaim {
  readonly leafHash: Uint8Array;
  readonly index: number;
  readonly size: number;
  readonly path: readonly Uint8Array[];
  readonly root: Uint8Array;
}

export interface ConsistencyClaim {
  readonly oldSize: number;
  readonly oldRoot: Uint8Array;
  readonly size: number;
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

export function verifyInclusion(crypto: TreeHash, claim: InclusionClaim): boolean {
  const { leafHash, index, size, path, root } = claim;
  if (!isSize(size) || !isSize(index) || index >= size || !areHashes([leafHash, root, ...path])) return false;
  let position = index;
  let last = size - 1;
  let hash = leafHash;
  for (const sibling of path) {
    if (last === 0) return false;
    if (isOdd(position) || position === last) {
      hash = nodeHash(crypto, sibling, hash);
      while (!isOdd(position) && position !== 0) {
        position = half(position);
        last = half(last);
      }
    } else {
      hash = nodeHash(crypto, hash, sibling);
    }
    position = half(position);
    last = half(last);
  }
  return last === 0 && equalBytes(hash, root);
}

export function verifyConsistency(crypto: TreeHash, claim: ConsistencyClaim): boolean {
  const { oldSize, oldRoot, size, root, proof } = claim;
  if (!isSize(oldSize) || !isSize(size) || oldSize > size || !areHashes([oldRoot, root, ...proof])) return false;
  if (oldSize === size) return proof.length === 0 && equalBytes(oldRoot, root);
  if (oldSize === 0) return proof.length === 0 && equalBytes(oldRoot, emptyRoot(crypto));
  return replay(crypto, claim);
}

function replay(crypto: TreeHash, { oldSize, oldRoot, size, root, proof }: ConsistencyClaim): boolean {
  // An old tree of a power of two is itself the first node of the path.
  const path = isPowerOfTwo(oldSize) ? [oldRoot, ...proof] : proof;
  const [first, ...siblings] = path;
  if (first === undefined) return false;
  let position = oldSize - 1;
  let last = size - 1;
  while (isOdd(position)) {
    position = half(position);
    last = half(last);
  }
  let oldHash = first;
  let newHash = first;
  for (const sibling of siblings) {
    if (last === 0) return false;
    if (isOdd(position) || position === last) {
      oldHash = nodeHash(crypto, sibling, oldHash);
      newHash = nodeHash(crypto, sibling, newHash);
      while (!isOdd(position) && position !== 0) {
        position = half(position);
        last = half(last);
      }
    } else {
      newHash = nodeHash(crypto, newHash, sibling);
    }
    position = half(position);
    last = half(last);
  }
  return last === 0 && equalBytes(oldHash, oldRoot) && equalBytes(newHash, root);
}

// Sizes go up to 2^53 - 1, so shifts, which work on 32 bits, are not used.
function half(value: number): number {
  return Math.floor(value / 2);
}

function isOdd(value: number): boolean {
  return value % 2 === 1;
}

function isPowerOfTwo(value: number): boolean {
  let rest = value;
  while (rest % 2 === 0) rest /= 2;
  return rest === 1;
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function areHashes(hashes: readonly Uint8Array[]): boolean {
  return hashes.every((hash) => hash.length === HASH_BYTES);
}
