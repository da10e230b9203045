import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeCrypto, toHex } from "@talos/core";
import { DrawnBytes } from "./drawn-bytes.ts";

test("drawn bytes are given out once each, whatever lengths are asked for", () => {
  const drawn: string[] = [];
  const source = {
    randomBytes: (length: number): Uint8Array => {
      const bytes = nodeCrypto.randomBytes(length);
      drawn.push(toHex(bytes));
      return bytes;
    },
  };
  const stock = new DrawnBytes(source);
  const taken = Array.from({ length: 1000 }, (_, index) => toHex(stock.take(index % 3 === 0 ? 16 : 12)));
  assert.equal(new Set(taken).size, 1000);
  assert.ok(taken.every((text, index) => text.length === (index % 3 === 0 ? 32 : 24)));
  assert.ok(
    taken.every((text) => drawn.some((bytes) => bytes.includes(text))),
    "all of it is the generator's",
  );
  assert.equal(drawn[0]?.length, 32, "what is needed once is drawn once");
  assert.ok(drawn.length < 50);
});
