import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { test } from "node:test";
import { agentIdToDid, isTalosError, nodeCrypto } from "@talos/core";
import { hasCode } from "@talos/testkit";
import { FACTS, FLOOR, folder, NOW, secret, someAgent } from "./kit-fixture.test.ts";
import { makeKit, openKit } from "./kit-file.ts";
import { joinKit, splitKit } from "./share-files.ts";

const crypto = nodeCrypto;
const KITS = "seven ladders under a brass moon";
const NEXT = "nine kettles on a marble stair";
const GROUND = { crypto, now: NOW + 1000, kdf: FLOOR, allowWeak: false };

function withKit(agentName: string = FACTS.agentName): ReturnType<typeof folder> {
  const place = folder();
  const seed = crypto.randomSecret(32);
  makeKit({ ...FACTS, agentName, path: place.path("kit.txt"), seed, password: secret(KITS), kdf: FLOOR, crypto });
  return place;
}

function splitting(place: ReturnType<typeof folder>, shares: number = 3): Parameters<typeof splitKit>[0] {
  return { path: place.path("kit.txt"), password: KITS, shares, threshold: 2, outputDir: place.path("shares") };
}

test("each share is a file of its own for its owner alone, and two of three make a kit again, under a password of its own", async () => {
  using place = withKit();
  const split = await splitKit(splitting(place), crypto, FACTS.agentId);
  assert.deepEqual([split.did, split.agentName, split.threshold], [agentIdToDid(FACTS.agentId), "alice", 2]);
  const names = [1, 2, 3].map((index) => `alice.share-${index}-of-3.${split.set}.txt`);
  assert.deepEqual(
    split.files.map((file) => basename(file)),
    names,
  );
  for (const file of split.files) assert.equal(statSync(file).mode & 0o777, 0o600);

  const joined = await joinKit({ shares: split.files.slice(1), path: place.path("again.txt"), password: NEXT }, GROUND);
  assert.deepEqual(joined, { path: place.path("again.txt"), did: split.did, agentName: "alice", set: split.set });
  using before = openKit(place.path("kit.txt"), secret(KITS), crypto);
  using after = openKit(place.path("again.txt"), secret(NEXT), crypto, FACTS.agentId);
  assert.ok(after.seed.equals(before.seed));
  assert.equal(after.createdAt, NOW + 1000);
});

test("a kit of another agent is not split, nor one whose password is wrong", async () => {
  using place = withKit();
  await assert.rejects(splitKit(splitting(place), crypto, someAgent("bob")), hasCode("RECOVERY_KIT_FOREIGN"));
  await assert.rejects(splitKit({ ...splitting(place), password: "another" }, crypto), hasCode("RECOVERY_KIT_WRONG_PASSWORD"));
  await assert.rejects(splitKit({ ...splitting(place), threshold: 4 }, crypto), hasCode("INVALID_ARGUMENT"));
  assert.equal(statSync(place.path("shares"), { throwIfNoEntry: false }), undefined);
});

test("where one share cannot be written, none is left", async () => {
  using place = withKit();
  writeFileSync(place.path("shares"), "a file");
  await assert.rejects(splitKit(splitting(place), crypto), (error) => isTalosError(error));
  using other = withKit();
  mkdirSync(other.path("shares"));
  // A set's name is drawn, so no file can be in the way by name; a folder that takes only some is told by its end.
  const late = {
    ...crypto,
    randomBytes: (length: number): Uint8Array => new Uint8Array(length).fill(7),
  };
  writeFileSync(other.path("shares/alice.share-3-of-3.07070707.txt"), "mine");
  await assert.rejects(splitKit(splitting(other), late), hasCode("FILE_EXISTS"));
  assert.deepEqual(readdirSync(other.path("shares")), ["alice.share-3-of-3.07070707.txt"]);
  assert.equal(readFileSync(other.path("shares/alice.share-3-of-3.07070707.txt"), "utf8"), "mine");
});

test("an agent's name cannot lead a share out of its folder", async () => {
  using place = withKit("../../etc/alice");
  const { files } = await splitKit(splitting(place), crypto);
  assert.deepEqual(files.length, 3);
  assert.equal(readdirSync(place.path("shares")).length, 3);
});

test("what is wrong with shares, or with the place of the new kit, makes none", async () => {
  using place = withKit();
  const { files } = await splitKit(splitting(place), crypto);
  const [one = "", two = ""] = files;
  const join = async (shares: readonly string[], path: string = "again.txt", password: string = NEXT): Promise<unknown> =>
    await joinKit({ shares, path: place.path(path), password }, GROUND);
  await assert.rejects(join([one]), hasCode("RECOVERY_SHARES_TOO_FEW"));
  await assert.rejects(join([one, one]), hasCode("RECOVERY_SHARE_REPEATED"));
  await assert.rejects(join([one, place.path("absent")]), hasCode("FILE_NOT_FOUND"));
  await assert.rejects(
    join([one, place.path("kit.txt")]),
    (error) => isTalosError(error, "RECOVERY_SHARE_DAMAGED") && error.details["share"] === 2,
  );
  await assert.rejects(join([one, two], "kit.txt"), hasCode("RECOVERY_KIT_EXISTS"));
  await assert.rejects(join([one, two], "again.txt", "umbrella17"), hasCode("WEAK_PASSWORD"));
  assert.equal(statSync(place.path("again.txt"), { throwIfNoEntry: false }), undefined);
});
