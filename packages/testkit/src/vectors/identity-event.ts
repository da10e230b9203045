// Vectors of identity events: every kind, both authorities, keys of both algorithms.
import {
  concatBytes,
  decodeEvent,
  encodeCbor,
  encodeSigned,
  fromHex,
  keyCommitment,
  LABELS,
  nodeCrypto,
  prepareInception,
  prepareRevocation,
  prepareRotation,
  remoteKey,
  signedBytes,
  toHex,
  verifyEventSignatures,
  type Prepared,
  type PublicKey,
  type RevocationInput,
  type Role,
  type RotationInput,
  type SigningAlgorithm,
} from "@talos/core";
import { brokenStructures, extension, withFields, withFlippedBit } from "./breakage.ts";
import { bytesOf, castMember, DAY, encryptionKeyOf, signAll, signerOf, STORY_START, type Signer } from "./cast.ts";
import { es256SignerOf, withOtherS } from "./es256.ts";
import { field, toJson, type Json, type Reading, type VectorCase, type VectorSet } from "./format.ts";

type Signers = Partial<Record<Role, Signer>>;

const alice = castMember("alice");
const bob = castMember("bob");
const spare = signerOf("alice spare");
const later = signerOf("alice later");
const REPEATED = { online: keyCommitment(spare.key, nodeCrypto), recovery: keyCommitment(alice.recovery.key, nodeCrypto) };
const AUDIT = { size: 12, root: bytesOf("alice audit root", 32) };

export const rotation: RotationInput = {
  seq: 1,
  previous: alice.log.head.hash,
  authority: "online",
  revealedKey: alice.next.key,
  time: STORY_START + 30 * DAY,
  identityKey: alice.next.key,
  identityProtection: "hardware",
  encryptionKey: encryptionKeyOf("alice encryption 2"),
  encryptionProtection: "sealed",
  next: REPEATED,
  reason: "planned",
  migrationSeconds: 604_800,
  auditHead: AUDIT,
};
const recovery: RotationInput = {
  ...rotation,
  authority: "recovery",
  revealedKey: alice.recovery.key,
  identityKey: later.key,
  identityProtection: "enclave",
  next: { online: keyCommitment(spare.key, nodeCrypto), recovery: keyCommitment(signerOf("alice recovery 2").key, nodeCrypto) },
  reason: "compromise",
  suspectFrom: 7,
  migrationSeconds: 0,
};
const revocation: RevocationInput = {
  seq: 1,
  previous: alice.log.head.hash,
  authority: "online",
  revealedKey: alice.next.key,
  time: STORY_START + 31 * DAY,
  reason: "decommissioned",
};

function wireOf(prepared: Prepared, signers: Signers): Uint8Array {
  return encodeSigned(prepared.body, signAll(prepared, signers));
}

/** Signs whatever the body holds, in these roles. */
function resigned(body: Uint8Array, signers: Signers): Uint8Array {
  const toSign = Object.keys(signers).map((role) => ({
    role: Number(role) as Role,
    bytes: signedBytes(LABELS.signIdentityEvent, Number(role) as Role, body),
  }));
  return wireOf({ body, toSign }, signers);
}

export const eventVectors: VectorSet = {
  structure: "identity-event",
  specification: "identity.md, Identity events",
  cases: eventCases,
  read: readEvent,
};

function readEvent(wire: Json, context: Json): Reading {
  const outgoing = field(context ?? {}, "outgoing");
  const key =
    outgoing === null
      ? undefined
      : remoteKey("identity", field(outgoing, "algorithm") as SigningAlgorithm, fromHex(field(outgoing, "bytes") as string));
  const unverified = decodeEvent(fromHex(wire as string), nodeCrypto);
  const event = verifyEventSignatures(unverified, nodeCrypto, key);
  return { fields: toJson(event), derived: { eventHash: toHex(unverified.hash) } };
}

function eventCases(): VectorCase[] {
  return [...validInceptions(), ...validSuccessors(), ...refusedInceptions(), ...refusedSuccessors()];
}

function valid(name: string, description: string, wire: Uint8Array, outgoing?: PublicKey): VectorCase {
  const context = outgoing === undefined ? {} : { context: { outgoing: toJson(outgoing) } };
  return { name, description, ...context, wire: toHex(wire), ...readEvent(toHex(wire), context.context ?? null) };
}

function validInceptions(): VectorCase[] {
  const plain = prepareInception(alice.inception);
  const carol = es256SignerOf("carol identity");
  const withoutKit = prepareInception({ ...alice.inception, next: { online: alice.inception.next.online } });
  const hardware = prepareInception({
    ...alice.inception,
    identityKey: carol.key,
    identityProtection: "hardware",
    next: { online: keyCommitment(es256SignerOf("carol next").key, nodeCrypto) },
  });
  const extended = withFields(plain.body, { 99: [extension(7, false), extension(9, false)] });
  return [
    valid("inception", "Of alice, with a recovery kit. Its event hash is alice's agent id.", wireOf(plain, { 1: alice.identity })),
    valid("inception-bob", "Of bob.", bob.log.events[0] as Uint8Array),
    valid("inception-without-recovery", "Without a recovery kit.", wireOf(withoutKit, { 1: alice.identity })),
    valid(
      "inception-es256",
      "With an ES256 identity key of a token; the signature was made once and recorded.",
      wireOf(hardware, { 1: carol }),
    ),
    valid("inception-extensions", "With extensions that are unknown and not critical: kept.", resigned(extended, { 1: alice.identity })),
  ];
}

function validSuccessors(): VectorCase[] {
  const es256Next = es256SignerOf("alice token");
  const toToken: RotationInput = { ...rotation, identityKey: es256Next.key, revealedKey: es256Next.key };
  const online = { 1: alice.next, 2: alice.next };
  const outgoing = alice.identity.key;
  return [
    valid(
      "rotation-online-planned",
      "By the committed online key, with the outgoing key's continuity proof.",
      wireOf(prepareRotation(rotation), { ...online, 3: alice.identity }),
      outgoing,
    ),
    valid(
      "rotation-online-lost",
      "By the committed online key, the old one being lost.",
      wireOf(prepareRotation({ ...rotation, reason: "lost" }), online),
    ),
    valid("rotation-online-compromise", "With suspectFrom and without an audit head.", wireOf(prepareRotation(compromised()), online)),
    valid(
      "rotation-to-es256",
      "To an ES256 key: two recorded signatures and one Ed25519 signature.",
      wireOf(prepareRotation(toToken), { 1: es256Next, 2: es256Next, 3: alice.identity }),
      outgoing,
    ),
    valid(
      "rotation-recovery",
      "By the recovery key, to a fresh identity key, with every optional field.",
      wireOf(prepareRotation(recovery), { 1: later, 2: alice.recovery }),
    ),
    valid(
      "rotation-recovery-planned",
      "By the recovery key, planned: three signatures by three keys.",
      wireOf(prepareRotation({ ...recovery, reason: "planned" }), { 1: later, 2: alice.recovery, 3: alice.identity }),
      outgoing,
    ),
    valid("revocation-online", "By the committed online key.", wireOf(prepareRevocation(revocation), { 2: alice.next })),
    valid(
      "revocation-recovery",
      "By the recovery key, with every optional field.",
      wireOf(
        prepareRevocation({
          ...revocation,
          authority: "recovery",
          revealedKey: alice.recovery.key,
          reason: "compromise",
          suspectFrom: 0,
          auditHead: AUDIT,
        }),
        { 2: alice.recovery },
      ),
    ),
    valid("revocation-lost", "Because the key is lost.", wireOf(prepareRevocation({ ...revocation, reason: "lost" }), { 2: alice.next })),
  ];
}

function compromised(): RotationInput {
  const { auditHead: _auditHead, ...fields } = rotation;
  return { ...fields, reason: "compromise", suspectFrom: 3, migrationSeconds: 0 };
}

function refusedInceptions(): VectorCase[] {
  const { body } = prepareInception(alice.inception);
  const wire = resigned(body, { 1: alice.identity });
  const refused = (name: string, description: string, bytes: Uint8Array, error: string): VectorCase => ({
    name,
    description,
    wire: toHex(bytes),
    error,
  });
  const signed = (name: string, description: string, changes: Parameters<typeof withFields>[1], error = "MALFORMED"): VectorCase =>
    refused(name, description, resigned(withFields(body, changes), { 1: alice.identity }), error);
  const signature = alice.identity.sign(signedBytes(LABELS.signIdentityEvent, 1, body));
  const entries = (list: readonly (readonly [number, number, Uint8Array])[]): Uint8Array => encodeCbor([body, encodeCbor(list)]);
  const es256 = es256SignerOf("carol identity");
  const hardware = prepareInception({
    ...alice.inception,
    identityKey: es256.key,
    identityProtection: "hardware",
    next: { online: keyCommitment(es256SignerOf("carol next").key, nodeCrypto) },
  });
  const highS = withOtherS(es256.sign((hardware.toSign[0] as { bytes: Uint8Array }).bytes));
  return [
    ...brokenStructures(body).map((broken) =>
      refused(`inception-${broken.name}`, broken.description, resigned(broken.body, { 1: alice.identity }), broken.error),
    ),
    signed("kind-unknown", "A kind of event that does not exist.", { 2: 3 }),
    signed("identity-key-x25519", "An identity key that cannot sign.", { 4: [2, alice.inception.encryptionKey.bytes] }),
    signed("identity-key-short", "An identity key of 31 bytes.", { 4: [1, alice.identity.key.bytes.slice(1)] }),
    signed(
      "identity-key-small-order",
      "An Ed25519 key of small order, under which fixed signatures verify.",
      { 4: [1, fromHex(`01${"00".repeat(31)}`)] },
      "WEAK_PUBLIC_KEY",
    ),
    signed("encryption-key-small-order", "An X25519 key of small order.", { 6: [2, new Uint8Array(32)] }, "WEAK_PUBLIC_KEY"),
    signed("encryption-key-non-canonical", "An X25519 key that is not reduced.", { 6: [2, fromHex("ff".repeat(32))] }, "WEAK_PUBLIC_KEY"),
    signed("encryption-key-es256", "An encryption key of another algorithm.", { 6: [4, es256.key.bytes] }),
    signed("protection-5", "A protection level that does not exist.", { 5: 5 }),
    signed("next-empty", "No commitment at all.", { 8: new Map() }),
    signed("next-organisation", "A commitment of the authority that is reserved.", {
      8: new Map([
        [1, alice.inception.next.online],
        [2, alice.inception.next.online],
      ]),
    }),
    signed("next-short", "A commitment of 31 bytes.", { 8: new Map([[1, new Uint8Array(31)]]) }),
    signed("seq-in-inception", "An inception event with a seq.", { 9: 0 }),
    signed("time-too-large", "A time above 2^53 - 1.", { 3: 2n ** 53n }),
    refused(
      "too-large",
      "More than 4,096 bytes.",
      resigned(withFields(body, { 99: [[1, false, new Uint8Array(4000)]] }), { 1: alice.identity }),
      "MALFORMED",
    ),
    refused("signature-changed", "One bit of the signature is changed.", withFlippedBit(wire, -1), "SIGNATURE_INVALID"),
    refused(
      "body-changed",
      "The time is changed after signing.",
      entriesOf(withFields(body, { 3: STORY_START + 1 }), [[1, 1, signature]]),
      "SIGNATURE_INVALID",
    ),
    refused("signed-by-another", "Signed by another key.", resigned(body, { 1: bob.identity }), "SIGNATURE_INVALID"),
    refused("role-not-signed", "The role is changed after signing.", entries([[2, 1, signature]]), "SIGNATURE_INVALID"),
    refused(
      "role-surplus",
      "A signature in a role that the event does not name.",
      resigned(body, { 1: alice.identity, 2: alice.identity }),
      "SIGNATURE_INVALID",
    ),
    refused("role-4", "A role that does not exist.", entries([[4, 1, signature]]), "MALFORMED"),
    refused(
      "role-twice",
      "One role twice.",
      entries([
        [1, 1, signature],
        [1, 1, signature],
      ]),
      "MALFORMED",
    ),
    refused("signatures-empty", "No signature.", entries([]), "MALFORMED"),
    refused("signature-short", "A signature of 63 bytes.", entries([[1, 1, signature.slice(1)]]), "MALFORMED"),
    refused(
      "algorithm-not-the-keys",
      "The signature says another algorithm than its key.",
      entries([[1, 4, signature]]),
      "SIGNATURE_INVALID",
    ),
    refused("algorithm-x25519", "An algorithm that does not sign.", entries([[1, 2, signature]]), "MALFORMED"),
    refused(
      "es256-high-s",
      "An ES256 signature with the other, higher s: it would verify under plain ECDSA.",
      encodeSigned(hardware.body, [{ role: 1, algorithm: 4, signature: highS }]),
      "SIGNATURE_INVALID",
    ),
    refused(
      "signed-under-another-label",
      "A signature over a certificate's label: no signature serves two purposes.",
      entries([[1, 1, alice.identity.sign(signedBytes(LABELS.signInstanceCertificate, 1, body))]]),
      "SIGNATURE_INVALID",
    ),
    refused(
      "signed-bare",
      "A signature over the body without label and role.",
      entries([[1, 1, alice.identity.sign(body)]]),
      "SIGNATURE_INVALID",
    ),
    refused("wire-trailing-byte", "A byte after the end.", concatBytes(wire, Uint8Array.of(0)), "MALFORMED"),
    refused("wire-three-items", "Three items instead of two.", encodeCbor([body, encodeCbor([[1, 1, signature]]), body]), "MALFORMED"),
  ];
}

function entriesOf(body: Uint8Array, list: readonly (readonly [number, number, Uint8Array])[]): Uint8Array {
  return encodeCbor([body, encodeCbor(list)]);
}

function refusedSuccessors(): VectorCase[] {
  const online = { 1: alice.next, 2: alice.next };
  const planned = prepareRotation(rotation).body;
  const lost = prepareRotation({ ...rotation, reason: "lost" }).body;
  const recovered = prepareRotation(recovery).body;
  const revoked = prepareRevocation(revocation).body;
  const context = { outgoing: toJson(alice.identity.key) };
  const refused = (name: string, description: string, body: Uint8Array, signers: Signers, error = "MALFORMED"): VectorCase => ({
    name,
    description,
    context,
    wire: toHex(resigned(body, signers)),
    error,
  });
  const all = { ...online, 3: alice.identity };
  return [
    refused("rotation-without-continuity", "Planned, without the outgoing key's signature.", planned, online, "SIGNATURE_INVALID"),
    refused(
      "rotation-outgoing-other",
      "Planned, with another key's signature as the outgoing one's.",
      planned,
      { ...online, 3: bob.identity },
      "SIGNATURE_INVALID",
    ),
    refused("rotation-revealed-other", "The revealed key did not sign.", planned, { ...all, 2: alice.identity }, "SIGNATURE_INVALID"),
    refused("rotation-lost-with-outgoing", "Not planned, with the signature of the outgoing key.", lost, all, "SIGNATURE_INVALID"),
    refused(
      "rotation-online-other-key",
      "Online, but the new identity key is not the revealed one.",
      withFields(planned, { 4: [1, later.key.bytes] }),
      { 1: later, 2: alice.next, 3: alice.identity },
    ),
    refused(
      "rotation-recovery-same-key",
      "Recovery, but the recovery key is put to daily use.",
      withFields(recovered, { 4: [1, alice.recovery.key.bytes] }),
      { 1: alice.recovery, 2: alice.recovery },
    ),
    refused("rotation-decommissioned", "A reason that only a revocation has.", withFields(planned, { 13: 3 }), online),
    refused("rotation-authority-2", "The authority that is reserved.", withFields(planned, { 11: 2 }), all),
    refused("rotation-seq-0", "Seq 0 is the inception.", withFields(planned, { 9: 0 }), all),
    refused("rotation-seq-10000", "Beyond the longest log.", withFields(planned, { 9: 10_000 }), all),
    refused("rotation-migration-too-long", "More than 30 days of migration.", withFields(planned, { 14: 2_592_001 }), all),
    refused("rotation-without-migration", "No migrationSeconds.", withFields(planned, { 14: undefined }), all),
    refused("rotation-audit-head-malformed", "An audit head without a root.", withFields(planned, { 16: [12] }), all),
    refused("revocation-planned", "A reason that only a rotation has.", withFields(revoked, { 13: 0 }), { 2: alice.next }),
    refused("revocation-with-key", "A revocation that installs a key.", withFields(revoked, { 4: [1, alice.next.key.bytes] }), {
      2: alice.next,
    }),
    refused("revocation-by-holder", "A revocation signed in the role of the holder.", revoked, { 1: alice.next }, "SIGNATURE_INVALID"),
    refused(
      "revocation-by-live-key",
      "A revocation signed by the live key, which reveals nothing.",
      revoked,
      { 2: alice.identity },
      "SIGNATURE_INVALID",
    ),
  ];
}
