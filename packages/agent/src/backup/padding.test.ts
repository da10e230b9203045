import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { nodeCrypto, revealSecret, SecretBytes } from "@talos/core";
import { hasCode } from "@talos/testkit";
import { isPaddedLength, MAX_PADDED_BYTES, MIN_PADDED_BYTES, pad, unpad } from "./padding.ts";

function unpadded(padded: SecretBytes): { readonly secrets: string[]; readonly content: Uint8Array } {
  using owner = new DisposableStack();
  const { secrets, content } = unpad(padded, owner);
  return { secrets: secrets.map((one) => Buffer.from(revealSecret(one)).toString("hex")), content: content.slice() };
}

function damaged(change: (bytes: Uint8Array) => void): SecretBytes {
  const bytes = revealSecret(pad([nodeCrypto.randomSecret(32)], Uint8Array.of(1, 2, 3))).slice();
  change(bytes);
  return SecretBytes.copyOf(bytes);
}

test("what is padded comes out again, and its length says little", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 3 }), fc.nat(200_000), (keys, length) => {
      const content = new Uint8Array(length).fill(7);
      const padded = pad(
        keys.map((key) => SecretBytes.copyOf(key)),
        content,
      );
      const inside = 1 + 32 * keys.length + 8 + length;
      assert.ok(isPaddedLength(padded.length));
      assert.ok(padded.length >= inside && padded.length <= Math.max(MIN_PADDED_BYTES, inside * 1.12));
      assert.deepEqual(unpadded(padded), { secrets: keys.map((key) => Buffer.from(key).toString("hex")), content });
    }),
    { numRuns: 40 },
  );
});

test("few lengths are possible at all", () => {
  const lengths = Array.from({ length: 131_072 - 65_536 }, (_, at) => 65_536 + at).filter(isPaddedLength);
  assert.equal(lengths.length, 32);
  assert.deepEqual([0, 1, 65_535, MAX_PADDED_BYTES + 1, 67_108_864, 2 ** 53].filter(isPaddedLength), []);
  assert.ok(isPaddedLength(MAX_PADDED_BYTES));
});

test("anything but what padding gives is damage", () => {
  const cases: readonly (readonly [string, (bytes: Uint8Array) => void])[] = [
    ["four keys", (bytes) => bytes.set([4])],
    ["keys without end", (bytes) => bytes.set([255])],
    ["a length beyond the end", (bytes) => bytes.set([0, 0, 0, 0, 0, 1, 0, 0], 33)],
    ["a length beyond all bounds", (bytes) => bytes.set([255, 255, 255, 255, 255, 255, 255, 255], 33)],
    ["a byte that is no zero", (bytes) => bytes.set([1], 60_000)],
    ["the last one", (bytes) => bytes.set([1], bytes.length - 1)],
    ["a shorter content", (bytes) => bytes.set([2], 40)],
  ];
  for (const [name, change] of cases) assert.throws(() => unpadded(damaged(change)), hasCode("BACKUP_DAMAGED"), name);
  for (const length of [0, 1, 65_535, 65_536 + 2_048])
    assert.throws(() => unpadded(SecretBytes.copyOf(new Uint8Array(length))), hasCode("BACKUP_DAMAGED"), `${length} bytes`);
});

test("keys of another length, and too many of them, are not padded", () => {
  assert.throws(() => pad([nodeCrypto.randomSecret(31)], new Uint8Array(0)), hasCode("INVALID_ARGUMENT"));
  const four = [1, 2, 3, 4].map(() => nodeCrypto.randomSecret(32));
  assert.throws(() => pad(four, new Uint8Array(0)), hasCode("INVALID_ARGUMENT"));
});

test("what came out is wiped with its owner", () => {
  const owner = new DisposableStack();
  const { secrets, content } = unpad(pad([nodeCrypto.randomSecret(32)], Uint8Array.of(1, 2, 3)), owner);
  owner.dispose();
  assert.ok(secrets.every(({ isDisposed }) => isDisposed) && content.every((byte) => byte === 0));
});
