import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";

import { isTalosError } from "../errors/talos-error.ts";
import { fromBase58Btc, toBase58Btc } from "./base58.ts";
import { fromBase64Url, toBase64Url } from "./base64url.ts";
import { compareBytes, concatBytes, equalBytes, zeroBytes } from "./bytes.ts";
import { fromHex, toHex } from "./hex.ts";
import { decodeUtf8, utf8 } from "./utf8.ts";

const isMalformed = (error: unknown): boolean => isTalosError(error, "MALFORMED");

/** Text that is sometimes almost right, so that both sides of the codec are met. */
function textOf(alphabet: string): fc.Arbitrary<string> {
  return fc.string({ unit: fc.constantFrom(...alphabet.split("")), maxLength: 12 });
}

test("concatBytes joins into new memory", () => {
  const part = Uint8Array.of(1);
  const joined = concatBytes(part, new Uint8Array(0), Uint8Array.of(2, 3));
  assert.deepEqual(joined, Uint8Array.of(1, 2, 3));
  assert.equal(joined.buffer.byteLength, 3);
  part[0] = 9;
  assert.equal(joined[0], 1);
});

test("compareBytes orders like Buffer.compare, and equalBytes agrees with it", () => {
  const short = fc.uint8Array({ maxLength: 4, max: 3 });
  fc.assert(
    fc.property(short, short, (a, b) => {
      assert.equal(Math.sign(compareBytes(a, b)), Buffer.compare(a, b));
      assert.equal(equalBytes(a, b), Buffer.compare(a, b) === 0);
    }),
  );
});

test("zeroBytes wipes a view and nothing around it", () => {
  const whole = Uint8Array.of(1, 2, 3, 4);
  zeroBytes(whole.subarray(1, 3));
  assert.deepEqual(whole, Uint8Array.of(1, 0, 0, 4));
});

test("hex, base64url and base58btc come back as they went, from views too", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(8), (bytes, skip) => {
      const view = bytes.subarray(Math.min(skip, bytes.length));
      assert.deepEqual(fromHex(toHex(view)), new Uint8Array(view));
      assert.deepEqual(fromBase64Url(toBase64Url(view)), new Uint8Array(view));
      assert.deepEqual(fromBase58Btc(toBase58Btc(view)), new Uint8Array(view));
    }),
  );
});

test("every text that a decoder takes is the one text of its bytes", () => {
  const codecs = [
    { decode: fromHex, encode: toHex, alphabet: "0123456789abcdefAF g" },
    { decode: fromBase64Url, encode: toBase64Url, alphabet: "ABCDwxyz0189-_+/= \n" },
    { decode: fromBase58Btc, encode: toBase58Btc, alphabet: "123ABCxyz0OIl" },
  ];
  for (const { decode, encode, alphabet } of codecs) {
    fc.assert(
      fc.property(textOf(alphabet), (text) => {
        let bytes: Uint8Array;
        try {
          bytes = decode(text);
        } catch (error) {
          assert.ok(isMalformed(error));
          return;
        }
        assert.equal(encode(bytes), text);
      }),
    );
  }
});

test("known texts", () => {
  assert.equal(toHex(Uint8Array.of(0, 255)), "00ff");
  assert.equal(toBase64Url(Uint8Array.of(0xfb, 0xff)), "-_8");
  // draft-msporny-base58, section 5
  assert.equal(toBase58Btc(utf8("Hello World!")), "2NEpo7TZRRrLZSi2U");
  assert.equal(toBase58Btc(fromHex("0000287fb4cd")), "11233QC4");
});

test("foreign and non-canonical texts are refused", () => {
  for (const text of ["0", "0G", "AB", " 00", "00 ", "0x00"]) assert.throws(() => fromHex(text), isMalformed);
  for (const text of ["A", "AA==", "AB", "A+8", "A/8", "AA\n", "AAA=", "AAé"]) assert.throws(() => fromBase64Url(text), isMalformed);
  for (const text of ["0", "O", "I", "l", "1 1", "é", "2".repeat(257)]) assert.throws(() => fromBase58Btc(text), isMalformed);
});

test("utf8 is strict in both directions and keeps every character", () => {
  assert.deepEqual(utf8("é"), Uint8Array.of(0xc3, 0xa9));
  assert.equal(decodeUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)), "\ufeffa");
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => assert.equal(decodeUtf8(utf8(text)), text)));
  assert.throws(
    () => utf8("\udfff"),
    (error) => isTalosError(error, "INVALID_ARGUMENT"),
  );
  const bad = [[0x80], [0xc0, 0x80], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xc3]];
  for (const bytes of bad) assert.throws(() => decodeUtf8(Uint8Array.from(bytes)), isMalformed);
});
