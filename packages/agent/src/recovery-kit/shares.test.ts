import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeUtf8, isTalosError, nodeCrypto, revealSecret, type SecretBytes, utf8 } from "@talos/core";
import { hasCode } from "@talos/testkit";
import { armour, unarmour } from "./armour.ts";
import { FACTS, someAgent } from "./kit-fixture.test.ts";
import { SHARE_TITLE } from "./kit-words.ts";
import { damagedShare, decodeShare, encodeShare, type Share } from "./share-record.ts";
import { joinShares, splitSeed } from "./shares.ts";

const crypto = nodeCrypto;
const SEED: SecretBytes = crypto.randomSecret(32);

async function split(count: number, threshold: number, seed: SecretBytes = SEED): Promise<Uint8Array[]> {
  const { shares } = await splitSeed(seed, FACTS, { count, threshold }, crypto);
  return shares.map(({ text }) => revealSecret(text).slice());
}

function changed(text: Uint8Array | undefined, changes: Partial<Share>): Uint8Array {
  const { content } = unarmour(SHARE_TITLE, text ?? new Uint8Array(), crypto, damagedShare(1));
  return armour(SHARE_TITLE, encodeShare({ ...decodeShare(content, damagedShare(1), crypto), ...changes }, crypto), crypto);
}

function choose<T>(items: readonly T[], count: number): T[][] {
  if (count === 0) return [[]];
  return items.flatMap((item, i) => choose(items.slice(i + 1), count - 1).map((rest) => [item, ...rest]));
}

test("any three of five give the seed back, and so do four and all, in any order", async () => {
  const shares = await split(5, 3);
  for (const count of [3, 4, 5]) {
    for (const some of choose(shares, count)) {
      using joined = await joinShares(some.toReversed(), crypto);
      assert.ok(joined.seed.equals(SEED));
      assert.deepEqual([joined.agentName, joined.agentId, joined.createdAt], [FACTS.agentName, FACTS.agentId, FACTS.createdAt]);
    }
  }
});

test("a share tells whose it is, its number, how many it takes, and its set", async () => {
  const { setName, shares } = await splitSeed(SEED, FACTS, { count: 3, threshold: 2 }, crypto);
  assert.match(setName, /^[0-9a-f]{8}$/);
  for (const [i, share] of shares.entries()) {
    const text = decodeUtf8(revealSecret(share.text));
    assert.equal(share.index, i + 1);
    assert.match(
      text,
      new RegExp(
        `^Talos Keys: share ${i + 1} of 3 of a recovery kit\n\nAgent:  alice\nId:     did:talos:z.*\nMade:   2027-01-15\nSet:    ${setName}\n`,
      ),
    );
    assert.match(text, /Any 2 of the 3 shares/);
    assert.ok(
      text.split("\n").every((line) => line.length <= 80),
      "it can be printed",
    );
    share[Symbol.dispose]();
    assert.ok(share.text.isDisposed);
  }
});

test("the ends of what can be asked for", async () => {
  for (const [count, threshold] of [
    [2, 2],
    [255, 2],
    [16, 16],
  ] as const) {
    const shares = await split(count, threshold);
    using joined = await joinShares(shares.slice(-threshold), crypto);
    assert.ok(joined.seed.equals(SEED));
  }
  for (const [count, threshold] of [
    [5, 1],
    [1, 1],
    [2, 3],
    [256, 3],
    [5.5, 3],
    [5, Number.NaN],
    [0, 0],
  ] as const) {
    await assert.rejects(split(count, threshold), hasCode("INVALID_ARGUMENT"), `${count} ${threshold}`);
  }
});

test("too few shares are told with how many it takes", async () => {
  const shares = await split(5, 3);
  for (const some of [[], shares.slice(0, 1), shares.slice(0, 2)]) {
    await assert.rejects(joinShares(some, crypto), (error) => {
      assert.ok(isTalosError(error, "RECOVERY_SHARES_TOO_FEW"));
      assert.equal(error.details["given"], some.length);
      if (some.length > 0) assert.equal(error.details["threshold"], 3);
      return true;
    });
  }
});

test("a share given twice does not count twice", async () => {
  const [one, two, three] = (await split(5, 3)) as [Uint8Array, Uint8Array, Uint8Array];
  for (const some of [
    [one, two, one],
    [one, one, two],
    [one, two, three, three],
  ]) {
    await assert.rejects(joinShares(some, crypto), hasCode("RECOVERY_SHARE_REPEATED"));
  }
});

test("shares of two sets of one seed do not go together, and the stranger is named", async () => {
  const [one, two] = (await split(5, 3)) as [Uint8Array, Uint8Array];
  const [, , other] = await split(5, 3);
  await assert.rejects(joinShares([one, two, other ?? one], crypto), (error) => {
    assert.ok(isTalosError(error, "RECOVERY_SHARES_MIXED"));
    assert.equal(error.details["share"], 3);
    return true;
  });
});

test("every byte of a share changed, and every truncation, is damage, and which share it is is said", async () => {
  const [one, two] = (await split(3, 2)) as [Uint8Array, Uint8Array];
  const isDamage = (error: unknown): boolean => isTalosError(error, "RECOVERY_SHARE_DAMAGED") && error.details["share"] === 2;
  for (let at = 0; at < two.length; at++) {
    const damaged = two.slice();
    damaged[at] = (damaged[at] ?? 0) ^ 0x01;
    await assert.rejects(joinShares([one, damaged], crypto), isDamage, `byte ${at}`);
    await assert.rejects(joinShares([one, two.slice(0, at)], crypto), isDamage, `${at} bytes`);
  }
});

test("every byte of a share's record changed under armour that fits is damage", async () => {
  const [one, two] = (await split(3, 2)) as [Uint8Array, Uint8Array];
  const { content } = unarmour(SHARE_TITLE, two, crypto, damagedShare(1));
  for (let at = 0; at < content.length; at++) {
    const damaged = content.slice();
    damaged[at] = (damaged[at] ?? 0) ^ 0x10;
    await assert.rejects(joinShares([one, armour(SHARE_TITLE, damaged, crypto)], crypto), hasCode("RECOVERY_SHARE_DAMAGED"), `byte ${at}`);
  }
});

test("a share that was made up, whole in itself, gives no other seed", async () => {
  const [one, two, three] = (await split(3, 2)) as [Uint8Array, Uint8Array, Uint8Array];
  const value = crypto.randomBytes(33);
  for (const some of [
    [one, changed(two, { value })],
    [one, changed(two, { agentName: "mallory" })],
    [one, changed(two, { agentId: someAgent("bob") })],
    [one, changed(two, { createdAt: 1 })],
    [one, changed(two, { threshold: 3 })],
    [one, changed(two, { count: 9 })],
    [changed(one, { threshold: 3 }), two, three],
    [one, changed(one, { index: 2 })],
    [one, two, changed(three, { value })],
  ]) {
    await assert.rejects(joinShares(some, crypto), hasCode("RECOVERY_SHARES_WRONG"));
  }
});

test("a threshold that was lowered does not let fewer shares give another seed", async () => {
  const [one, two] = (await split(5, 3)) as [Uint8Array, Uint8Array];
  await assert.rejects(
    joinShares([changed(one, { threshold: 2 }), changed(two, { threshold: 2 })], crypto),
    hasCode("RECOVERY_SHARES_WRONG"),
  );
});

test("the block alone is enough to type in", async () => {
  const shares = await split(3, 2);
  const blocks = shares.map(decodeUtf8).map((text) => utf8(text.slice(text.indexOf("-----BEGIN"))));
  using joined = await joinShares(blocks.slice(1), crypto);
  assert.ok(joined.seed.equals(SEED));
});

test("shares tell nothing alone: two splits of one seed have no share in common, and none holds the seed", async () => {
  const values = [...(await split(5, 3)), ...(await split(5, 3))].map((text) => {
    const { content } = unarmour(SHARE_TITLE, text, crypto, damagedShare(1));
    return decodeShare(content, damagedShare(1), crypto).value;
  });
  const seen = new Set(values.map((value) => Buffer.from(value.subarray(0, 32)).toString("hex")));
  assert.equal(seen.size, values.length);
  assert.ok(!seen.has(Buffer.from(revealSecret(SEED)).toString("hex")));
});
