import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeCrypto, utf8 } from "@talos/core";
import { mayBeRandom } from "./random-material.ts";

const accepts = (text: string): boolean => mayBeRandom(utf8(text));

test("bytes that were drawn may be a key, and so may every common way to write them", () => {
  for (let seed = 0; seed < 64; seed++) {
    for (const length of [32, 33, 34, 64]) {
      const bytes = Buffer.concat([0, 1].map((part) => nodeCrypto.sha256(Uint8Array.of(seed, part)))).subarray(0, length);
      assert.ok(mayBeRandom(new Uint8Array(bytes)));
      const hex = bytes.toString("hex");
      for (const text of [hex, hex.toUpperCase(), bytes.toString("base64"), bytes.toString("base64url")]) {
        for (const end of ["", "\n", "\r\n"]) assert.ok(accepts(`${text}${end}`), `${text}${end}`);
        assert.ok(accepts(`${text.slice(0, 40)}\n${text.slice(40)}\n`), "in lines, as base64 and openssl write them");
      }
    }
  }
});

test("what somebody typed is no key, however long", () => {
  for (const text of [
    "my Password is changeme, agent 2026\n",
    "The quick brown fox jumps over the lazy dog\n",
    "first line of a Sentence 1\nsecond line of a Sentence 2\n",
    "\tIndented with a tab, and quite long as such, No 7",
    "correct-horse-battery-staple-river-otter-lamp-quartz",
    "thequickbrownfoxjumpsoverthelazydogandrunsaway",
    "PasswordPasswordPasswordPasswordPasswordPasswordPassword",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0123456789abcdef".repeat(4),
    "Uppercase And lower And 12345 and a full stop at the end.",
  ]) {
    assert.equal(accepts(text), false, text);
  }
});

test("text that writes fewer than 32 bytes is no key", () => {
  const bytes = Buffer.from(nodeCrypto.sha256(Uint8Array.of(1))).subarray(0, 31);
  for (const encoding of ["hex", "base64", "base64url"] as const) assert.equal(accepts(bytes.toString(encoding)), false);
  const mostlyHex = Buffer.from(nodeCrypto.sha256(Uint8Array.of(2))).toString("hex");
  assert.equal(accepts(mostlyHex.slice(0, 62)), false, "hexadecimal is not read as base64");
  assert.equal(accepts(`${mostlyHex}!`), false);
});

test("bytes of few values are no key", () => {
  const ofValues = (count: number): Uint8Array => Uint8Array.from({ length: 64 }, (_, i) => 128 + (i % count));
  assert.equal(mayBeRandom(ofValues(15)), false);
  assert.equal(mayBeRandom(ofValues(16)), true);
});
