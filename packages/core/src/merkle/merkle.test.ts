/** The tree of RFC 6962, section 2.1, against the recursive definitions of the RFC and its published roots. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";

import { concatBytes } from "../bytes/bytes.ts";
import { fromHex, toHex } from "../bytes/hex.ts";
import { isTalosError } from "../errors/talos-error.ts";
import { nodeCrypto as crypto } from "../primitives/node-crypto.ts";
import { appendLeaf, decodeEdge, edgeRoot, EMPTY_EDGE, encodeEdge, type TreeEdge } from "./edge.ts";
import { emptyRoot, leafHash, nodeHash } from "./hashes.ts";
import { allInclusionPaths, consistencyProof, inclusionPath, treeRoot } from "./tree.ts";
import { verifyConsistency, verifyInclusion } from "./verify.ts";

const isInvalid = (error: unknown): boolean => isTalosError(error, "INVALID_ARGUMENT");
const isMalformed = (error: unknown): boolean => isTalosError(error, "MALFORMED");

/** The leaves of Certificate Transparency's reference tests. */
const CT_LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"].map((hex) =>
  leafHash(crypto, fromHex(hex)),
);

const CT_ROOTS = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

function leaves(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => leafHash(crypto, Uint8Array.of(i & 0xff, i >> 8)));
}

/** MTH of RFC 6962, 2.1, word for word. */
function definedRoot(hashes: readonly Uint8Array[]): Uint8Array {
  if (hashes.length === 0) return emptyRoot(crypto);
  if (hashes.length === 1) return hashes[0] as Uint8Array;
  const k = 2 ** Math.floor(Math.log2(hashes.length - 1));
  return crypto.sha256(Uint8Array.of(1), definedRoot(hashes.slice(0, k)), definedRoot(hashes.slice(k)));
}

/** PATH of RFC 6962, 2.1.1, word for word. */
function definedPath(m: number, hashes: readonly Uint8Array[]): Uint8Array[] {
  if (hashes.length === 1) return [];
  const k = 2 ** Math.floor(Math.log2(hashes.length - 1));
  return m < k
    ? [...definedPath(m, hashes.slice(0, k)), definedRoot(hashes.slice(k))]
    : [...definedPath(m - k, hashes.slice(k)), definedRoot(hashes.slice(0, k))];
}

/** SUBPROOF of RFC 6962, 2.1.2, word for word. */
function definedProof(m: number, hashes: readonly Uint8Array[], isWhole: boolean): Uint8Array[] {
  if (m === hashes.length) return isWhole ? [] : [definedRoot(hashes)];
  const k = 2 ** Math.floor(Math.log2(hashes.length - 1));
  return m <= k
    ? [...definedProof(m, hashes.slice(0, k), isWhole), definedRoot(hashes.slice(k))]
    : [...definedProof(m - k, hashes.slice(k), false), definedRoot(hashes.slice(0, k))];
}

function edgeOf(hashes: readonly Uint8Array[]): TreeEdge {
  return hashes.reduce((edge, hash) => appendLeaf(crypto, edge, hash), EMPTY_EDGE);
}

test("the roots of Certificate Transparency's reference tree", () => {
  for (const [size, root] of CT_ROOTS.entries()) {
    assert.equal(toHex(treeRoot(crypto, CT_LEAVES.slice(0, size))), root);
    assert.equal(toHex(edgeRoot(crypto, edgeOf(CT_LEAVES.slice(0, size)))), root);
  }
});

test("roots, paths and proofs are those of the RFC's definitions, at every size up to 20", () => {
  for (let size = 0; size <= 20; size++) {
    const hashes = leaves(size);
    assert.deepEqual(treeRoot(crypto, hashes), definedRoot(hashes));
    assert.deepEqual(edgeRoot(crypto, edgeOf(hashes)), definedRoot(hashes));
    const paths = allInclusionPaths(crypto, hashes);
    assert.equal(paths.length, size);
    for (let i = 0; i < size; i++) {
      assert.deepEqual(inclusionPath(crypto, hashes, i), definedPath(i, hashes));
      assert.deepEqual(paths[i], definedPath(i, hashes));
    }
    for (let old = 1; old <= size; old++) {
      assert.deepEqual(consistencyProof(crypto, hashes, old), definedProof(old, hashes, true));
    }
  }
});

test("every honest proof verifies", () => {
  for (let size = 0; size <= 20; size++) {
    const hashes = leaves(size);
    const root = treeRoot(crypto, hashes);
    for (let index = 0; index < size; index++) {
      const path = inclusionPath(crypto, hashes, index);
      assert.ok(verifyInclusion(crypto, { leafHash: hashes[index] as Uint8Array, index, size, path, root }));
    }
    for (let oldSize = 0; oldSize <= size; oldSize++) {
      const oldRoot = treeRoot(crypto, hashes.slice(0, oldSize));
      assert.ok(verifyConsistency(crypto, { oldSize, oldRoot, size, root, proof: consistencyProof(crypto, hashes, oldSize) }));
    }
  }
});

test("an inclusion claim with anything changed is refused", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(), fc.nat(), (size, at, other) => {
      const hashes = leaves(size);
      const index = at % size;
      const path = inclusionPath(crypto, hashes, index);
      const claim = { leafHash: hashes[index] as Uint8Array, index, size, path, root: treeRoot(crypto, hashes) };
      const stranger = leafHash(crypto, Uint8Array.of(1, 2, 3));
      const lies = [
        { ...claim, leafHash: stranger },
        { ...claim, root: stranger },
        { ...claim, index: (index + 1 + (other % Math.max(1, size - 1))) % size },
        { ...claim, index: size },
        { ...claim, index: -1 },
        { ...claim, index: index + 0.5 },
        { ...claim, size: size + 2 ** path.length },
        { ...claim, path: [...path, stranger] },
        { ...claim, path: path.slice(1) },
        { ...claim, path: path.map((hash, i) => (i === other % path.length ? stranger : hash)) },
        { ...claim, path: path.map((hash) => hash.subarray(1)) },
      ];
      for (const lie of lies) {
        const isSame = lie.index === index && lie.size === size && lie.path.length === path.length && path.length === 0;
        if (isSame && lie.leafHash === claim.leafHash && lie.root === claim.root) continue;
        assert.ok(!verifyInclusion(crypto, lie));
      }
    }),
  );
});

test("a consistency claim with anything changed is refused", () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 40 }), fc.nat(), fc.nat(), (size, at, other) => {
      const hashes = leaves(size);
      const oldSize = 1 + (at % (size - 1));
      const proof = consistencyProof(crypto, hashes, oldSize);
      const claim = { oldSize, oldRoot: treeRoot(crypto, hashes.slice(0, oldSize)), size, root: treeRoot(crypto, hashes), proof };
      assert.ok(verifyConsistency(crypto, claim));
      const stranger = leafHash(crypto, Uint8Array.of(1, 2, 3));
      const lies = [
        { ...claim, oldRoot: stranger },
        { ...claim, root: stranger },
        { ...claim, oldRoot: claim.root },
        { ...claim, oldSize: 0 },
        { ...claim, oldSize: size },
        { ...claim, oldSize: size + 1 },
        { ...claim, oldSize: -1 },
        { ...claim, proof: [...proof, stranger] },
        { ...claim, proof: proof.slice(1) },
        { ...claim, proof: [] },
        { ...claim, proof: proof.map((hash, i) => (i === other % proof.length ? stranger : hash)) },
      ];
      for (const lie of lies) assert.ok(!verifyConsistency(crypto, lie));
    }),
  );
});

test("a tree with one changed leaf is not consistent with the old one", () => {
  const hashes = leaves(13);
  const changed = hashes.with(2, leafHash(crypto, Uint8Array.of(9)));
  const claim = { oldSize: 6, oldRoot: treeRoot(crypto, hashes.slice(0, 6)), size: 13, root: treeRoot(crypto, changed) };
  assert.ok(!verifyConsistency(crypto, { ...claim, proof: consistencyProof(crypto, changed, 6) }));
});

test("a proof that goes on above the claimed root is refused: the size counts, not only the hashes", () => {
  const hashes = leaves(8);
  const [left, right] = hashes as [Uint8Array, Uint8Array];
  const root = treeRoot(crypto, [left, right]);
  assert.ok(verifyInclusion(crypto, { leafHash: right, index: 1, size: 2, path: [left], root }));
  assert.ok(!verifyInclusion(crypto, { leafHash: right, index: 0, size: 1, path: [left], root }));
  const claim = {
    oldRoot: treeRoot(crypto, hashes.slice(0, 7)),
    root: treeRoot(crypto, hashes),
    proof: consistencyProof(crypto, hashes, 7),
  };
  assert.ok(verifyConsistency(crypto, { ...claim, oldSize: 7, size: 8 }));
  assert.ok(!verifyConsistency(crypto, { ...claim, oldSize: 3, size: 4 }));
});

test("a leaf and a node never hash alike", () => {
  const [left, right] = leaves(2) as [Uint8Array, Uint8Array];
  assert.notDeepEqual(leafHash(crypto, left, right), nodeHash(crypto, left, right));
  assert.deepEqual(leafHash(crypto, left, right), leafHash(crypto, concatBytes(left, right)));
});

test("proofs of what is not in the tree are refused", () => {
  for (const index of [-1, 3, 0.5]) assert.throws(() => inclusionPath(crypto, leaves(3), index), isInvalid);
  for (const size of [-1, 4, 0.5]) assert.throws(() => consistencyProof(crypto, leaves(3), size), isInvalid);
});

test("an edge survives storage and goes on growing; appending leaves the old state as it was", () => {
  let edge = EMPTY_EDGE;
  for (const [i, hash] of leaves(70).entries()) {
    const before = encodeEdge(edge);
    const next = appendLeaf(crypto, decodeEdge(before), hash);
    assert.deepEqual(encodeEdge(edge), before);
    edge = next;
    assert.deepEqual(edgeRoot(crypto, edge), treeRoot(crypto, leaves(i + 1)));
  }
});

test("a stored edge that is damaged is refused", () => {
  const encoded = encodeEdge(edgeOf(leaves(5)));
  const otherSize = new Uint8Array(encoded);
  otherSize[7] = 7;
  for (const bad of [new Uint8Array(0), encoded.subarray(0, 40), concatBytes(encoded, new Uint8Array(32)), otherSize]) {
    assert.throws(() => decodeEdge(bad), isMalformed);
  }
});
