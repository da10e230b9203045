import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { record } from "../../../testkit/src/vectors/arbitraries.ts";
import { batchOf, bytesOf, castMember, DAY, signAll, statementOf, STORY_START } from "../../../testkit/src/vectors/cast.ts";
import { assertNoMutationPasses, assertNoTruncationPasses, assertRefused } from "../../../testkit/src/vectors/refusals.ts";
import { compareBytes } from "../bytes/bytes.ts";
import { LABELS } from "../keys/labels.ts";
import { encodeSigned, signedBytes } from "../keys/signed.ts";
import { nodeCrypto } from "../primitives/node-crypto.ts";
import { assembleBatch, decodeBatch, prepareBatch, verifyBatch } from "./batch.ts";
import { batchTree, type PlacedStatement } from "./batch-tree.ts";
import { verifyBundle, type UnverifiedBundle, type VerifiedBundle } from "./bundle.ts";
import { decodeStatement, encodeStatement, isPrekeyOf } from "./statement.ts";

const alice = castMember("alice");
const bob = castMember("bob");
const { batch, tree, input } = batchOf(bob, 5);
const NOW = STORY_START + DAY;

function place(kind: "signed-prekey" | "one-time-prekey"): PlacedStatement {
  return tree.place(tree.ordered.findIndex((statement) => statement.kind === kind));
}

const bundle: UnverifiedBundle = {
  log: bob.log.events,
  certificate: new Uint8Array(0),
  batch: batch.wire,
  signedPrekey: place("signed-prekey"),
  oneTimePrekey: place("one-time-prekey"),
};

function verify(changes: Partial<UnverifiedBundle> = {}, now = NOW): VerifiedBundle {
  return verifyBundle(bob.log, { ...bundle, ...changes }, nodeCrypto, now);
}

test("every statement goes through its encoding and back", () => {
  const base = decodeStatement(statementOf("bob signed prekey", "signed-prekey"));
  const fields = record({
    kind: fc.constantFrom("signed-prekey", "one-time-prekey"),
    id: fc.uint8Array({ minLength: 8, maxLength: 8 }),
    from: fc.nat(2 ** 31),
    length: fc.integer({ min: 1, max: 45 * DAY }),
  });
  fc.assert(
    fc.property(fields, ({ kind, id, from, length }) => {
      const statement = { kind, id, agreementKey: base.agreementKey, kemKey: base.kemKey, from, to: from + length };
      const { wire, ...read } = decodeStatement(encodeStatement(statement));
      assert.deepEqual(read, { ...statement, extensions: [] });
      assert.deepEqual(encodeStatement(read), wire);
      assert.equal(isPrekeyOf(decodeStatement(wire), kind), true);
    }),
    { numRuns: 50 },
  );
});

test("a tree is ordered by id, has every statement with its path, and refuses ids that occur twice", () => {
  const ids = tree.ordered.map(({ id }) => id);
  assert.deepEqual(ids, ids.toSorted(compareBytes));
  for (const index of tree.ordered.keys()) {
    const placed = tree.place(index);
    const key = tree.ordered[index]?.kind === "signed-prekey" ? "signedPrekey" : "oneTimePrekey";
    verify({ [key]: placed });
  }
  assertRefused(() => tree.place(6), "outside", "INVALID_ARGUMENT");
  const statements = tree.ordered.map(({ wire }) => wire);
  assert.deepEqual(batchTree(statements.toReversed(), nodeCrypto).root, tree.root);
  assertRefused(() => batchTree([...statements, place("one-time-prekey").statement], nodeCrypto), "twice", "BATCH_INVALID");
  assertRefused(() => batchTree([place("one-time-prekey").statement], nodeCrypto), "no signed prekey", "BATCH_INVALID");
  assertRefused(() => batchTree([], nodeCrypto), "empty", "BATCH_INVALID");
});

test("a verified bundle has what the batch and the log say", () => {
  const verified = verify();
  assert.deepEqual(verified.agentId, bob.log.agentId);
  assert.deepEqual(verified.encryptionKey.bytes, bob.encryption.publicKey);
  assert.deepEqual([verified.root, verified.to, verified.options], [batch.root, batch.to, 1]);
  assert.equal(verified.signedPrekey.kind, "signed-prekey");
  const { oneTimePrekey: _none, ...without } = bundle;
  assert.equal(verifyBundle(bob.log, without, nodeCrypto, NOW).oneTimePrekey, undefined);
});

test("no batch and no bundle passes with a changed or missing byte", () => {
  assertNoMutationPasses(batch.wire, (bytes) => verifyBatch(bob.log, bytes, nodeCrypto));
  assertNoTruncationPasses(batch.wire, (bytes) => verifyBatch(bob.log, bytes, nodeCrypto));
  const { signedPrekey } = bundle;
  assertNoMutationPasses(signedPrekey.statement, (statement) => verify({ signedPrekey: { ...signedPrekey, statement } }));
  for (const [level, hash] of signedPrekey.path.entries()) {
    assertNoMutationPasses(hash, (changed) => verify({ signedPrekey: { ...signedPrekey, path: signedPrekey.path.with(level, changed) } }));
  }
  for (const index of [-1, 0.5, 6, 2 ** 40, Number.NaN])
    assertRefused(() => verify({ signedPrekey: { ...signedPrekey, index } }), `index ${index}`);
});

test("failure 20: a batch ends inside its signature, and nothing is taken from it afterwards", () => {
  verify({}, batch.to - 1);
  assertRefused(() => verify({}, batch.to), "at its end", "BATCH_EXPIRED");
  assertRefused(() => verify({}, batch.from - 600_001), "before its start", "BATCH_EXPIRED");
  const longer = prepareBatch({ ...input, to: input.to + 1 });
  const [entry] = signAll(prepareBatch(input), { 1: bob.identity });
  assert.ok(entry);
  assertRefused(() => verify({ batch: encodeSigned(longer.body, [entry]) }), "an end moved by the directory", "SIGNATURE_INVALID");
});

test("failure 20: no batch is valid for more than 45 days, nor longer than its signed prekey", () => {
  assertRefused(() => prepareBatch({ ...input, to: input.from + 45 * DAY + 1 }), "too wide", "MALFORMED");
  const short = batchTree([statementOf("bob signed prekey", "signed-prekey", STORY_START - 10 * DAY)], nodeCrypto);
  const prepared = prepareBatch({ ...input, size: 1, root: short.root });
  const wire = encodeSigned(prepared.body, signAll(prepared, { 1: bob.identity }));
  const { oneTimePrekey: _none, ...rest } = bundle;
  assertRefused(
    () => verifyBundle(bob.log, { ...rest, batch: wire, signedPrekey: short.place(0) }, nodeCrypto, NOW),
    "outlives it",
    "BUNDLE_INVALID",
  );
});

test("failure 20: a prekey that has ended is not used, whatever its batch says", () => {
  const old = batchTree(
    [statementOf("bob signed prekey", "signed-prekey"), statementOf("bob old prekey", "one-time-prekey", STORY_START - 89 * DAY)],
    nodeCrypto,
  );
  const prepared = prepareBatch({ ...input, size: 2, root: old.root });
  const wire = encodeSigned(prepared.body, signAll(prepared, { 1: bob.identity }));
  const index = old.ordered.findIndex(({ kind }) => kind === "one-time-prekey");
  const parts = { batch: wire, signedPrekey: old.place(1 - index), oneTimePrekey: old.place(index) };
  verify(parts, STORY_START + 1000);
  assertRefused(() => verify(parts, STORY_START + DAY), "one-time prekey ended", "BATCH_EXPIRED");
});

test("failure 7: a prekey counts only as a typed statement in a batch: no other signature makes one", () => {
  const { body } = prepareBatch(input);
  for (const label of [LABELS.signIdentityEvent, LABELS.signInstanceCertificate, LABELS.signMessage, LABELS.signUser]) {
    const signature = bob.identity.sign(signedBytes(label, 1, body));
    assertRefused(() => verify({ batch: encodeSigned(body, [{ role: 1, algorithm: 1, signature }]) }), label, "SIGNATURE_INVALID");
  }
  const oneTimePrekey = bundle.signedPrekey;
  assertRefused(() => verify({ oneTimePrekey }), "a signed prekey as a one-time prekey", "BUNDLE_INVALID");
  const node = tree.place(0).path[0] as Uint8Array;
  const asLeaf = { ...bundle.signedPrekey, statement: node };
  assertRefused(() => verify({ signedPrekey: asLeaf }), "a node of the tree as a statement", "MALFORMED");
});

test("a batch is its agent's own and names a head of its log", () => {
  assertRefused(() => verifyBatch(alice.log, batch.wire, nodeCrypto), "other agent", "BATCH_INVALID");
  const prepared = prepareBatch({ ...input, head: { seq: 0, hash: bytesOf("elsewhere", 32) } });
  assertRefused(() => assembleBatch(bob.log, prepared.body, signAll(prepared, { 1: bob.identity }), nodeCrypto), "head", "HEAD_UNKNOWN");
  assert.deepEqual(decodeBatch(batch.wire).root, batch.root);
});
