import assert from "node:assert/strict";
import { test } from "node:test";
import { decode as cborgDecode, encode as cborgEncode, rfc8949EncodeOptions } from "cborg";
import * as fc from "fast-check";

import { fromHex, toHex } from "../bytes/hex.ts";
import { isTalosError } from "../errors/talos-error.ts";
import { decodeCbor, encodeCbor, type CborValue } from "./cbor.ts";

const RUNS = { numRuns: 500 };
const isInvalid = (error: unknown): boolean => isTalosError(error, "INVALID_ARGUMENT");

function refusal(reason: string): (error: unknown) => boolean {
  return (error) => isTalosError(error, "MALFORMED") && error.details["reason"] === reason;
}

/** Integers near every boundary of the encoding. */
const integers: fc.Arbitrary<number | bigint> = fc.oneof(
  fc.maxSafeInteger(),
  fc.constantFrom(0, -1, 23, 24, -24, -25, 255, 256, -256, -257, 65535, 65536, -65537, 2 ** 32 - 1, 2 ** 32, -(2 ** 32) - 1),
  fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2n ** 53n, -(2n ** 53n), 2n ** 64n - 1n, -(2n ** 64n)),
);
const keys: fc.Arbitrary<number | string> = fc.oneof(fc.integer({ min: -300, max: 300 }), fc.string({ maxLength: 5 }));

const values: fc.Arbitrary<CborValue> = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    integers,
    fc.string({ unit: "grapheme", maxLength: 30 }),
    fc.uint8Array({ maxLength: 300 }),
    fc.constantFrom(true, false, null),
    fc.array(tie("value"), { maxLength: 5 }),
    fc.array(fc.tuple(keys, tie("value")), { maxLength: 5 }).map((entries) => new Map(entries)),
  ),
})).value;

function decodesOrRefuses(bytes: Uint8Array): CborValue | undefined {
  try {
    return decodeCbor(bytes);
  } catch (error) {
    assert.ok(isTalosError(error, "MALFORMED"), String(error));
    return undefined;
  }
}

test("every value comes back as it went", () => {
  fc.assert(
    fc.property(values, (value) => {
      assert.deepEqual(normal(decodeCbor(encodeCbor(value))), normal(value));
    }),
    RUNS,
  );
});

test("cborg encodes every value to the same bytes and reads ours", () => {
  fc.assert(
    fc.property(values, (value) => {
      const ours = encodeCbor(value);
      assert.equal(toHex(cborgEncode(value, rfc8949EncodeOptions)), toHex(ours));
      const theirs = cborgDecode(ours, { useMaps: true, strict: true, rejectDuplicateMapKeys: true }) as CborValue;
      assert.deepEqual(normal(theirs), normal(value));
    }),
    RUNS,
  );
});

test("bytes that are accepted are the one encoding of their value", () => {
  const nearlyCbor = fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    // Heads of every major type and length, so that random input gets past the first byte.
    fc
      .array(fc.constantFrom(0x00, 0x17, 0x18, 0x19, 0x20, 0x40, 0x41, 0x60, 0x61, 0x80, 0x81, 0x82, 0xa0, 0xa1, 0xa2, 0xf4, 0xf6), {
        maxLength: 12,
      })
      .map((bytes) => Uint8Array.from(bytes)),
  );
  fc.assert(
    fc.property(nearlyCbor, (bytes) => {
      const value = decodesOrRefuses(bytes);
      if (value !== undefined) assert.equal(toHex(encodeCbor(value)), toHex(bytes));
    }),
    { numRuns: 3000 },
  );
});

test("a flipped, cut or lengthened encoding is refused or is the encoding of another value", () => {
  fc.assert(
    fc.property(values, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.nat(), (value, at, flip, cut) => {
      const bytes = encodeCbor(value);
      const flipped = new Uint8Array(bytes);
      const position = at % bytes.length;
      flipped[position] = (flipped[position] as number) ^ flip;
      const mutants = [flipped, bytes.slice(0, cut % bytes.length), Uint8Array.of(...bytes, flip)];
      for (const mutant of mutants) {
        const other = decodesOrRefuses(mutant);
        if (other !== undefined) assert.equal(toHex(encodeCbor(other)), toHex(mutant));
      }
      assert.throws(() => decodeCbor(Uint8Array.of(...bytes, 0)), refusal("trailing-bytes"));
    }),
    RUNS,
  );
});

test("the examples of RFC 8949, appendix A, that the profile knows", () => {
  const examples: readonly (readonly [CborValue, string])[] = [
    [0, "00"],
    [23, "17"],
    [24, "1818"],
    [100, "1864"],
    [1000, "1903e8"],
    [1000000, "1a000f4240"],
    [1000000000000, "1b000000e8d4a51000"],
    [18446744073709551615n, "1bffffffffffffffff"],
    [-18446744073709551616n, "3bffffffffffffffff"],
    [-1, "20"],
    [-10, "29"],
    [-100, "3863"],
    [-1000, "3903e7"],
    [false, "f4"],
    [true, "f5"],
    [null, "f6"],
    [new Uint8Array(0), "40"],
    [Uint8Array.of(1, 2, 3, 4), "4401020304"],
    ["", "60"],
    ["IETF", "6449455446"],
    ["\u00fc", "62c3bc"],
    ["\ud800\udd51", "64f0908591"],
    [[], "80"],
    [[1, [2, 3], [4, 5]], "8301820203820405"],
    [new Map(), "a0"],
    [
      new Map([
        [3, 4],
        [1, 2],
      ]),
      "a201020304",
    ],
    [
      new Map<string, CborValue>([
        ["b", [2, 3]],
        ["a", 1],
      ]),
      "a26161016162820203",
    ],
  ];
  for (const [value, encoded] of examples) {
    assert.equal(toHex(encodeCbor(value)), encoded);
    assert.deepEqual(decodeCbor(fromHex(encoded)), value);
  }
});

test("what is outside the profile is refused with its reason", () => {
  const refused: Readonly<Record<string, string>> = {
    "": "truncated",
    "0000": "trailing-bytes",
    "1817": "not-shortest",
    "190017": "not-shortest",
    "1900ff": "not-shortest",
    "1a0000ffff": "not-shortest",
    "1b00000000ffffffff": "not-shortest",
    "5800": "not-shortest",
    "7800": "not-shortest",
    "9800": "not-shortest",
    b800: "not-shortest",
    "1c": "indefinite-or-reserved",
    "5f4101ff": "indefinite-or-reserved",
    "7fff": "indefinite-or-reserved",
    "9fff": "indefinite-or-reserved",
    bfff: "indefinite-or-reserved",
    "18": "truncated",
    "4401": "truncated",
    "8201": "truncated",
    a101: "truncated",
    "5bffffffffffffffff": "truncated",
    "9bffffffffffffffff": "truncated",
    bb001fffffffffffff: "truncated",
    "61ff": "utf8",
    c000: "unsupported-type",
    f90000: "unsupported-type",
    fa00000000: "unsupported-type",
    fb0000000000000000: "unsupported-type",
    f7: "unsupported-type",
    f0: "unsupported-type",
    f8ff: "unsupported-type",
    f814: "unsupported-type",
    ff: "unsupported-type",
    "a2020001 00": "unsorted-keys",
    "a2010001 00": "duplicate-key",
    "a2616100 0100": "unsorted-keys",
    a1400000: "map-key-type",
    a1f400: "map-key-type",
    a1800000: "map-key-type",
    a11bffffffffffffffff00: "map-key-type",
  };
  for (const [encoded, reason] of Object.entries(refused)) {
    assert.throws(() => decodeCbor(fromHex(encoded.replaceAll(" ", ""))), refusal(reason), encoded);
  }
});

test("keys are ordered by their encoded bytes: shorter numbers, negative numbers, texts", () => {
  const map = new Map<number | string, CborValue>([
    ["a", 1],
    ["", 2],
    [-1, 3],
    [256, 4],
    [10, 5],
    [-300, 6],
  ]);
  assert.deepEqual([...(decodeCbor(encodeCbor(map)) as ReadonlyMap<number | string, CborValue>).keys()], [10, 256, -1, -300, "", "a"]);
});

test("what has no encoding is refused, not rounded", () => {
  const refused: readonly unknown[] = [
    1.5,
    Number.NaN,
    Infinity,
    2 ** 53,
    2n ** 64n,
    -(2n ** 64n) - 1n,
    undefined,
    "\ud800",
    {},
    new Date(0),
    Symbol("x"),
    new Map<unknown, number>([[1n, 1]]),
    new Map<unknown, number>([[1.5, 1]]),
    new Map<unknown, number>([[Uint8Array.of(1), 1]]),
  ];
  for (const value of refused) assert.throws(() => encodeCbor(value as CborValue), isInvalid);
});

test("nesting, items and size are bounded in both directions", () => {
  const nest = (depth: number): CborValue => (depth === 0 ? 1 : [nest(depth - 1)]);
  assert.deepEqual(decodeCbor(encodeCbor(nest(8))), nest(8));
  assert.throws(() => encodeCbor(nest(9)), isInvalid);
  assert.throws(() => decodeCbor(fromHex(`${"81".repeat(9)}01`)), refusal("too-deep"));
  assert.throws(() => decodeCbor(fromHex("81".repeat(100_000))), refusal("too-deep"));
  assert.throws(() => decodeCbor(fromHex("8101"), { maxDepth: 0 }), refusal("too-deep"));
  assert.throws(() => decodeCbor(fromHex("820101"), { maxItems: 2 }), refusal("too-many-items"));
  assert.deepEqual(decodeCbor(fromHex("820101"), { maxItems: 3 }), [1, 1]);
  assert.throws(() => decodeCbor(fromHex("820101"), { maxBytes: 2 }), refusal("too-large"));
  assert.deepEqual(decodeCbor(fromHex("820101"), { maxBytes: 3 }), [1, 1]);
});

test("a map that names a prototype property is only a map", () => {
  const decoded = decodeCbor(encodeCbor(new Map([["__proto__", 1]])));
  assert.deepEqual(decoded, new Map([["__proto__", 1]]));
});

test("byte strings are copies in both directions", () => {
  const encoded = encodeCbor(Uint8Array.of(1, 2));
  const decoded = decodeCbor(encoded) as Uint8Array;
  encoded.fill(0);
  assert.deepEqual(decoded, Uint8Array.of(1, 2));
});

/** deepEqual compares Maps in any order, but bigint and number apart: safe ones are numbers after decoding. */
function normal(value: CborValue): CborValue {
  if (typeof value === "bigint") return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) return value.map((item: CborValue) => normal(item));
  if (value instanceof Map) return new Map([...value].map(([key, item]: [number | string, CborValue]) => [key, normal(item)]));
  return value === 0 ? 0 : value;
}
