/** The hashes of the Merkle tree of RFC 6962, section 2.1 (the same in RFC 9162). Leaves and nodes have their own prefix. */
import type { Crypto } from "../primitives/crypto.ts";

/** All that a tree needs of the cryptography. */
export type TreeHash = Pick<Crypto, "sha256">;

const LEAF_PREFIX = Uint8Array.of(0);
const NODE_PREFIX = Uint8Array.of(1);

/** SHA-256(0x00 || entry), the entry given in parts. */
export function leafHash(crypto: TreeHash, ...entry: readonly Uint8Array[]): Uint8Array {
  return crypto.sha256(LEAF_PREFIX, ...entry);
}

/** SHA-256(0x01 || left || right) */
export function nodeHash(crypto: TreeHash, left: Uint8Array, right: Uint8Array): Uint8Array {
  return crypto.sha256(NODE_PREFIX, left, right);
}

/** SHA-256("") */
export function emptyRoot(crypto: TreeHash): Uint8Array {
  return crypto.sha256(new Uint8Array(0));
}

/** The largest power of two below n, for n > 1. */
export function splitPoint(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}
