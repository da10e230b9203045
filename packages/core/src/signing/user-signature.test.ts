import assert from "node:assert/strict";
import { test } from "node:test";
import { assertNoMutationPasses, assertNoTruncationPasses, assertRefused } from "../../../testkit/src/vectors/refusals.ts";
import { utf8 } from "../bytes/utf8.ts";
import { decodeEvent, verifyEventSignatures } from "../identity/signed-event.ts";
import { verifyCertificate } from "../instance/certificate.ts";
import { nodeCrypto } from "../primitives/node-crypto.ts";
import { decodeSignatureProof, encodeSignatureProof, proofFromText, proofToText } from "./signature-proof.ts";
import { SigningStory, signatureUnder, unlocked } from "./signing-story.test.ts";
import {
  checkNamespace,
  checkSignedMessage,
  decodeUserSignature,
  prepareUserSignature,
  signatureFromText,
  signatureToText,
  verifyUserSignature,
} from "./user-signature.ts";

const alice = new SigningStory();
const signature = signatureUnder(alice.log, alice.key, "a message", "deploy");

test("a signature says who, under which event, in which namespace and of what, and travels as text", () => {
  const read = signatureFromText(` ${signatureToText(signature)}\n`, nodeCrypto);
  assert.deepEqual(read, signature);
  assert.deepEqual([read.agentId, read.head, read.namespace], [alice.log.agentId, alice.log.head, "deploy"]);
  checkSignedMessage(read, "deploy", utf8("a message"), nodeCrypto);
});

test("no changed or missing byte passes", () => {
  const read = (bytes: Uint8Array): void => {
    const decoded = decodeUserSignature(bytes, nodeCrypto);
    verifyUserSignature(decoded, alice.log.identityKey, nodeCrypto);
  };
  assertNoMutationPasses(signature.wire, read);
  assertNoTruncationPasses(signature.wire, read);
});

test("it counts for its own namespace and message alone", () => {
  for (const [namespace, message, reason] of [
    ["release", "a message", "namespace"],
    ["Deploy", "a message", "namespace"],
    ["deploy", "a message ", "message"],
  ] as const) {
    assert.throws(
      () => checkSignedMessage(signature, namespace, utf8(message), nodeCrypto),
      (error: unknown) => (error as { details?: { reason?: unknown } }).details?.reason === reason,
    );
  }
});

test("a namespace is 1 to 64 visible ASCII characters", () => {
  for (const good of ["a", "x".repeat(64), "org.example/deploy:v1"]) assert.equal(checkNamespace(good), good);
  for (const bad of ["", "x".repeat(65), "two words", "tab\t", "nul\u0000", "z\u00fcrich", "\u0430dmin", 7, undefined]) {
    assertRefused(() => checkNamespace(bad), String(bad), "INVALID_ARGUMENT");
  }
  const { agentId, head, digest } = signature;
  assertRefused(() => prepareUserSignature({ agentId, head, digest, namespace: "" }), "empty", "INVALID_ARGUMENT");
  assertRefused(() => prepareUserSignature({ agentId, head, digest: digest.slice(1), namespace: "a" }), "short digest", "MALFORMED");
});

test("failure 7: what an application had signed is no event, certificate or message of the agent", () => {
  const { wire } = signature;
  assertRefused(() => verifyEventSignatures(decodeEvent(wire, nodeCrypto), nodeCrypto), "as an event");
  assertRefused(() => verifyCertificate(alice.log, wire, nodeCrypto), "as a certificate");
  // Not even where somebody has the body of an event signed: the label is among the signed bytes.
  const [event] = alice.log.events as [Uint8Array];
  assertRefused(() => decodeUserSignature(event, nodeCrypto), "an event as a signature");
});

test("a proof travels as text; no damaged one is read as another", () => {
  const story = new SigningStory();
  for (let i = 0; i < 9; i++) story.record(unlocked(i));
  const { index } = story.sign("x");
  const proof = story.prove(index);
  assert.deepEqual(proofFromText(`${proofToText(proof)}\n`), proof);
  assertNoTruncationPasses(encodeSignatureProof(proof), decodeSignatureProof);
  assertRefused(() => decodeSignatureProof(encodeSignatureProof({ ...proof, index: proof.size })), "outside", "MALFORMED");
  assertRefused(() => decodeSignatureProof(encodeSignatureProof({ ...proof, entry: Uint8Array.of(0xa0) })), "no entry", "MALFORMED");
});
