// CBOR, hashes and trees, against outside constants of RFC 5869 and RFC 6962.
import { strict as assert } from "node:assert";
import { diffieHellman } from "node:crypto";
import { describe, it } from "node:test";
import { zeros } from "./build.ts";
import { agentId, refusedAs } from "./examples.ts";
import { agentIdOf, auditPath, decodeCbor, derive, didOf, hex, paddedLength, rootOfPath, sha256, treeHash, unhex } from "./index.ts";
import { isGoodEdwardsPoint, isGoodMontgomeryPoint, SMALL_ORDER_U } from "./curves.ts";
import { privateKeyObject, publicKeyObject, X25519 } from "./keys.ts";

describe("the independent decoder: CBOR, hashes, trees", () => {
  it("takes deterministic CBOR alone", () => {
    assert.deepEqual(decodeCbor(unhex("83010243aabbcc")), [1, 2, unhex("aabbcc")]);
    for (const bad of [
      "1800",
      "1900ff",
      "5f41aa41bbff",
      "9f01ff",
      "a201020102",
      "a202010102",
      "a2020201020101",
      "f97e00",
      "c001",
      "f7",
      "e0",
      "f820",
      "0101",
      "61ff",
      "83",
      "1b0020000000000000",
      "818181818181818181",
    ]) {
      refusedAs("malformed", () => decodeCbor(unhex(bad)));
    }
    decodeCbor(unhex("818181818181818001".slice(0, 16)));
  });

  it("derives as RFC 5869, A.3, and hashes trees as RFC 6962", () => {
    assert.equal(
      hex(derive(new Uint8Array(22).fill(0x0b), "", 42)),
      "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    );
    const leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"].map(unhex);
    assert.equal(hex(treeHash(leaves)), "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
    for (let size = 1; size <= 8; size++) {
      const entries = leaves.slice(0, size);
      entries.forEach((entry, index) => {
        const path = auditPath(index, entries);
        assert.deepEqual(rootOfPath(entry, index, size, path), treeHash(entries));
        refusedAs("bundle-invalid", () => rootOfPath(entry, index, size, [...path, zeros(32)]));
      });
    }
  });

  it("pads as Padmé, and writes ids as DIDs and back", () => {
    assert.deepEqual([1, 256, 257, 1000, 1025, 10_000_064].map(paddedLength), [256, 256, 272, 1024, 1088, 10_223_616]);
    assert.equal(agentIdOf(didOf(agentId)), agentId);
    assert.match(didOf(agentId), /^did:talos:zQm/u);
    refusedAs("malformed", () => agentIdOf(`${didOf(agentId)}1`));
  });

  it("refuses keys of small order and keys that are not canonical", () => {
    const p = 2n ** 255n - 19n;
    const edwards = [1n, p - 1n, 0n, 2n ** 255n, p + 1n, 1n + 2n ** 255n, 2n];
    for (const value of edwards) assert.equal(isGoodEdwardsPoint(littleEndianBytes(value)), false);
    for (const value of SMALL_ORDER_U) {
      const point = littleEndianBytes(value);
      assert.equal(isGoodMontgomeryPoint(point), false);
      assert.throws(() =>
        diffieHellman({ privateKey: privateKeyObject(X25519, sha256("any")), publicKey: publicKeyObject(X25519, point) }),
      );
    }
    for (const value of [p, p + 9n, 9n + 2n ** 255n]) assert.equal(isGoodMontgomeryPoint(littleEndianBytes(value)), false);
    assert.equal(isGoodMontgomeryPoint(littleEndianBytes(9n)), true);
  });
});

function littleEndianBytes(value: bigint): Uint8Array {
  return unhex(value.toString(16).padStart(64, "0")).toReversed();
}
