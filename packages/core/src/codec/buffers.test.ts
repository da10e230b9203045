import assert from "node:assert/strict";
import { test } from "node:test";
import { BinaryReader } from "./binary.ts";
import { decodeCbor, encodeCbor } from "./cbor.ts";

test("what is read from a Node Buffer does not change with the Buffer", () => {
  const binary = Buffer.from([1, 2, 3, 4]);
  const read = new BinaryReader(binary, "test").bytes(4);
  const encoded = Buffer.from(encodeCbor(Uint8Array.of(5, 6, 7)));
  const decoded = decodeCbor(encoded);
  binary.fill(0);
  encoded.fill(0);
  assert.deepEqual(read, Uint8Array.of(1, 2, 3, 4));
  assert.deepEqual(decoded, Uint8Array.of(5, 6, 7));
});
