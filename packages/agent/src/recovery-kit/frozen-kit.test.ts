// The frozen kit and shares of version 1, opened by the agent and by a reader that shares no code with it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { agentIdToDid, nodeCrypto, recoveryKeyAt, revealSecret, SecretBytes, toHex, utf8, type AgentId } from "@talos/core";
import { joinRecoveryShares, readRecoveryKit, recoveryKeySeed, type KitContent } from "@talos/testkit";
import { FACTS, FLOOR, secret } from "./kit-fixture.test.ts";
import { openKit } from "./kit-file.ts";
import { sealKit } from "./seal-kit.ts";
import { joinShares, splitSeed } from "./shares.ts";

const FROZEN = fileURLToPath(new URL("../../../../fixtures/recovery-kit/v1/", import.meta.url));

interface Expected {
  readonly password: string;
  readonly did: string;
  readonly agentName: string;
  readonly createdAt: number;
  readonly seed: string;
  readonly set: string;
  readonly recoveryKeys: readonly string[];
}

const expected = JSON.parse(readFileSync(`${FROZEN}expected.json`, "utf8")) as Expected;
const SHARES = [1, 2, 3].map((index) => readFileSync(`${FROZEN}share-${index}.txt`, "utf8"));

function pairs<T>(items: readonly T[]): (readonly [T, T])[] {
  return items.flatMap((one) => items.filter((other) => other !== one).map((other) => [one, other] as const));
}

function assertExpected({ agentName, agentId, seed }: KitContent): void {
  assert.deepEqual([agentName, agentIdToDid(agentId as AgentId), toHex(seed)], [expected.agentName, expected.did, expected.seed]);
}

test("the frozen kit opens, here and there, and gives the same recovery keys", () => {
  using kit = openKit(`${FROZEN}kit.txt`, secret(expected.password), nodeCrypto);
  assert.deepEqual([toHex(revealSecret(kit.seed)), kit.createdAt], [expected.seed, expected.createdAt]);
  assertExpected(readRecoveryKit(readFileSync(`${FROZEN}kit.txt`, "utf8"), utf8(expected.password)));
  for (const [index, publicKey] of expected.recoveryKeys.entries()) {
    using key = recoveryKeyAt(kit.seed, index, nodeCrypto);
    using same = nodeCrypto.signingKeyFromSeed(SecretBytes.from(recoveryKeySeed(revealSecret(kit.seed), index)));
    assert.deepEqual([toHex(key.publicKey), toHex(same.publicKey)], [publicKey, publicKey]);
  }
});

test("any two of the frozen shares give the frozen seed, here and there", async () => {
  for (const some of pairs(SHARES)) {
    using joined = await joinShares(some.map(utf8), nodeCrypto);
    assert.deepEqual([toHex(revealSecret(joined.seed)), joined.setName], [expected.seed, expected.set]);
    assertExpected(joinRecoveryShares(some));
  }
});

test("what is made today is read by the other reader too", async () => {
  using seed = nodeCrypto.randomSecret(32);
  const text = sealKit(seed, secret(), FACTS, FLOOR, nodeCrypto);
  assert.ok(seed.equals(SecretBytes.from(readRecoveryKit(new TextDecoder().decode(text), utf8("brass kettle under the old mill")).seed)));
  const { shares } = await splitSeed(seed, FACTS, { count: 7, threshold: 4 }, nodeCrypto);
  const texts = shares.map((share) => new TextDecoder().decode(revealSecret(share.text)));
  for (const some of [texts.slice(0, 4), texts.slice(3), texts]) {
    assert.ok(seed.equals(SecretBytes.from(joinRecoveryShares(some).seed)));
  }
});
