import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";

import { isTalosError } from "../errors/talos-error.ts";
import { encodeCbor, type CborValue } from "./cbor.ts";
import { readCborArray, readCborMap } from "./readers.ts";
import { encodeStruct, StructReader, type Extension } from "./struct.ts";

const FRAME: readonly (readonly [number, CborValue])[] = [
  [0, 1],
  [1, 1],
];
const isInvalid = (error: unknown): boolean => isTalosError(error, "INVALID_ARGUMENT");

function raw(...fields: readonly (readonly [number | string, CborValue])[]): Uint8Array {
  return encodeCbor(new Map<number | string, CborValue>([...FRAME, ...fields]));
}

/** Opens, takes nothing, finishes. */
function finish(bytes: Uint8Array, knownExtensions?: readonly number[]): Extension[] {
  return new StructReader(bytes, "thing", { knownExtensions }).finish();
}

/** A reader of a structure whose only field is this one. */
function open(field2: CborValue): StructReader {
  return new StructReader(raw([2, field2]), "thing");
}

function extension(id: number, length: number = 0): Extension {
  return { id, critical: false, value: new Uint8Array(length) };
}

function refusal(field: string, reason: string): (error: unknown) => boolean {
  return (error) =>
    isTalosError(error, "MALFORMED") &&
    error.details["structure"] === "thing" &&
    error.details["field"] === field &&
    error.details["reason"] === reason;
}

test("a structure reads back field by field", () => {
  const bytes = encodeStruct(
    new Map<number, CborValue | undefined>([
      [2, 7],
      [3, Uint8Array.of(1, 2)],
      [4, "text"],
      [5, true],
      [6, [1, "one", Uint8Array.of(1), false, [2]]],
      [7, new Map([[1, 5]])],
      [8, undefined],
    ]),
  );
  const reader = new StructReader(bytes, "thing");
  assert.equal(reader.uint(2), 7);
  assert.deepEqual(reader.bytes(3, { length: 2 }), Uint8Array.of(1, 2));
  assert.equal(reader.text(4, { maxBytes: 4 }), "text");
  assert.equal(reader.bool(5), true);
  const array = reader.array(6, { length: 5 });
  assert.equal(array.uint(), 1);
  assert.equal(array.text({ maxBytes: 3 }), "one");
  assert.deepEqual(array.bytes({ max: 1 }), Uint8Array.of(1));
  assert.equal(array.bool(), false);
  const inner = array.array();
  assert.equal(inner.uint(), 2);
  inner.end();
  array.end();
  const map = reader.map(7);
  assert.equal(map.uint(1), 5);
  map.end();
  assert.equal(reader.optionalUint(8), undefined);
  assert.equal(reader.optionalBytes(9, { max: 1 }), undefined);
  assert.equal(reader.optionalText(10, { maxBytes: 1 }), undefined);
  assert.equal(reader.optionalArray(11), undefined);
  assert.deepEqual(reader.finish(), []);
});

test("an unknown version or suite is named as such, whatever else is inside", () => {
  const version = encodeCbor(
    new Map<number, CborValue>([
      [0, 2],
      [1, 1],
      [50, 1],
    ]),
  );
  const suite = encodeCbor(
    new Map<number, CborValue>([
      [0, 1],
      [1, 2],
      [50, 1],
    ]),
  );
  assert.throws(
    () => new StructReader(version, "thing"),
    (error) => isTalosError(error, "UNSUPPORTED_VERSION"),
  );
  assert.throws(
    () => new StructReader(suite, "thing"),
    (error) => isTalosError(error, "UNSUPPORTED_SUITE"),
  );
  assert.throws(() => new StructReader(encodeCbor(new Map([[1, 1]])), "thing"), refusal("0", "missing"));
  assert.throws(() => new StructReader(encodeCbor(new Map([[0, 1]])), "thing"), refusal("1", "missing"));
});

test("what is no map with unsigned integer keys is refused", () => {
  assert.throws(() => new StructReader(encodeCbor([1, 1]), "thing"), refusal("", "not a map"));
  assert.throws(() => finish(raw(["text", 1])), refusal("", "a key is not an unsigned integer"));
  assert.throws(() => finish(raw([-1, 1])), refusal("", "a key is not an unsigned integer"));
});

test("unknown, missing and mistyped fields are refused by name", () => {
  assert.throws(() => finish(raw([2, 1])), refusal("other", "unknown field"));
  assert.throws(() => finish(raw([98, 1])), refusal("other", "unknown field"));
  assert.throws(() => finish(raw([100, 1])), refusal("other", "unknown field"));
  assert.throws(() => open(1).uint(3), refusal("3", "missing"));
  assert.throws(() => open("1").uint(2), refusal("2", "not an unsigned integer"));
  assert.throws(() => open(-1).uint(2), refusal("2", "not an unsigned integer"));
  assert.throws(() => open(-(2n ** 60n)).uint(2), refusal("2", "not an unsigned integer"));
  assert.throws(() => open(2n ** 60n).uint(2), refusal("2", "too large"));
  assert.throws(() => open(8).uint(2, { max: 7 }), refusal("2", "too large"));
  assert.throws(() => open(0).uint(2, { min: 1 }), refusal("2", "too small"));
  assert.throws(() => open(1).optionalBytes(2, { max: 1 }), refusal("2", "not a byte string"));
  assert.throws(() => open(Uint8Array.of(1)).bytes(2, { length: 2 }), refusal("2", "wrong length"));
  assert.throws(() => open(Uint8Array.of(1)).bytes(2, { min: 2 }), refusal("2", "too short"));
  assert.throws(() => open(Uint8Array.of(1)).bytes(2, { max: 0 }), refusal("2", "too long"));
  assert.throws(() => open(1).text(2, { maxBytes: 1 }), refusal("2", "not a text string"));
  assert.throws(() => open("é").text(2, { maxBytes: 1 }), refusal("2", "too long"));
  assert.throws(() => open("").text(2, { minBytes: 1, maxBytes: 1 }), refusal("2", "too short"));
  assert.throws(() => open(0).bool(2), refusal("2", "not a boolean"));
  assert.throws(() => open(0).array(2), refusal("2", "not an array"));
  assert.throws(() => open([1]).array(2, { min: 2 }), refusal("2", "too short"));
  assert.throws(() => open([1]).array(2).end(), refusal("2", "too many items"));
  assert.throws(() => open([]).array(2).uint(), refusal("2", "too few items"));
  assert.throws(() => open(0).map(2), refusal("2", "not a map"));
  assert.throws(
    () =>
      open(new Map([[1, "x"]]))
        .map(2)
        .uint(1),
    refusal("2.1", "not an unsigned integer"),
  );
  assert.throws(
    () =>
      open(new Map([[1, "x"]]))
        .map(2)
        .end(),
    refusal("2.other", "unknown field"),
  );
  const readTwice = open(
    new Map([
      [1, 7],
      [2, 8],
    ]),
  ).map(2);
  readTwice.uint(1);
  readTwice.uint(1);
  assert.throws(() => readTwice.end(), refusal("2.other", "unknown field"));
});

test("extensions that are not critical come back as they are, known critical ones too", () => {
  const extensions: Extension[] = [
    { id: 3, critical: false, value: Uint8Array.of(1) },
    { id: 70_000, critical: true, value: new Uint8Array(4096) },
  ];
  assert.deepEqual(finish(encodeStruct(new Map(), extensions), [70_000]), extensions);
});

test("an unknown critical extension refuses the structure", () => {
  const bytes = encodeStruct(new Map(), [{ id: 3, critical: true, value: new Uint8Array(0) }]);
  assert.throws(
    () => finish(bytes),
    (error) => isTalosError(error, "UNSUPPORTED_EXTENSION") && error.details["extension"] === 3,
  );
  assert.throws(
    () => finish(bytes, [4]),
    (error) => isTalosError(error, "UNSUPPORTED_EXTENSION"),
  );
});

test("malformed extensions are refused, by the reader and by the writer", () => {
  const empty = new Uint8Array(0);
  const bad: readonly CborValue[] = [
    [],
    7,
    [[1, false]],
    [[1, false, empty, 1]],
    [[1, 0, empty]],
    [["1", false, empty]],
    [
      [2, false, empty],
      [1, false, empty],
    ],
    [
      [1, false, empty],
      [1, false, empty],
    ],
    [[1, false, new Uint8Array(4097)]],
    Array.from({ length: 17 }, (_, id) => [id, false, empty]),
  ];
  for (const extensions of bad)
    assert.throws(
      () => finish(raw([99, extensions])),
      (error) => isTalosError(error, "MALFORMED"),
    );

  for (const extensions of [
    [extension(2), extension(1)],
    [extension(1), extension(1)],
    [extension(-1)],
    [extension(1.5)],
    [extension(1, 4097)],
  ]) {
    assert.throws(() => encodeStruct(new Map(), extensions), isInvalid);
  }
  assert.throws(
    () =>
      encodeStruct(
        new Map(),
        Array.from({ length: 17 }, (_, id) => extension(id)),
      ),
    isInvalid,
  );
});

test("a writer sets version, suite and extensions itself", () => {
  for (const key of [0, 1, 99, 100, -1, 1.5]) assert.throws(() => encodeStruct(new Map([[key, 1]])), isInvalid);
});

test("arrays and maps without a frame are read the same way", () => {
  const array = readCborArray(encodeCbor([Uint8Array.of(1), new Map([[0, 1]])]), "thing", { length: 2 });
  assert.deepEqual(array.bytes({ max: 1 }), Uint8Array.of(1));
  assert.equal(array.map().uint(0), 1);
  assert.throws(() => readCborArray(encodeCbor([1]), "thing", { length: 2 }), refusal("whole", "wrong length"));
  assert.equal(readCborMap(encodeCbor(new Map([[0, 1]])), "thing").uint(0), 1);
  assert.throws(() => readCborMap(encodeCbor(1), "thing"), refusal("", "not a map"));
});

test("no bytes make a reader fail with anything but a named error", () => {
  const value = fc.oneof(
    fc.integer({ min: -5, max: 300 }),
    fc.uint8Array({ maxLength: 4 }),
    fc.string({ maxLength: 3 }),
    fc.boolean(),
    fc.array(fc.oneof(fc.nat(9), fc.boolean(), fc.uint8Array({ maxLength: 2 })), { maxLength: 3 }),
  );
  const fields = fc
    .array(fc.tuple(fc.constantFrom(0, 1, 2, 3, 99), value), { maxLength: 5 })
    .map((entries) => encodeCbor(new Map(entries)));
  fc.assert(
    fc.property(fc.oneof(fields, fc.uint8Array({ maxLength: 12 })), (bytes) => {
      try {
        const reader = new StructReader(bytes, "thing");
        reader.optionalUint(2);
        reader.optionalArray(3)?.array().end();
        reader.finish();
      } catch (error) {
        assert.ok(isTalosError(error), String(error));
      }
    }),
    { numRuns: 1000 },
  );
});
