// Vectors of signatures of applications, of what they are worth, and of the proofs that they were on record.
import {
  checkSignedMessage,
  decodeSignatureProof,
  decodeUserSignature,
  encodeSignatureProof,
  encodeSigned,
  fromHex,
  judgeSignature,
  LABELS,
  makeSignatureProof,
  nodeCrypto,
  prepareUserSignature,
  provesSignature,
  signedBytes,
  toHex,
  utf8,
  type AuditHead,
  type CborValue,
} from "@talos/core";
import { entries, headOf, MESSAGE, NAMESPACE, ON_RECORD, OTHER_ON_RECORD, signatureInput, signatureUnder, start } from "./audit-story.ts";
import { inceptionOf, recovered, revoked, rotated, type Branch } from "./branch.ts";
import { brokenStructures, extension, withFields, withFlippedBit } from "./breakage.ts";
import { castMember, type Signer } from "./cast.ts";
import { logOf } from "./certificate.ts";
import { es256SignerOf } from "./es256.ts";
import { field, toJson, type Json, type Reading, type VectorCase, type VectorSet } from "./format.ts";

export const userSignatureVectors: VectorSet = {
  structure: "user-signature",
  specification: "signatures.md, Signature and Verdicts",
  cases: signatureCases,
  read: readSignature,
};

const optional = (json: Json, name: string): Uint8Array | undefined => {
  const found = field(json, name);
  return found === null ? undefined : fromHex(found as string);
};

function readSignature(wire: Json, context: Json): Reading {
  const signature = decodeUserSignature(fromHex(wire as string), nodeCrypto);
  checkSignedMessage(signature, field(context, "namespace") as string, fromHex(field(context, "message") as string), nodeCrypto);
  const proof = optional(context, "proof");
  const judgement = judgeSignature(
    {
      signature,
      log: logOf(context),
      cutOff: ((field(context, "cutOff") ?? []) as readonly string[]).map(fromHex),
      proof: proof && decodeSignatureProof(proof),
      seenBefore: field(context, "seenBefore") === true,
      forkedFrom: (field(context, "forkedFrom") ?? undefined) as number | undefined,
    },
    nodeCrypto,
  );
  const { agentId, head, namespace, digest, hash } = signature;
  return { fields: toJson({ agentId, head, namespace, digest, verdict: judgement.verdict }), derived: { signatureHash: toHex(hash) } };
}

interface Extra {
  readonly proof?: Uint8Array;
  readonly cutOff?: Branch;
  readonly seenBefore?: boolean;
  readonly forkedFrom?: number;
  readonly namespace?: string;
  readonly message?: Uint8Array;
}

function contextOf(branch: Branch, { proof, cutOff, seenBefore, forkedFrom, namespace = NAMESPACE, message = MESSAGE }: Extra): Json {
  return {
    log: branch.wires.map(toHex),
    namespace,
    message: toHex(message),
    ...(proof && { proof: toHex(proof) }),
    ...(cutOff && { cutOff: cutOff.wires.slice(1).map(toHex) }),
    ...(seenBefore === undefined ? {} : { seenBefore }),
    ...(forkedFrom === undefined ? {} : { forkedFrom }),
  };
}

function judged(name: string, description: string, wire: Uint8Array, branch: Branch, extra: Extra = {}): VectorCase {
  const context = contextOf(branch, extra);
  return { name, description, context, wire: toHex(wire), ...readSignature(toHex(wire), context) };
}

function refused(
  name: string,
  description: string,
  wire: Uint8Array,
  error: string,
  extra: Extra = {},
  branch: Branch = start,
): VectorCase {
  return { name, description, context: contextOf(branch, extra), wire: toHex(wire), error };
}

function proofOf(index: number, size: number): Uint8Array {
  return encodeSignatureProof(makeSignatureProof(entries.slice(0, size), index, nodeCrypto));
}

function verdictCases(): VectorCase[] {
  const wire = signatureUnder(start);
  const proof = proofOf(ON_RECORD, 5);
  const one = rotated(start, "alice first", { auditHead: headOf(5) });
  const suspect = (name: string, suspectFrom: number): Branch => rotated(one, name, { suspectFrom });
  const silent = rotated(start, "alice silent");
  const theft = rotated(start, "theft");
  const ended = revoked(start, "online", { auditHead: headOf(5) });
  const saved = recovered(start, "alice saved");
  const left = { ...revoked(start, "online"), identity: start.identity };
  return [
    judged("in-force", "By the key in force.", wire, start),
    judged("rotated-on-record", "By a former key; the event that ended it carries a head that the proof fits.", wire, one, { proof }),
    judged("rotated-no-proof", "The same without a proof.", wire, one),
    judged("rotated-seen-before", "Without a proof, but the verifier found it valid before.", wire, one, { seenBefore: true }),
    judged("rotated-other-size", "With a proof under another size of the tree.", wire, one, { proof: proofOf(ON_RECORD, 6) }),
    judged("rotated-other-entry", "With the proof of another signature.", wire, one, { proof: proofOf(OTHER_ON_RECORD, 5) }),
    judged(
      "rotated-head-later",
      "The head comes only after the key's end.",
      wire,
      rotated(silent, "alice second", { auditHead: headOf(5) }),
      {
        proof,
      },
    ),
    judged("suspect", "On record at an index from which a later event suspects the key.", wire, suspect("alice suspects", ON_RECORD), {
      proof,
    }),
    judged("suspect-after", "A later event suspects the key from the next index on.", wire, suspect("alice trusts", ON_RECORD + 1), {
      proof,
    }),
    judged("forked", "The named event is one of several that contend.", signatureUnder(one), one, { forkedFrom: 1 }),
    judged("forked-proof", "The event whose head proves it is one of several that contend.", wire, one, { proof, forkedFrom: 1 }),
    judged("forked-later", "Histories part only after the named event, whose key is in force.", wire, start, { forkedFrom: 1 }),
    judged("revoked-on-record", "The agent is revoked, and had it on record.", wire, ended, { proof }),
    judged("names-a-revocation", "Nobody honest signs under a revocation.", signatureUnder({ ...ended, identity: start.identity }), ended),
    judged("cut-off", "By a key that only a cut-off event brought.", signatureUnder(theft), saved, { cutOff: theft }),
    judged("cut-off-unknown", "The same for who does not have the cut-off events.", signatureUnder(theft), saved),
    judged("cut-off-kept-key", "Under a cut-off event that left a key of the log in force.", signatureUnder(left), saved, { cutOff: left }),
    judged("no-such-event", "It names an event that the log does not have.", signatureUnder(one), start),
    judged("after-rotation", "By the new key.", signatureUnder(one), one),
  ];
}

function signatureCases(): VectorCase[] {
  const wire = signatureUnder(start);
  const { body } = prepareUserSignature(signatureInput(start));
  const again = (changed: Uint8Array, by: Signer = start.identity, role: 1 | 2 = 1): Uint8Array =>
    encodeSigned(changed, [{ role, algorithm: by.key.algorithm, signature: by.sign(signedBytes(LABELS.signUser, role, changed)) }]);
  const changed = (name: string, description: string, fields: Readonly<Record<number, CborValue | undefined>>): VectorCase =>
    refused(name, description, again(withFields(body, fields)), "MALFORMED");
  const carol = es256SignerOf("carol identity");
  const { log } = castMember("carol", carol);
  const carols: Branch = { ...start, wires: log.events, head: log.head, identity: carol };
  const long = "n".repeat(64);
  const theft = rotated(start, "theft");
  const invalid = "SIGNATURE_INVALID";
  return [
    ...verdictCases(),
    judged(
      "namespace-64",
      "With the longest namespace, of the empty message.",
      signatureUnder(start, undefined, long, new Uint8Array(0)),
      start,
      {
        namespace: long,
        message: new Uint8Array(0),
      },
    ),
    judged("es256", "By an ES256 identity key; the signature was made once and recorded.", signatureUnder(carols, carol), carols),
    judged(
      "extensions",
      "With an extension that is unknown and not critical.",
      again(withFields(body, { 99: [extension(3, false)] })),
      start,
    ),
    refused("other-message", "Of another message.", wire, invalid, { message: utf8("Ship it!") }),
    refused("other-namespace", "Made for another namespace.", wire, invalid, { namespace: "git@example2" }),
    refused("other-log", "Under the log of another agent.", wire, invalid, {}, inceptionOf("bob")),
    refused("other-key", "By another key.", signatureUnder(start, start.next), invalid),
    refused("es256-for-ed25519", "An ES256 signature under an Ed25519 key.", signatureUnder(start, carol), invalid),
    refused("other-role", "In another role.", again(body, start.identity, 2), invalid),
    refused("other-label", "What was signed for a certificate.", withLabel(body), invalid),
    refused("bit-changed", "One bit of the signature is changed.", withFlippedBit(wire, -1), invalid),
    refused(
      "cut-off-forged",
      "It names a cut-off event, and the key of that event did not make it.",
      signatureUnder(theft, start.identity),
      invalid,
      { cutOff: theft },
      recovered(start, "alice saved"),
    ),
    ...brokenStructures(body).map((broken) => refused(broken.name, broken.description, again(broken.body), broken.error)),
    changed("agent-id-short", "An agent id of 31 bytes.", { 2: start.head.hash.slice(1) }),
    changed("head-seq-10000", "A log head beyond the longest log.", { 3: [10_000, start.head.hash] }),
    changed("namespace-empty", "An empty namespace.", { 4: "" }),
    changed("namespace-65", "A namespace that is too long.", { 4: "n".repeat(65) }),
    changed("namespace-blank", "A namespace with a blank.", { 4: "git example" }),
    changed("namespace-not-ascii", "A namespace with another letter than those of ASCII.", { 4: "gít" }),
    changed("digest-31", "A digest of 31 bytes.", { 5: start.head.hash.slice(1) }),
    changed("too-long", "More than 1,024 bytes.", { 99: [[1, false, new Uint8Array(1024)]] }),
  ];
}

function withLabel(body: Uint8Array): Uint8Array {
  const { identity } = start;
  const bytes = signedBytes(LABELS.signInstanceCertificate, 1, body);
  return encodeSigned(body, [{ role: 1, algorithm: identity.key.algorithm, signature: identity.sign(bytes) }]);
}

export const signatureProofVectors: VectorSet = {
  structure: "signature-proof",
  specification: "signatures.md, Proof",
  cases: proofCases,
  read: readProof,
};

function readProof(wire: Json, context: Json): Reading {
  const proof = decodeSignatureProof(fromHex(wire as string));
  const signature = decodeUserSignature(fromHex(field(context, "signature") as string), nodeCrypto);
  const json = field(context, "auditHead");
  const head: AuditHead = { size: field(json, "size") as number, root: fromHex(field(json, "root") as string) };
  return { fields: toJson({ ...proof, proves: provesSignature(proof, signature, head, nodeCrypto) }) };
}

function proofCases(): VectorCase[] {
  const contextFor = (head: AuditHead, signature = signatureUnder(start)): Json => ({
    signature: toHex(signature),
    auditHead: toJson(head),
  });
  const read = (name: string, description: string, wire: Uint8Array, context: Json): VectorCase => ({
    name,
    description,
    context,
    wire: toHex(wire),
    ...readProof(toHex(wire), context),
  });
  const five = proofOf(ON_RECORD, 5);
  const context = contextFor(headOf(5));
  const bad = (name: string, description: string, fields: Readonly<Record<number, CborValue | undefined>>): VectorCase => ({
    name,
    description,
    context,
    wire: toHex(withFields(five, fields)),
    error: "MALFORMED",
  });
  const { path } = decodeSignatureProof(five);
  return [
    read("of-five", "In a tree of five.", five, context),
    read("of-six", "The same entry in a larger tree.", proofOf(ON_RECORD, 6), contextFor(headOf(6))),
    read("last-of-three", "The last entry of a tree, whose path is short.", proofOf(ON_RECORD, 3), contextFor(headOf(3))),
    read("extensions", "With an extension that is unknown and not critical.", withFields(five, { 99: [extension(1, false)] }), context),
    read("other-root", "Under another root of that size.", five, contextFor({ size: 5, root: headOf(4).root })),
    read("other-size", "Under the root of another size.", five, contextFor(headOf(6))),
    read("other-index", "At another index.", withFields(five, { 3: 3 }), context),
    read("path-short", "With a path that lacks its last hash.", withFields(five, { 5: path.slice(0, -1) }), context),
    read("path-long", "With one hash more.", withFields(five, { 5: [...path, headOf(1).root] }), context),
    read(
      "other-signature",
      "For a signature of another message.",
      five,
      contextFor(headOf(5), signatureUnder(start, undefined, NAMESPACE, utf8("No."))),
    ),
    read("other-namespace", "For a signature in another namespace.", five, contextFor(headOf(5), signatureUnder(start, undefined, "git"))),
    read("other-event", "For a signature under another event.", five, contextFor(headOf(5), signatureUnder(rotated(start, "alice first")))),
    read("another-kind", "Of an entry that puts no signature on record.", proofOf(0, 5), context),
    ...brokenStructures(five).map(({ name, description, body, error }): VectorCase => ({
      name,
      description,
      context,
      wire: toHex(body),
      error,
    })),
    bad("index-outside", "An index that is the size.", { 3: 5 }),
    bad("size-0", "A tree of no entries.", { 3: 0, 4: 0 }),
    bad("hash-31", "A hash of 31 bytes.", { 5: [headOf(1).root.slice(1)] }),
    bad("path-54", "A path that is longer than any.", { 5: Array.from({ length: 54 }, () => headOf(1).root) }),
    bad("entry-none", "An entry that is none.", { 2: utf8("entry") }),
    bad("entry-1025", "An entry above 1,024 bytes.", { 2: longEntry() }),
    bad("too-long", "More than 4,096 bytes.", { 99: [[1, false, new Uint8Array(4096)]] }),
  ];
}

function longEntry(): Uint8Array {
  return withFields(entries[0] as Uint8Array, { 5: new Map([["note", "x".repeat(1024)]]) });
}
