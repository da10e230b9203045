import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { isTalosError } from "../errors/talos-error.ts";
import { nodeCrypto } from "../primitives/node-crypto.ts";
import { agentId } from "./agent-id.ts";
import { pairFingerprint, readPairFingerprint } from "./pair-fingerprint.ts";

const ALICE = agentId(new Uint8Array(32).fill(1));
const BOB = agentId(new Uint8Array(32).fill(2));
const refused = (error: unknown): boolean => isTalosError(error, "INVALID_ARGUMENT");

test("both sides see the same digits, as the page says", () => {
  const digits = pairFingerprint(ALICE, BOB, nodeCrypto);
  assert.match(digits, /^([0-9]{5} ){11}[0-9]{5}$/);
  assert.equal(pairFingerprint(BOB, ALICE, nodeCrypto), digits);
  const hash = createHash("sha256").update("talos/v1/hash/pair-fingerprint\0").update(ALICE).update(BOB).digest("hex");
  assert.equal(digits.replaceAll(" ", ""), (BigInt(`0x${hash}`) % 10n ** 60n).toString().padStart(60, "0"));
});

test("other agents have other digits, and an agent has none with itself", () => {
  const carol = agentId(new Uint8Array(32).fill(3));
  assert.notEqual(pairFingerprint(ALICE, BOB, nodeCrypto), pairFingerprint(ALICE, carol, nodeCrypto));
  assert.throws(() => pairFingerprint(ALICE, ALICE, nodeCrypto), refused);
});

test("leading zeros stay", () => {
  const none = { sha256: (): Uint8Array => new Uint8Array(32) };
  assert.equal(pairFingerprint(ALICE, BOB, none), Array.from({ length: 12 }, () => "00000").join(" "));
});

test("digits are read however they are grouped; anything else is refused", () => {
  const digits = pairFingerprint(ALICE, BOB, nodeCrypto);
  for (const typed of [digits, digits.replaceAll(" ", ""), digits.replaceAll(" ", "-"), ` ${digits}\n`]) {
    assert.equal(readPairFingerprint(typed), digits);
  }
  for (const typed of ["", digits.slice(1), `${digits}1`, digits.replace(/[0-9]/, "x"), digits.replace(/[0-9]/, "٣")]) {
    assert.throws(() => readPairFingerprint(typed), refused, typed);
  }
  assert.throws(() => readPairFingerprint(undefined as never), refused);
});
