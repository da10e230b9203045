// Vectors of prekey statements, batches and bundles.
import {
  batchTree,
  decodeStatement,
  encodeSigned,
  fromHex,
  LABELS,
  nodeCrypto,
  prepareBatch,
  signedBytes,
  statementLeaf,
  toHex,
  verifyBatch,
  verifyBundle,
  type BatchInput,
  type PlacedStatement,
} from "@talos/core";
import { brokenStructures, extension, withFields, withFlippedBit } from "./breakage.ts";
import { batchOf, castMember, DAY, statementOf, STORY_START, type CastMember } from "./cast.ts";
import { logContext, logOf } from "./certificate.ts";
import { field, toJson, type Json, type Reading, type VectorCase, type VectorSet } from "./format.ts";

const alice = castMember("alice");
const bob = castMember("bob");

export const statementVectors: VectorSet = {
  structure: "prekey-statement",
  specification: "prekeys.md, Statement",
  cases: statementCases,
  read: readStatement,
};

function readStatement(wire: Json): Reading {
  const { wire: bytes, ...fields } = decodeStatement(fromHex(wire as string));
  return { fields: toJson(fields), derived: { leaf: toHex(statementLeaf(bytes, nodeCrypto)) } };
}

function statementCases(): VectorCase[] {
  const valid = (name: string, description: string, wire: Uint8Array): VectorCase => ({
    name,
    description,
    wire: toHex(wire),
    ...readStatement(toHex(wire)),
  });
  const refused = (name: string, description: string, wire: Uint8Array, error = "MALFORMED"): VectorCase => ({
    name,
    description,
    wire: toHex(wire),
    error,
  });
  const oneTime = statementOf("bob one-time prekey 0", "one-time-prekey");
  const signedPrekey = statementOf("bob signed prekey", "signed-prekey");
  return [
    valid("signed-prekey", "Of bob.", signedPrekey),
    valid("one-time-prekey", "Of bob.", oneTime),
    valid(
      "extensions",
      "With an extension that is unknown and not critical: kept, and part of the leaf.",
      withFields(oneTime, { 99: [extension(3, false)] }),
    ),
    ...brokenStructures(oneTime).map(({ name, description, body, error }) => refused(name, description, body, error)),
    refused("kind-2", "A kind that does not exist.", withFields(oneTime, { 2: 2 })),
    refused("id-short", "An id of 7 bytes.", withFields(oneTime, { 3: new Uint8Array(7) })),
    refused(
      "agreement-key-zero",
      "An agreement key of small order.",
      withFields(oneTime, { 4: [2, new Uint8Array(32)] }),
      "WEAK_PUBLIC_KEY",
    ),
    refused("agreement-key-ed25519", "An agreement key of another algorithm.", withFields(oneTime, { 4: [1, bob.identity.key.bytes] })),
    refused("kem-key-short", "A KEM key that is too short.", withFields(oneTime, { 5: [3, new Uint8Array(1183)] })),
    refused("kem-key-x25519", "A KEM key of another algorithm.", withFields(oneTime, { 5: [2, bob.encryption.publicKey] })),
    refused(
      "signed-prekey-46-days",
      "A signed prekey that is valid for more than 45 days.",
      withFields(signedPrekey, { 7: STORY_START + 45 * DAY + 1 }),
    ),
    refused(
      "one-time-prekey-91-days",
      "A one-time prekey that is valid for more than 90 days.",
      withFields(oneTime, { 7: STORY_START + 90 * DAY + 1 }),
    ),
    refused("ends-at-start", "It ends when it begins.", withFields(oneTime, { 7: STORY_START })),
    refused("too-large", "More than 2,048 bytes.", withFields(oneTime, { 99: [[1, false, new Uint8Array(1000)]] })),
  ];
}

export const batchVectors: VectorSet = {
  structure: "prekey-batch",
  specification: "prekeys.md, Batch",
  cases: batchCases,
  read: readBatch,
};

function readBatch(wire: Json, context: Json): Reading {
  const now = field(context, "now");
  const {
    wire: _wire,
    hash,
    ...fields
  } = verifyBatch(logOf(context), fromHex(wire as string), nodeCrypto, now === null ? undefined : (now as number));
  return { fields: toJson(fields), derived: { batchHash: toHex(hash) } };
}

function signed(body: Uint8Array, member: CastMember): Uint8Array {
  return encodeSigned(body, [
    { role: 1, algorithm: member.identity.key.algorithm, signature: member.identity.sign(signedBytes(LABELS.signPrekeyBatch, 1, body)) },
  ]);
}

function batchCases(): VectorCase[] {
  const context = logContext(bob);
  const valid = (name: string, description: string, wire: Uint8Array, extra: object = {}): VectorCase => {
    const full = { ...context, ...extra };
    return { name, description, context: full, wire: toHex(wire), ...readBatch(toHex(wire), full) };
  };
  const refused = (name: string, description: string, wire: Uint8Array, error: string, extra: object = {}): VectorCase => ({
    name,
    description,
    context: { ...context, ...extra },
    wire: toHex(wire),
    error,
  });
  const { batch, input } = batchOf(bob, 3);
  const { body } = prepareBatch(input);
  const changed = (name: string, description: string, changes: Parameters<typeof withFields>[1], error = "MALFORMED"): VectorCase =>
    refused(name, description, signed(withFields(body, changes), bob), error);
  return [
    valid("four-statements", "One signed prekey and three one-time prekeys.", batch.wire),
    valid("one-statement", "A signed prekey alone.", batchOf(bob, 0).batch.wire),
    valid("no-options", "Offering no options.", batchOf(bob, 0, { options: 0, directories: [] }).batch.wire),
    valid(
      "extensions",
      "With an extension that is unknown and not critical: kept.",
      signed(withFields(body, { 99: [extension(3, false)] }), bob),
    ),
    valid("before-end", "In the last millisecond.", batch.wire, { now: batch.to - 1 }),
    refused("at-end", "At its end, to the millisecond: no slack.", batch.wire, "BATCH_EXPIRED", { now: batch.to }),
    refused("too-early", "More than 10 minutes before its start.", batch.wire, "BATCH_EXPIRED", { now: batch.from - 600_001 }),
    ...brokenStructures(body).map((broken) => refused(broken.name, broken.description, signed(broken.body, bob), broken.error)),
    changed("options-unknown", "An option that is not defined.", { 4: 2 }),
    changed("size-0", "No statement.", { 8: 0 }),
    changed("size-1002", "More statements than there may be.", { 8: 1002 }),
    changed("root-short", "A root of 31 bytes.", { 9: new Uint8Array(31) }),
    changed("46-days", "Valid for more than 45 days.", { 7: STORY_START + 45 * DAY + 1 }),
    changed("ends-at-start", "It ends when it begins.", { 7: STORY_START }),
    changed("other-agent", "Another agent's id.", { 2: alice.log.agentId }, "BATCH_INVALID"),
    changed("head-unknown", "A log head that is not in the log.", { 3: [0, alice.log.head.hash] }, "HEAD_UNKNOWN"),
    refused("signed-by-another", "Signed by another agent.", signed(body, alice), "SIGNATURE_INVALID"),
    refused("signature-changed", "One bit of the signature is changed.", withFlippedBit(batch.wire, -1), "SIGNATURE_INVALID"),
    refused(
      "signed-as-certificate",
      "A signature over a certificate's label.",
      encodeSigned(body, [{ role: 1, algorithm: 1, signature: bob.identity.sign(signedBytes(LABELS.signInstanceCertificate, 1, body)) }]),
      "SIGNATURE_INVALID",
    ),
  ];
}

export const bundleVectors: VectorSet = {
  structure: "prekey-bundle",
  specification: "prekeys.md, Bundle",
  cases: bundleCases,
  read: readBundle,
};

function placedFrom(json: Json): PlacedStatement {
  return {
    statement: fromHex(field(json, "statement") as string),
    index: field(json, "index") as number,
    path: (field(json, "path") as readonly string[]).map(fromHex),
  };
}

function readBundle(wire: Json, context: Json): Reading {
  const oneTime = field(wire, "oneTimePrekey");
  const verified = verifyBundle(
    logOf(context),
    {
      log: [],
      certificate: new Uint8Array(0),
      batch: fromHex(field(wire, "batch") as string),
      signedPrekey: placedFrom(field(wire, "signedPrekey")),
      ...(oneTime !== null && { oneTimePrekey: placedFrom(oneTime) }),
    },
    nodeCrypto,
    field(context, "now") as number,
  );
  const { signedPrekey, oneTimePrekey, ...fields } = verified;
  return { fields: toJson({ ...fields, signedPrekeyId: signedPrekey.id, oneTimePrekeyId: oneTimePrekey?.id ?? null }) };
}

interface Parts {
  readonly batch: Uint8Array;
  readonly signedPrekey: PlacedStatement;
  readonly oneTimePrekey: PlacedStatement | null;
}

function bundleCases(): VectorCase[] {
  const now = STORY_START + DAY;
  const { batch, tree, input } = batchOf(bob, 6);
  const placed = tree.ordered.map((_, index) => tree.place(index));
  const signedPrekey = placed[tree.ordered.findIndex(({ kind }) => kind === "signed-prekey")] as PlacedStatement;
  const others = placed.filter((candidate) => candidate !== signedPrekey);
  const [first, second] = others as [PlacedStatement, PlacedStatement];
  const whole: Parts = { batch: batch.wire, signedPrekey, oneTimePrekey: first };
  const valid = (name: string, description: string, parts: Parts): VectorCase => {
    const context = { ...logContext(bob), now };
    return { name, description, context, wire: toJson(parts), ...readBundle(toJson(parts), context) };
  };
  const refused = (name: string, description: string, parts: Partial<Parts>, error: string, at = now): VectorCase => ({
    name,
    description,
    context: { ...logContext(bob), now: at },
    wire: toJson({ ...whole, ...parts }),
    error,
  });
  const small = batchOf(bob, 0);
  const rebatched = (changes: Partial<BatchInput>): Uint8Array => signed(prepareBatch({ ...input, ...changes }).body, bob);
  const stale = batchTree([statementOf("bob stale prekey", "signed-prekey", STORY_START - 44 * DAY)], nodeCrypto);
  const staleBatch = rebatched({ size: 1, root: stale.root, to: STORY_START + 44 * DAY });
  const shortTree = batchTree([withFields(signedPrekey.statement, { 7: STORY_START + 2 * DAY })], nodeCrypto);
  return [
    ...others.map((oneTimePrekey, index) =>
      valid(`one-time-prekey-${index}`, `With the one-time prekey at index ${oneTimePrekey.index} of 7.`, { ...whole, oneTimePrekey }),
    ),
    valid("no-one-time-prekey", "The stock is used up.", { ...whole, oneTimePrekey: null }),
    valid("tree-of-one", "A batch of one statement: the path is empty.", {
      batch: small.batch.wire,
      signedPrekey: small.tree.place(0),
      oneTimePrekey: null,
    }),
    refused("expired", "The batch has ended: a directory cannot serve a stale one.", {}, "BATCH_EXPIRED", batch.to),
    refused("too-early", "The batch begins more than 10 minutes from now.", {}, "BATCH_EXPIRED", batch.from - 600_001),
    refused(
      "prekey-expired",
      "The signed prekey has ended; the batch claims to be valid for longer.",
      { batch: staleBatch, signedPrekey: stale.place(0), oneTimePrekey: null },
      "BATCH_EXPIRED",
    ),
    refused(
      "batch-outlives-prekey",
      "The batch ends after its signed prekey.",
      { batch: rebatched({ size: 1, root: shortTree.root }), signedPrekey: shortTree.place(0), oneTimePrekey: null },
      "BUNDLE_INVALID",
    ),
    refused("index-other", "The index of another statement.", { oneTimePrekey: { ...first, index: second.index } }, "BUNDLE_INVALID"),
    refused("path-other", "The path of another statement.", { oneTimePrekey: { ...first, path: second.path } }, "BUNDLE_INVALID"),
    refused(
      "path-short",
      "A path without its last hash.",
      { oneTimePrekey: { ...first, path: first.path.slice(0, -1) } },
      "BUNDLE_INVALID",
    ),
    refused(
      "path-long",
      "A path with one more hash.",
      { oneTimePrekey: { ...first, path: [...first.path, batch.root] } },
      "BUNDLE_INVALID",
    ),
    refused("index-outside", "An index beyond the size.", { oneTimePrekey: { ...first, index: batch.size } }, "BUNDLE_INVALID"),
    refused(
      "foreign-statement",
      "A statement that is not in the batch.",
      { oneTimePrekey: { ...first, statement: statementOf("mallory prekey", "one-time-prekey") } },
      "BUNDLE_INVALID",
    ),
    refused("kinds-swapped", "A one-time prekey in the place of the signed prekey.", { signedPrekey: first }, "BUNDLE_INVALID"),
    refused("signed-prekey-twice", "The signed prekey also as a one-time prekey.", { oneTimePrekey: signedPrekey }, "BUNDLE_INVALID"),
    refused("batch-of-another", "A batch of another agent.", { batch: batchOf(alice, 0).batch.wire }, "BATCH_INVALID"),
    refused(
      "batch-signature-changed",
      "One bit of the batch's signature is changed.",
      { batch: withFlippedBit(batch.wire, -1) },
      "SIGNATURE_INVALID",
    ),
    refused(
      "batch-signed-by-another",
      "The batch is signed by another key.",
      { batch: signed(prepareBatch(input).body, alice) },
      "SIGNATURE_INVALID",
    ),
  ];
}
