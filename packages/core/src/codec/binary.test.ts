import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";

import { toHex } from "../bytes/hex.ts";
import { isTalosError } from "../errors/talos-error.ts";
import { BinaryReader, BinaryWriter } from "./binary.ts";

type Field = readonly ["u8" | "u16" | "u32" | "u64", number] | readonly ["bytes", Uint8Array];

const isInvalid = (error: unknown): boolean => isTalosError(error, "INVALID_ARGUMENT");
const isMalformed = (error: unknown): boolean => isTalosError(error, "MALFORMED");

const fields: fc.Arbitrary<Field[]> = fc.array(
  fc.oneof(
    fc.tuple(fc.constant("u8" as const), fc.nat(0xff)),
    fc.tuple(fc.constant("u16" as const), fc.nat(0xffff)),
    fc.tuple(fc.constant("u32" as const), fc.nat(0xffff_ffff)),
    fc.tuple(fc.constant("u64" as const), fc.maxSafeNat()),
    fc.tuple(fc.constant("bytes" as const), fc.uint8Array({ maxLength: 40 })),
  ),
  { maxLength: 12 },
);

function write(layout: readonly Field[], capacity?: number): Uint8Array {
  const writer = new BinaryWriter(capacity);
  for (const field of layout) {
    if (field[0] === "bytes") writer.bytes(field[1]);
    else writer[field[0]](field[1]);
  }
  return writer.finish();
}

test("every layout comes back as it went, whatever the capacity", () => {
  fc.assert(
    fc.property(fields, fc.nat(64), (layout, capacity) => {
      const bytes = write(layout, capacity);
      assert.deepEqual(bytes, write(layout));
      assert.equal(bytes.buffer.byteLength, bytes.length);
      const reader = new BinaryReader(bytes, "layout");
      for (const field of layout) {
        if (field[0] === "bytes") assert.deepEqual(reader.bytes(field[1].length), new Uint8Array(field[1]));
        else assert.equal(reader[field[0]](), field[1]);
      }
      reader.end();
    }),
  );
});

test("any cut is refused, and any byte more", () => {
  fc.assert(
    fc.property(fields, fc.nat(), (layout, cut) => {
      const bytes = write(layout);
      if (bytes.length === 0) return;
      const readAll = (input: Uint8Array): void => {
        const reader = new BinaryReader(input, "layout");
        for (const field of layout) {
          if (field[0] === "bytes") reader.bytes(field[1].length);
          else reader[field[0]]();
        }
        reader.end();
      };
      readAll(bytes);
      assert.throws(() => readAll(bytes.slice(0, cut % bytes.length)), isMalformed);
      assert.throws(() => readAll(Uint8Array.of(...bytes, 0)), isMalformed);
    }),
  );
});

test("integers are big endian", () => {
  const bytes = new BinaryWriter().u8(1).u16(0x0203).u32(0xfffefdfc).u64(0x1f_ffff_ffff_fffe).finish();
  assert.equal(toHex(bytes), "010203fffefdfc001ffffffffffffe");
  const reader = new BinaryReader(bytes, "layout");
  assert.equal(reader.u8(), 1);
  assert.equal(reader.u16(), 0x0203);
  assert.equal(reader.u32(), 0xfffefdfc);
  assert.equal(reader.offset, 7);
  assert.equal(reader.remaining, 8);
  assert.equal(reader.u64(), 0x1f_ffff_ffff_fffe);
});

test("integers that do not fit are refused", () => {
  const writer = new BinaryWriter();
  for (const value of [-1, 256, 1.5, Number.NaN]) assert.throws(() => writer.u8(value), isInvalid);
  assert.throws(() => writer.u16(0x1_0000), isInvalid);
  assert.throws(() => writer.u32(0x1_0000_0000), isInvalid);
  assert.throws(() => writer.u64(2 ** 53), isInvalid);
  assert.equal(writer.length, 0);
  const tooLarge = Uint8Array.of(0, 0x20, 0, 0, 0, 0, 0, 0);
  assert.throws(() => new BinaryReader(tooLarge, "layout").u64(), isMalformed);
});

test("a failed read moves nothing, and a length that is no number is refused", () => {
  const reader = new BinaryReader(Uint8Array.of(1, 2, 3), "layout");
  assert.throws(
    () => reader.u32(),
    (error) => isTalosError(error, "MALFORMED") && error.details["structure"] === "layout",
  );
  assert.throws(() => reader.bytes(Number.NaN), isMalformed);
  assert.throws(() => reader.bytes(-1), isMalformed);
  assert.throws(() => reader.bytes(1.5), isMalformed);
  assert.equal(reader.offset, 0);
  assert.deepEqual(reader.rest(), Uint8Array.of(1, 2, 3));
  assert.deepEqual(reader.rest(), new Uint8Array(0));
  reader.end();
});

test("bytes are copies, views are not", () => {
  const input = Uint8Array.of(1, 2, 3, 4);
  const reader = new BinaryReader(input, "layout");
  const copy = reader.bytes(2);
  const view = reader.view(2);
  input.fill(9);
  assert.deepEqual(copy, Uint8Array.of(1, 2));
  assert.deepEqual(view, Uint8Array.of(9, 9));
});

test("a reader over a view stays inside it", () => {
  const reader = new BinaryReader(Uint8Array.of(9, 1, 2, 9).subarray(1, 3), "layout");
  assert.equal(reader.u16(), 0x0102);
  assert.throws(() => reader.u8(), isMalformed);
});
