import assert from "node:assert/strict";
import { hkdfSync } from "node:crypto";
import { test } from "node:test";
import { seedOf } from "../../../testkit/src/vectors/cast.ts";
import { assertRefused } from "../../../testkit/src/vectors/refusals.ts";
import { toHex } from "../bytes/hex.ts";
import { nodeCrypto } from "../primitives/node-crypto.ts";
import { revealSecret, SecretBytes } from "../secret/secret-bytes.ts";
import { recoveryKeyAt } from "./recovery-key.ts";

function publicKeyAt(index: number, name = "alice kit"): string {
  using seed = SecretBytes.from(seedOf(name));
  using key = recoveryKeyAt(seed, index, nodeCrypto);
  return toHex(key.publicKey);
}

test("one seed has a key for each recovery event, the same every time", () => {
  const keys = [0, 1, 255, 256, 65_536, 2 ** 32 - 1].map((index) => publicKeyAt(index));
  assert.equal(new Set(keys).size, keys.length);
  assert.equal(publicKeyAt(1), keys[1]);
  assert.notEqual(publicKeyAt(1, "bob kit"), keys[1]);
});

test("a recovery key is HKDF of the seed over label and number", () => {
  const info = Buffer.concat([Buffer.from("talos/v1/recovery-key"), Buffer.of(1, 2, 3, 4)]);
  const expected = Buffer.from(hkdfSync("sha256", seedOf("alice kit"), "", info, 32));
  using seed = SecretBytes.from(seedOf("alice kit"));
  using key = recoveryKeyAt(seed, 0x01020304, nodeCrypto);
  using keySeed = key.exportSeed();
  assert.equal(Buffer.from(revealSecret(keySeed)).equals(expected), true);
});

test("a number outside 32 bits is refused", () => {
  using seed = SecretBytes.from(seedOf("alice kit"));
  for (const index of [-1, 1.5, 2 ** 32, Number.NaN])
    assertRefused(() => recoveryKeyAt(seed, index, nodeCrypto), String(index), "INVALID_ARGUMENT");
});
