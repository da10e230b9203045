// Vectors of message signatures and of the proofs that carry them to a third party.
import {
  agentId,
  encodeMessageProof,
  fromHex,
  messageFacts,
  messageId,
  messageSignatureBytes,
  nodeCrypto,
  toHex,
  utf8,
  verifyMessageProof,
  type MessageFacts,
  type MessageProof,
  type MessageSigner,
  type ProofSigner,
} from "@talos/core";
import { brokenStructures, extension, withFields, withFlippedBit } from "./breakage.ts";
import { bytesOf, castMember, certificateOf, DAY, seedOf, STORY_START } from "./cast.ts";
import { logContext, logOf } from "./certificate.ts";
import { es256SignerOf } from "./es256.ts";
import { field, toJson, type Json, type Reading, type VectorCase, type VectorSet } from "./format.ts";
import { alice, baseFrame, bob, BODY, certificate, identitySigner, instanceSigner, transcriptHash } from "./message-story.ts";

const carol = castMember("carol", es256SignerOf("carol identity"));

export const messageSignatureVectors: VectorSet = {
  structure: "message-signature",
  specification: "envelope.md, Message signature",
  cases: signatureCases,
  read: readSignatureBytes,
};

interface SignatureFields extends MessageFacts {
  readonly signer: MessageSigner;
}

function readSignatureBytes(wire: Json): Reading {
  const hex = (name: string): Uint8Array => fromHex(field(wire, name) as string);
  const json = field(wire, "signer");
  const head = field(json, "head");
  const signer: MessageSigner =
    head === null
      ? { kind: "instance", certificateHash: fromHex(field(json, "certificateHash") as string) }
      : { kind: "identity", head: { seq: field(head, "seq") as number, hash: fromHex(field(head, "hash") as string) } };
  const facts: MessageFacts = {
    frameType: field(wire, "frameType") as MessageFacts["frameType"],
    recipient: agentId(hex("recipient")),
    messageId: messageId(hex("messageId")),
    time: field(wire, "time") as number,
    contentType: field(wire, "contentType") as string,
    transcriptHash: hex("transcriptHash"),
    bodyHash: hex("bodyHash"),
  };
  const bytes = messageSignatureBytes(signer, facts);
  const by = signer.kind === "instance" ? alice.instance : alice.identity;
  return { fields: wire, derived: toJson({ signedBytes: bytes, signature: by.sign(bytes) }) };
}

function signatureCases(): VectorCase[] {
  const facts = messageFacts(baseFrame, bob.log.agentId, transcriptHash, nodeCrypto);
  const make = (name: string, description: string, fields: SignatureFields): VectorCase => ({
    name,
    description,
    wire: toJson(fields),
    ...readSignatureBytes(toJson(fields)),
  });
  return [
    make("instance", "By alice's instance key.", { signer: instanceSigner, ...facts }),
    make("identity", "By alice's identity key.", { signer: identitySigner, ...facts }),
    make("acknowledgement", "Of a control frame: no content type, no body.", {
      signer: instanceSigner,
      ...facts,
      frameType: "acknowledgement",
      contentType: "",
      bodyHash: nodeCrypto.sha256(new Uint8Array(0)),
    }),
    make("empty-turn", "Of the other control frame.", {
      signer: instanceSigner,
      ...facts,
      frameType: "empty-turn",
      contentType: "",
      bodyHash: nodeCrypto.sha256(new Uint8Array(0)),
    }),
  ];
}

export const proofVectors: VectorSet = {
  structure: "message-proof",
  specification: "envelope.md, Message proof",
  cases: proofCases,
  read: readProof,
};

function readProof(wire: Json, context: Json): Reading {
  const body = field(context, "body");
  return {
    fields: toJson(
      verifyMessageProof(logOf(context), fromHex(wire as string), nodeCrypto, body === null ? undefined : fromHex(body as string)),
    ),
  };
}

function proofOf(signer: ProofSigner, changes: Partial<MessageFacts> = {}, sender = alice): MessageProof {
  const facts = { ...messageFacts(baseFrame, bob.log.agentId, transcriptHash, nodeCrypto), ...changes };
  const reference: MessageSigner = signer.kind === "instance" ? instanceSigner : signer;
  const by = signer.kind === "instance" ? sender.instance : sender.identity;
  return { signer, sender: sender.log.agentId, ...facts, signature: by.sign(messageSignatureBytes(reference, facts)), extensions: [] };
}

function proofCases(): VectorCase[] {
  const context = logContext(alice);
  const withBody = { ...context, body: toHex(BODY) };
  const byInstance: ProofSigner = { kind: "instance", certificate: certificate.wire };
  const byIdentity: ProofSigner = { kind: "identity", head: alice.log.head };
  const valid = (name: string, description: string, bytes: Uint8Array, given: Json = withBody): VectorCase => ({
    name,
    description,
    context: given,
    wire: toHex(bytes),
    ...readProof(toHex(bytes), given),
  });
  const refused = (name: string, description: string, bytes: Uint8Array, error: string, given: Json = context): VectorCase => ({
    name,
    description,
    context: given,
    wire: toHex(bytes),
    error,
  });
  const plain = encodeMessageProof(proofOf(byInstance));
  const changed = (name: string, description: string, changes: Parameters<typeof withFields>[1], error = "SIGNATURE_INVALID"): VectorCase =>
    refused(name, description, withFields(plain, changes), error);
  const late = proofOf(byInstance, { time: certificate.to + 600_001 });
  return [
    valid("instance", "Signed by the instance key.", plain),
    valid("identity", "Signed by the identity key.", encodeMessageProof(proofOf(byIdentity))),
    valid(
      "identity-es256",
      "Signed by an ES256 identity key; the signature was made once and recorded.",
      encodeMessageProof(proofOf({ kind: "identity", head: carol.log.head }, {}, carol)),
      { ...logContext(carol), body: toHex(BODY) },
    ),
    valid("without-body", "Verified without the plaintext.", plain, context),
    valid(
      "time-in-slack",
      "10 minutes after the certificate's end.",
      encodeMessageProof(proofOf(byInstance, { time: certificate.to + 600_000 })),
    ),
    valid(
      "extensions",
      "With an extension that is unknown and not critical: kept; a proof is not signed as a whole.",
      withFields(plain, { 99: [extension(1, false)] }),
    ),
    ...brokenStructures(plain).map((broken) => refused(broken.name, broken.description, broken.body, broken.error)),
    refused("other-body", "With another plaintext.", plain, "DIGEST_MISMATCH", { ...context, body: toHex(utf8("Meet me never.")) }),
    refused("other-log", "Under the log of another agent.", plain, "LOG_INVALID", logContext(bob)),
    refused(
      "time-outside",
      "The message is more than 10 minutes younger than its certificate.",
      encodeMessageProof(late),
      "CERTIFICATE_EXPIRED",
    ),
    changed("message-id-changed", "Another message id.", { 7: bytesOf("other message id", 16) }),
    changed("time-changed", "Another time.", { 9: baseFrame.time + 1 }),
    changed("type-changed", "Another frame type.", { 8: 2 }),
    changed("content-type-changed", "Another content type.", { 10: "text/html" }),
    changed("recipient-changed", "Another recipient.", { 6: alice.log.agentId }),
    changed("transcript-changed", "Another session.", { 11: seedOf("other transcript hash") }),
    changed("body-hash-changed", "Another body.", { 12: seedOf("other body hash") }),
    changed("signature-changed", "One bit of the signature is changed.", { 13: withFlippedBit(proofOf(byInstance).signature, 0) }),
    changed("certificate-other", "Another certificate of the same agent and key: its hash is signed.", {
      4: certificateOf(alice, { to: STORY_START + DAY - 1 }).wire,
    }),
    changed("certificate-forged", "A certificate with a changed signature.", { 4: withFlippedBit(certificate.wire, -1) }),
    changed("both-signers", "A certificate and a log head.", { 5: [0, alice.log.head.hash] }, "MALFORMED"),
    changed("kind-3", "No such kind of signature.", { 2: 3 }, "MALFORMED"),
    changed("type-4", "No such frame type.", { 8: 4 }, "MALFORMED"),
    changed("content-type-128", "A content type that is too long.", { 10: "x".repeat(128) }, "MALFORMED"),
    changed("message-id-zero", "A message id of zeros.", { 7: new Uint8Array(16) }, "MALFORMED"),
  ];
}
