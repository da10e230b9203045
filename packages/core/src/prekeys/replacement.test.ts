import assert from "node:assert/strict";
import { test } from "node:test";
import { batchOf, castMember, DAY, statementOf, STORY_START, type CastBatch } from "../../../testkit/src/vectors/cast.ts";
import { assertRefused } from "../../../testkit/src/vectors/refusals.ts";
import { toHex } from "../bytes/hex.ts";
import { nodeCrypto } from "../primitives/node-crypto.ts";
import { decodeStatement, statementLeaf } from "./statement.ts";
import { verifyBatchReplacement, type BatchReplacement, type KnownPrekeys, type VerifiedReplacement } from "./replacement.ts";

const bob = castMember("bob");
const NOW = STORY_START + DAY;

function statements({ tree }: CastBatch, kind: string): readonly Uint8Array[] {
  return tree.ordered.filter((statement) => statement.kind === kind).map(({ wire }) => wire);
}

function firstPublication(batch: CastBatch): BatchReplacement {
  const [signedPrekey] = statements(batch, "signed-prekey") as [Uint8Array];
  return { batch: batch.batch.wire, signedPrekey, carried: [], added: statements(batch, "one-time-prekey") };
}

/** A directory that has seen these statements. */
function knowing(wires: readonly Uint8Array[], liveFrom?: number): KnownPrekeys {
  const seen = new Map(
    wires.map(decodeStatement).map(({ id, kind, wire }) => [toHex(id), { kind, leafHash: statementLeaf(wire, nodeCrypto) }]),
  );
  return { ...(liveFrom === undefined ? {} : { liveFrom }), find: (id) => seen.get(toHex(id)) };
}

function verify(replacement: BatchReplacement, known: KnownPrekeys = knowing([]), now = NOW): VerifiedReplacement {
  return verifyBatchReplacement(bob.log, replacement, known, nodeCrypto, now);
}

test("a first batch is accepted, with its leaves in the order of the tree", () => {
  const batch = batchOf(bob, 4);
  const verified = verify(firstPublication(batch));
  assert.deepEqual(
    verified.leaves.map(({ id }) => toHex(id)),
    batch.tree.ordered.map(({ id }) => toHex(id)),
  );
  assert.equal(verified.added.length, 4);
});

test("a refill carries what the directory has seen, claimed or not, and brings the rest", () => {
  const before = batchOf(bob, 2);
  const after = batchOf(bob, 4, { from: STORY_START + 1 });
  const known = knowing([...statements(before, "signed-prekey"), ...statements(before, "one-time-prekey")], STORY_START);
  const carried = statements(before, "one-time-prekey").map((wire) => decodeStatement(wire).id);
  const added = statements(after, "one-time-prekey").filter((wire) => !carried.some((id) => toHex(id) === toHex(decodeStatement(wire).id)));
  const refill = { ...firstPublication(after), carried, added };
  assert.equal(verify(refill, known).added.length, 2);
  assertRefused(() => verify(firstPublication(after), known), "new ids that were seen", "PREKEY_ID_REUSED");
  assertRefused(() => verify(refill, knowing([])), "carried ids that were not seen", "PREKEY_UNKNOWN");
  assertRefused(() => verify({ ...refill, carried: carried.slice(1) }, known), "a leaf is missing", "BATCH_INVALID");
  assertRefused(() => verify({ ...refill, carried: [...carried, ...carried] }, known), "ids twice", "BATCH_INVALID");
  assertRefused(
    () => verify({ ...refill, carried: [...carried, decodeStatement(refill.signedPrekey).id] }, known),
    "the signed prekey carried",
    "PREKEY_UNKNOWN",
  );
});

test("a batch that starts before the live one is stale; one that has ended is expired", () => {
  const batch = firstPublication(batchOf(bob, 1));
  assertRefused(() => verify(batch, knowing([], STORY_START + 1)), "stale", "BATCH_STALE");
  assertRefused(() => verify(batch, knowing([]), STORY_START + 44 * DAY), "ended", "BATCH_EXPIRED");
});

test("an id that stands for another prekey now is refused, also of a signed prekey", () => {
  const batch = firstPublication(batchOf(bob, 1));
  const { wire: _wire, ...fields } = decodeStatement(batch.signedPrekey);
  const known: KnownPrekeys = {
    find: (id) => (toHex(id) === toHex(fields.id) ? { kind: "signed-prekey", leafHash: new Uint8Array(32) } : undefined),
  };
  assertRefused(() => verify(batch, known), "other leaf", "PREKEY_ID_REUSED");
});

test("kinds are what they are published as", () => {
  const batch = firstPublication(batchOf(bob, 1));
  assertRefused(() => verify({ ...batch, signedPrekey: batch.added[0] as Uint8Array }), "one-time as signed", "BATCH_INVALID");
  assertRefused(() => verify({ ...batch, added: [batch.signedPrekey] }), "signed as one-time", "BATCH_INVALID");
  assertRefused(() => verify({ ...batch, added: [statementOf("other", "one-time-prekey")] }), "another statement", "BATCH_INVALID");
});

test("failure 15: an id is new once: the same addition does not come a second time under another batch", () => {
  const batch = batchOf(bob, 3);
  const published = firstPublication(batch);
  verify(published);
  const known = knowing([published.signedPrekey, ...published.added], STORY_START);
  assertRefused(() => verify(published, known), "again as new", "PREKEY_ID_REUSED");
});

test("size, end and start of a batch fit its signed prekey and its leaves", () => {
  const resigned = (changes: Parameters<typeof batchOf>[2]): BatchReplacement => ({
    ...firstPublication(batchOf(bob, 1)),
    batch: batchOf(bob, 1, changes).batch.wire,
  });
  assertRefused(() => verify(resigned({ size: 3 })), "another size", "BATCH_INVALID");
  assertRefused(() => verify(resigned({ root: new Uint8Array(32) })), "another root", "BATCH_INVALID");
  assertRefused(() => verify(resigned({ to: STORY_START + 44 * DAY + 1 })), "ends after its signed prekey", "BATCH_INVALID");
  const from = STORY_START - 2 * DAY;
  const early = resigned({ from, to: from + 45 * DAY });
  verify(early, knowing([]), STORY_START - 600_000);
  assertRefused(() => verify(early, knowing([]), STORY_START - 600_001), "before its signed prekey begins", "BATCH_INVALID");
});
