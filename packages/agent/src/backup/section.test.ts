import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { decodeCbor, encodeCbor } from "@talos/core";
import { hasCode } from "@talos/testkit";
import { encodeSection, framedBytes, ItemBudget, type ListBounds, readSection, sectionBytes } from "./section.ts";

/** How many items were taken before it was refused. */
function takenOf(bytes: Uint8Array, bounds: ListBounds = {}): number {
  let taken = 0;
  assert.throws(() => readSection(bytes, "test", bounds, () => taken++), hasCode("MALFORMED"));
  return taken;
}

/** A head that claims so many, and so many empty byte strings after it. */
function claiming(count: number, present: number): Uint8Array {
  const bytes = new Uint8Array(5 + present).fill(0x40, 5);
  bytes[0] = 0x9a;
  new DataView(bytes.buffer).setUint32(1, count);
  return bytes;
}

const anyItems = fc.oneof(
  fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 30 }),
  fc.nat(300).map((count) => Array.from({ length: count }, () => new Uint8Array(0))),
);

test("a list comes back item by item, and its length is known beforehand", () => {
  fc.assert(
    fc.property(anyItems, (items) => {
      const bytes = encodeSection(items);
      assert.deepEqual(
        readSection(bytes, "test", {}, (item) => new Uint8Array(item)),
        items,
      );
      assert.equal(sectionBytes(items), bytes.length);
      assert.equal(
        items.reduce((sum, { length }) => sum + framedBytes(length), 0),
        encodeCbor(items).length - encodeCbor(items.length).length,
      );
    }),
  );
  const long = [new Uint8Array(65_536), new Uint8Array(65_535)];
  assert.equal(sectionBytes(long), encodeSection(long).length);
  assert.deepEqual(
    readSection(encodeSection(long), "test", {}, ({ length }) => length),
    [65_536, 65_535],
  );
});

test("of bytes with one bit flipped only what the other decoder reads too is read, and the same", () => {
  const whole = encodeSection([Uint8Array.of(1, 2, 3), new Uint8Array(0), new Uint8Array(40).fill(7), new Uint8Array(300).fill(8)]);
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const flipped = whole.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    let read: Uint8Array[];
    try {
      read = readSection(flipped, "test", {}, (item) => new Uint8Array(item));
    } catch (error) {
      assert.ok(hasCode("MALFORMED")(error));
      continue;
    }
    assert.deepEqual(read, decodeCbor(flipped));
  }
});

test("failure 35: a list that is too long is refused before its first item is taken", () => {
  const million = claiming(1_000_000, 1_000_000);
  assert.equal(takenOf(million, { max: 999_999 }), 0);
  assert.equal(takenOf(million, { budget: new ItemBudget(999_999) }), 0);
  for (const count of [65_536, 1_000_000, 0xffff_ffff]) assert.equal(takenOf(claiming(count, 10)), 0);
  assert.equal(takenOf(encodeSection([new Uint8Array(3), new Uint8Array(5)]), { most: 4 }), 1);
});

test("lists that share a budget are bounded together", () => {
  const budget = new ItemBudget(10);
  const list = encodeSection(Array.from({ length: 6 }, () => new Uint8Array(1)));
  assert.equal(readSection(list, "test", { budget }, (item) => item).length, 6);
  assert.equal(takenOf(list, { budget }), 0);
  assert.equal(readSection(encodeSection([new Uint8Array(1)]), "test", { budget }, (item) => item).length, 1);
});

test("whatever is no list of byte strings in its one encoding is refused", () => {
  const cases: readonly (readonly [string, readonly number[]])[] = [
    ["nothing", []],
    ["a byte string", [0x41, 0x00]],
    ["a map", [0xa0]],
    ["an endless list", [0x9f, 0xff]],
    ["a length of eight bytes", [0x9b, 0, 0, 0, 0, 0, 0, 0, 0]],
    ["a length that is longer than it must be", [0x98, 0x01, 0x40]],
    ["the same in two bytes", [0x99, 0x00, 0x01, 0x40]],
    ["the same in four", [0x9a, 0, 0, 0, 1, 0x40]],
    ["an item whose length is longer than it must be", [0x81, 0x58, 0x01, 0x00]],
    ["a text", [0x81, 0x61, 0x61]],
    ["a list in a list", [0x81, 0x80]],
    ["an endless item", [0x81, 0x5f, 0xff]],
    ["an item beyond the end", [0x81, 0x42, 0x00]],
    ["bytes after the list", [0x80, 0x00]],
  ];
  for (const [what, bytes] of cases) {
    assert.throws(() => readSection(Uint8Array.from(bytes), "test", {}, (item) => item), hasCode("MALFORMED"), what);
  }
});
