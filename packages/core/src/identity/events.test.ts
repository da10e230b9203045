import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { record, recordWithOptional } from "../../../testkit/src/vectors/arbitraries.ts";
import { castMember, encryptionKeyOf, signAll, signerOf, STORY_START } from "../../../testkit/src/vectors/cast.ts";
import { es256SignerOf, withOtherS } from "../../../testkit/src/vectors/es256.ts";
import { assertNoMutationPasses, assertNoTruncationPasses, assertRefused } from "../../../testkit/src/vectors/refusals.ts";
import { equalBytes } from "../bytes/bytes.ts";
import { encodeCbor } from "../codec/cbor.ts";
import { PROTECTION_LEVELS } from "../keys/key-state.ts";
import { LABELS } from "../keys/labels.ts";
import { encodeSigned, signedBytes, type Prepared } from "../keys/signed.ts";
import { nodeCrypto } from "../primitives/node-crypto.ts";
import { decodeEventBody, type RotationInput } from "./event-codec.ts";
import {
  assembleEvent,
  decodeEvent,
  keyCommitment,
  prepareInception,
  prepareRevocation,
  prepareRotation,
  verifyEventSignatures,
} from "./signed-event.ts";

const alice = castMember("alice");
const rotation: RotationInput = {
  seq: 1,
  previous: alice.log.head.hash,
  authority: "online",
  revealedKey: alice.next.key,
  time: STORY_START + 1,
  identityKey: alice.next.key,
  identityProtection: "software",
  encryptionKey: encryptionKeyOf("alice encryption 2"),
  encryptionProtection: "software",
  next: alice.inception.next,
  reason: "planned",
  migrationSeconds: 60,
};

const hash32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const uint = fc.maxSafeNat();
const identityKeys = fc.constantFrom(...["a", "b", "c"].map((name) => signerOf(name).key), es256SignerOf("carol identity").key);
const protection = fc.constantFrom(...PROTECTION_LEVELS);
const next = recordWithOptional({ online: hash32, recovery: hash32 }, ["online"]);
const extensions = fc
  .uniqueArray(record({ id: fc.nat(100_000), critical: fc.constant(false), value: fc.uint8Array({ maxLength: 40 }) }), {
    selector: ({ id }) => id,
    maxLength: 5,
  })
  .map((list) => list.toSorted((a, b) => a.id - b.id));
const installed = {
  identityKey: identityKeys,
  identityProtection: protection,
  encryptionKey: fc.constantFrom(...["x", "y"].map(encryptionKeyOf)),
  encryptionProtection: protection,
  next,
};
const successor = { seq: fc.integer({ min: 1, max: 9999 }), previous: hash32, revealedKey: identityKeys };
const auditHead = record({ size: uint, root: hash32 });

test("every inception goes through its encoding and back", () => {
  fc.assert(
    fc.property(record({ time: uint, ...installed, extensions }), (input) => {
      assert.deepEqual(decodeEventBody(prepareInception(input).body), { kind: "inception", ...input });
    }),
  );
});

test("every rotation goes through its encoding and back; a key that does not fit its authority is refused", () => {
  const input = recordWithOptional(
    {
      time: uint,
      ...installed,
      ...successor,
      authority: fc.constantFrom("online", "recovery"),
      reason: fc.constantFrom("planned", "compromise", "lost"),
      migrationSeconds: fc.nat(2_592_000),
      suspectFrom: uint,
      auditHead,
      extensions,
    },
    [
      "time",
      "identityKey",
      "identityProtection",
      "encryptionKey",
      "encryptionProtection",
      "next",
      "seq",
      "previous",
      "revealedKey",
      "authority",
      "reason",
      "migrationSeconds",
      "extensions",
    ],
  );
  fc.assert(
    fc.property(input, (fields) => {
      const same =
        fields.identityKey.algorithm === fields.revealedKey.algorithm && equalBytes(fields.identityKey.bytes, fields.revealedKey.bytes);
      const encode = (): Prepared => prepareRotation(fields);
      if (same === (fields.authority === "online")) assert.deepEqual(decodeEventBody(encode().body), { kind: "rotation", ...fields });
      else assertRefused(encode, "authority and keys", "MALFORMED");
    }),
  );
});

test("every revocation goes through its encoding and back", () => {
  const input = recordWithOptional(
    {
      time: uint,
      ...successor,
      authority: fc.constantFrom("online", "recovery"),
      reason: fc.constantFrom("compromise", "lost", "decommissioned"),
      suspectFrom: uint,
      auditHead,
      extensions,
    },
    ["time", "seq", "previous", "revealedKey", "authority", "reason", "extensions"],
  );
  fc.assert(
    fc.property(input, (fields) => assert.deepEqual(decodeEventBody(prepareRevocation(fields).body), { kind: "revocation", ...fields })),
  );
});

test("no event passes with a changed or missing byte", () => {
  const planned = prepareRotation(rotation);
  const wire = assembleEvent(
    planned.body,
    signAll(planned, { 1: alice.next, 2: alice.next, 3: alice.identity }),
    nodeCrypto,
    alice.log.identityKey,
  );
  for (const event of [alice.log.events[0] as Uint8Array, wire]) {
    const read = (bytes: Uint8Array): unknown => verifyEventSignatures(decodeEvent(bytes, nodeCrypto), nodeCrypto, alice.log.identityKey);
    assertNoMutationPasses(event, read);
    assertNoTruncationPasses(event, read);
  }
});

test("assembling refuses what its verifier would refuse", () => {
  const planned = prepareRotation(rotation);
  const signatures = signAll(planned, { 1: alice.next, 2: alice.next, 3: alice.identity });
  assertRefused(() => assembleEvent(planned.body, signatures, nodeCrypto), "without the outgoing key", "SIGNATURE_INVALID");
  assertRefused(
    () => assembleEvent(planned.body, signatures.slice(0, 2), nodeCrypto, alice.log.identityKey),
    "without continuity",
    "SIGNATURE_INVALID",
  );
  assertRefused(() => prepareRotation({ ...rotation, migrationSeconds: 2_592_001 }), "too long", "MALFORMED");
});

test("failure 6: one signed event holds both keys, and its hash is the id: neither key can be changed for another", () => {
  const { body } = prepareInception(alice.inception);
  const other = prepareInception({ ...alice.inception, encryptionKey: encryptionKeyOf("mallory encryption") });
  const stolen = signAll({ body, toSign: [{ role: 1, bytes: signedBytes(LABELS.signIdentityEvent, 1, body) }] }, { 1: alice.identity });
  const read = (bytes: Uint8Array): unknown => verifyEventSignatures(decodeEvent(bytes, nodeCrypto), nodeCrypto);
  assertRefused(() => read(encodeSigned(other.body, stolen)), "alice's signature over another encryption key", "SIGNATURE_INVALID");
  const mallory = signerOf("mallory identity");
  const claimed = prepareInception({ ...alice.inception, identityKey: mallory.key });
  const event = decodeEvent(encodeSigned(claimed.body, signAll(claimed, { 1: mallory })), nodeCrypto);
  assert.equal(equalBytes(event.hash, alice.log.agentId), false, "alice's encryption key under another identity key is another agent");
});

test("failure 57: hashes cover bodies only: another valid signature over one body is the same event", () => {
  const carol = es256SignerOf("carol identity");
  const prepared = prepareInception({
    ...alice.inception,
    identityKey: carol.key,
    identityProtection: "hardware",
    next: { online: keyCommitment(es256SignerOf("carol next").key, nodeCrypto) },
  });
  const wire = encodeSigned(prepared.body, signAll(prepared, { 1: carol }));
  const again = encodeCbor([prepared.body, encodeCbor([[1, 4, new Uint8Array(64)]])]);
  assert.deepEqual(decodeEvent(wire, nodeCrypto).hash, decodeEvent(again, nodeCrypto).hash);
});

test("failure 57: of the two ES256 signatures that verify over one message, only the low one is taken", () => {
  const carol = es256SignerOf("carol identity");
  const prepared = prepareInception({
    ...alice.inception,
    identityKey: carol.key,
    identityProtection: "hardware",
    next: { online: keyCommitment(es256SignerOf("carol next").key, nodeCrypto) },
  });
  const [entry] = signAll(prepared, { 1: carol });
  assert.ok(entry);
  const read = (signature: Uint8Array): unknown =>
    verifyEventSignatures(decodeEvent(encodeSigned(prepared.body, [{ ...entry, signature }]), nodeCrypto), nodeCrypto);
  read(entry.signature);
  assertRefused(() => read(withOtherS(entry.signature)), "high s", "SIGNATURE_INVALID");
});
