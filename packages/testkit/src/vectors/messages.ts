// Vectors of envelopes, frames, message signatures, proofs and notices.
import {
  agentId,
  concatBytes,
  decodeEnvelope,
  decodeFrame,
  encodeEnvelopeHeader,
  encodeFrame,
  encodeMessageProof,
  encodeSigned,
  envelopeId,
  fromHex,
  LABELS,
  messageAssociatedData,
  messageFacts,
  messageId,
  messageSignatureBytes,
  nodeCrypto,
  prepareNotice,
  shortHead,
  signedBytes,
  toHex,
  utf8,
  verifyMessageProof,
  verifyNotice,
  type EnvelopeHeader,
  type Frame,
  type MessageFacts,
  type MessageProof,
  type MessageSigner,
  type ProofSigner,
} from "@talos/core";
import { brokenStructures, extension, withFields, withFlippedBit } from "./breakage.ts";
import { bytesOf, castMember, certificateOf, DAY, HOUR, seedOf, STORY_START } from "./cast.ts";
import { logContext, logOf } from "./certificate.ts";
import { es256SignerOf } from "./es256.ts";
import { field, toJson, type Json, type Reading, type VectorCase, type VectorSet } from "./format.ts";

const alice = castMember("alice");
const bob = castMember("bob");
const carol = castMember("carol", es256SignerOf("carol identity"));
const certificate = certificateOf(alice);
const transcriptHash = seedOf("transcript hash");
const BODY = utf8("Meet me at the old mill at noon.");

/** Bytes in the shape of the header that the field asks for; what is in them is another page's. */
function filler(name: string, length: number): Uint8Array {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, index) => seedOf(`${name} ${index}`));
  return concatBytes(...blocks).slice(0, length);
}

function ratchetHeader(kemFlags: number): Uint8Array {
  const parts = [bytesOf("ratchet key", 32), Uint8Array.of(kemFlags)];
  if ((kemFlags & 1) !== 0) parts.push(filler("encapsulation key", 1184));
  if ((kemFlags & 2) !== 0) parts.push(filler("kem ciphertext", 1088));
  return concatBytes(...parts, fromHex("0000000500000007000000000000000000000001"));
}

export const envelopeVectors: VectorSet = {
  structure: "envelope",
  specification: "envelope.md, Envelope",
  cases: envelopeCases,
  read: readEnvelope,
};

function readEnvelope(wire: Json): Reading {
  const bytes = fromHex(wire as string);
  const { clear, ...fields } = decodeEnvelope(bytes);
  const associatedData = messageAssociatedData(transcriptHash, clear);
  return {
    fields: toJson(fields),
    derived: toJson({
      envelopeId: envelopeId(bytes, nodeCrypto),
      clearBytes: clear.length,
      transcriptHash,
      associatedDataHash: nodeCrypto.sha256(associatedData),
    }),
  };
}

function envelopeCases(): VectorCase[] {
  const common = { extensions: [], nonce: bytesOf("nonce", 12) };
  const message = { type: "message", sessionId: bytesOf("session id", 16), ...common } as const;
  const handshakeHeader = filler("handshake header", 1275);
  const ciphertext = filler("ciphertext", 272);
  const build = (header: EnvelopeHeader): Uint8Array => concatBytes(encodeEnvelopeHeader(header), ciphertext);
  const valid = (name: string, description: string, wire: Uint8Array): VectorCase => ({
    name,
    description,
    wire: toHex(wire),
    ...readEnvelope(toHex(wire)),
  });
  const refused = (name: string, description: string, wire: Uint8Array, error = "MALFORMED"): VectorCase => ({
    name,
    description,
    wire: toHex(wire),
    error,
  });
  const plain = build({ ...message, ratchetHeader: ratchetHeader(0) });
  const set = (index: number, value: number): Uint8Array => {
    const copy = plain.slice();
    copy[index] = value;
    return copy;
  };
  const extensionsAt = 4 + 16 + 53;
  const withExtensions = (hex: string): Uint8Array =>
    concatBytes(plain.subarray(0, extensionsAt), fromHex(hex), plain.subarray(extensionsAt + 2));
  const kept = [
    { id: 1, critical: false, value: utf8("later") },
    { id: 65535, critical: false, value: new Uint8Array(0) },
  ];
  return [
    valid("message", "Of a session.", plain),
    valid("message-kem-key", "With a KEM encapsulation key in the ratchet header.", build({ ...message, ratchetHeader: ratchetHeader(1) })),
    valid("message-kem-ciphertext", "With a KEM ciphertext in the ratchet header.", build({ ...message, ratchetHeader: ratchetHeader(2) })),
    valid("message-kem-both", "With both KEM parts.", build({ ...message, ratchetHeader: ratchetHeader(3) })),
    valid(
      "first",
      "A first message, with a handshake header.",
      build({ type: "first", handshakeHeader, ...common, ratchetHeader: ratchetHeader(0) }),
    ),
    valid(
      "extensions",
      "With extensions that are unknown and not critical: kept, and authenticated.",
      build({ ...message, ratchetHeader: ratchetHeader(0), extensions: kept }),
    ),
    valid("smallest", "A ciphertext that is nothing but a tag.", plain.subarray(0, extensionsAt + 2 + 12 + 16)),
    refused("version-2", "A later version.", set(0, 2), "UNSUPPORTED_VERSION"),
    refused("suite-2", "A later suite.", set(1, 2), "UNSUPPORTED_SUITE"),
    refused("type-0", "No such type.", set(2, 0)),
    refused("type-3", "No such type.", set(2, 3)),
    refused("flags-1", "An unknown flag.", set(3, 1)),
    refused("kem-flags-4", "An unknown KEM flag.", set(4 + 16 + 32, 4)),
    refused("kem-key-missing", "A KEM flag without the key.", set(4 + 16 + 32, 1)),
    refused("critical-extension", "A critical extension that is unknown.", withExtensions("00050002010000"), "UNSUPPORTED_EXTENSION"),
    refused("extension-critical-2", "A criticality that is neither 0 nor 1.", withExtensions("00050002020000")),
    refused("extensions-unordered", "Extensions out of order.", withExtensions("000a00020000000001000000")),
    refused("extension-twice", "One extension twice.", withExtensions("000a00010000000001000000")),
    refused("extension-truncated", "An extension that goes beyond its list.", withExtensions("00050001000001")),
    refused("no-tag", "A ciphertext of 15 bytes.", plain.subarray(0, extensionsAt + 2 + 12 + 15)),
    refused("truncated-header", "It ends in the ratchet header.", plain.subarray(0, 40)),
    refused("empty", "No bytes.", new Uint8Array(0)),
  ];
}

const baseFrame: Frame = {
  type: "content",
  resent: false,
  messageId: messageId(bytesOf("message id", 16)),
  time: STORY_START + HOUR,
  recipientHead: shortHead(bob.log.head),
  contentType: "text/plain",
  acknowledged: [],
  extensions: [],
  body: BODY,
};
const ids = [1, 2].map((index) => messageId(bytesOf(`acknowledged ${index}`, 16)));
const instanceSigner: MessageSigner = { kind: "instance", certificateHash: certificate.hash };
const identitySigner: MessageSigner = { kind: "identity", head: alice.log.head };

function instanceSignature(frame: Frame): Uint8Array {
  return alice.instance.sign(messageSignatureBytes(instanceSigner, messageFacts(frame, bob.log.agentId, transcriptHash, nodeCrypto)));
}

function identitySignature(frame: Frame): Uint8Array {
  return alice.identity.sign(messageSignatureBytes(identitySigner, messageFacts(frame, bob.log.agentId, transcriptHash, nodeCrypto)));
}

export const frameVectors: VectorSet = { structure: "frame", specification: "envelope.md, Frame", cases: frameCases, read: readFrame };

function readFrame(wire: Json): Reading {
  const bytes = fromHex(wire as string);
  return { fields: toJson(decodeFrame(bytes)), derived: { paddedBytes: bytes.length } };
}

function frameCases(): VectorCase[] {
  const { contentType: _contentType, body: _body, ...shared } = baseFrame;
  const control = { ...shared, contentType: "", body: new Uint8Array(0) };
  const signed: Frame = { ...baseFrame, signature: { ...instanceSigner, signature: instanceSignature(baseFrame) } };
  const plain = encodeFrame(baseFrame);
  const valid = (name: string, description: string, frame: Frame): VectorCase => {
    const wire = toHex(encodeFrame(frame));
    return { name, description, wire, ...readFrame(wire) };
  };
  const unpadded = plain.subarray(0, 4 + 16 + 8 + 12 + 1 + 10 + 1 + 2 + 4 + BODY.length);
  const raw = (name: string, description: string, bytes: Uint8Array): VectorCase => ({
    name,
    description,
    wire: toHex(bytes),
    ...readFrame(toHex(bytes)),
  });
  const refused = (name: string, description: string, wire: Uint8Array, error = "MALFORMED"): VectorCase => ({
    name,
    description,
    wire: toHex(wire),
    error,
  });
  const set = (index: number, ...values: readonly number[]): Uint8Array => {
    const copy = plain.slice();
    copy.set(values, index);
    return copy;
  };
  const contentTypeAt = 40;
  const acknowledgedAt = contentTypeAt + 1 + 10;
  const extensionsAt = acknowledgedAt + 1;
  const withExtensions = (hex: string): Uint8Array =>
    concatBytes(plain.subarray(0, extensionsAt), fromHex(hex), plain.subarray(extensionsAt + 2));
  return [
    valid("content", "Without signature, acknowledgements or certificate: padded to 256 bytes.", baseFrame),
    valid("content-signed-instance", "Signed by the instance key, with its certificate.", { ...signed, certificate: certificate.wire }),
    valid("content-signed-identity", "Signed by the identity key.", {
      ...baseFrame,
      signature: { ...identitySigner, signature: identitySignature(baseFrame) },
    }),
    valid("content-resent", "Sent again, acknowledging two messages.", { ...baseFrame, resent: true, acknowledged: ids }),
    valid("content-empty", "No body and no content type.", { ...control, type: "content" }),
    valid("content-257", "One byte beyond the smallest frame: padded to 272.", {
      ...baseFrame,
      body: filler("body", 257 - unpadded.length + BODY.length),
    }),
    valid("content-2000", "A longer body.", { ...baseFrame, body: filler("body", 2000) }),
    valid("content-type-127", "The longest content type, with characters of several bytes.", {
      ...baseFrame,
      contentType: "é".repeat(63) + "x",
    }),
    valid("extensions", "With an extension that is unknown and not critical: kept.", {
      ...baseFrame,
      extensions: [{ id: 3, critical: false, value: utf8("later") }],
    }),
    valid("acknowledgement", "A control frame with the most ids.", {
      ...control,
      type: "acknowledgement",
      acknowledged: Array.from({ length: 64 }, (_, index) => messageId(bytesOf(`acknowledged ${index}`, 16))),
    }),
    valid("empty-turn", "A control frame that only turns the ratchet.", { ...control, type: "empty-turn" }),
    valid("empty-turn-signed", "A control frame of a first chain is signed too.", {
      ...control,
      type: "empty-turn",
      signature: { ...instanceSigner, signature: instanceSignature({ ...control, type: "empty-turn" }) },
      certificate: certificate.wire,
    }),
    raw("unpadded", "Without padding: a receiver does not check the length rule.", unpadded),
    refused("version-2", "A later version.", set(0, 2), "UNSUPPORTED_VERSION"),
    refused("type-0", "No such type.", set(1, 0)),
    refused("type-4", "No such type.", set(1, 4)),
    refused("flags-4", "An unknown flag.", set(2, 4)),
    refused("signature-kind-3", "No such kind of signature.", set(3, 3)),
    refused("message-id-zero", "A message id of zeros.", set(4, ...new Uint8Array(16))),
    refused("time-2-53", "A time above 2^53 - 1.", set(20, 0, 0x20)),
    refused("control-with-content", "A control frame with a content type and a body.", set(1, 2)),
    refused("content-type-128", "A content type that is too long.", set(contentTypeAt, 128)),
    refused("content-type-not-utf8", "A content type that is not UTF-8.", set(contentTypeAt + 1, 0xff)),
    refused("acknowledged-65", "More than 64 ids.", set(acknowledgedAt, 65)),
    refused(
      "certificate-missing",
      "A flag without its certificate: what follows is read as one and does not fit.",
      set(2, 2).subarray(0, 60),
    ),
    refused("critical-extension", "A critical extension that is unknown.", withExtensions("00050002010000"), "UNSUPPORTED_EXTENSION"),
    refused("extensions-unordered", "Extensions out of order.", withExtensions("000a00020000000001000000")),
    refused("body-too-large", "A body of more than 10,000,000 bytes, as its length says.", set(extensionsAt + 2, 0, 0x98, 0x96, 0x81)),
    refused("body-truncated", "A body that ends early.", unpadded.subarray(0, unpadded.length - 1)),
    refused("padding-not-zero", "Padding that is not zero.", set(255, 1)),
    refused("empty", "No bytes.", new Uint8Array(0)),
  ];
}

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

export const noticeVectors: VectorSet = { structure: "notice", specification: "envelope.md, Notice", cases: noticeCases, read: readNotice };

function readNotice(wire: Json, context: Json): Reading {
  const { certificate: verified, ...fields } = verifyNotice(logOf(context), fromHex(wire as string), nodeCrypto);
  return {
    fields: toJson({ ...fields, certificate: verified.wire }),
    derived: { envelopeId: toHex(envelopeId(fromHex(wire as string), nodeCrypto)) },
  };
}

function noticeCases(): VectorCase[] {
  const context = logContext(bob);
  const bobs = certificateOf(bob);
  const about = envelopeId(utf8("an envelope"), nodeCrypto);
  const input = {
    certificate: bobs.wire,
    recipient: alice.log.agentId,
    envelopeId: about,
    reason: "session-unknown",
    time: STORY_START + HOUR,
  } as const;
  const signed = (body: Uint8Array, signer = bob.instance): Uint8Array =>
    encodeSigned(body, [{ role: 1, algorithm: 1, signature: signer.sign(signedBytes(LABELS.signNotice, 1, body)) }]);
  const { body } = prepareNotice(input);
  const valid = (name: string, description: string, wire: Uint8Array): VectorCase => ({
    name,
    description,
    context,
    wire: toHex(wire),
    ...readNotice(toHex(wire), context),
  });
  const refused = (name: string, description: string, wire: Uint8Array, error: string): VectorCase => ({
    name,
    description,
    context,
    wire: toHex(wire),
    error,
  });
  const changed = (name: string, description: string, changes: Parameters<typeof withFields>[1], error = "MALFORMED"): VectorCase =>
    refused(name, description, signed(withFields(body, changes)), error);
  return [
    valid("session-unknown", "From bob to alice.", signed(body)),
    valid("prekey-gone", "Because the prekey is gone.", signed(prepareNotice({ ...input, reason: "prekey-gone" }).body)),
    valid("unspecified", "Without a reason.", signed(prepareNotice({ ...input, reason: "unspecified" }).body)),
    valid(
      "extensions",
      "With an extension that is unknown and not critical: kept.",
      signed(withFields(body, { 99: [extension(1, false)] })),
    ),
    ...brokenStructures(body).map((broken) => refused(broken.name, broken.description, signed(broken.body), broken.error)),
    changed("type-2", "No such notice.", { 2: 2 }),
    changed("reason-3", "No such reason.", { 6: 3 }),
    changed("envelope-id-short", "An envelope id of 15 bytes.", { 5: new Uint8Array(15) }),
    changed("certificate-not-one", "Something else than a certificate.", { 3: utf8("certificate") }),
    changed("certificate-forged", "A certificate with a changed signature.", { 3: withFlippedBit(bobs.wire, -1) }, "SIGNATURE_INVALID"),
    changed("certificate-of-another", "A certificate of another agent.", { 3: certificate.wire }, "CERTIFICATE_INVALID"),
    refused("signed-by-identity-key", "Signed by the identity key.", signed(body, bob.identity), "SIGNATURE_INVALID"),
    refused("signed-by-another", "Signed by another agent's instance key.", signed(body, alice.instance), "SIGNATURE_INVALID"),
    refused("signature-changed", "One bit of the signature is changed.", withFlippedBit(signed(body), -1), "SIGNATURE_INVALID"),
    refused(
      "too-large",
      "More than 8,192 bytes.",
      signed(
        withFields(body, {
          99: [
            [1, false, new Uint8Array(4096)],
            [2, false, new Uint8Array(4096)],
          ],
        }),
      ),
      "MALFORMED",
    ),
  ];
}
