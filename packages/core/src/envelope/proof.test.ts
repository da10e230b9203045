import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesOf, castMember, certificateOf, HOUR, STORY_START } from "../../../testkit/src/vectors/cast.ts";
import { es256SignerOf, withOtherS } from "../../../testkit/src/vectors/es256.ts";
import { inceptionOf, logOfBranch, recovered, revoked, rotated, type Branch } from "../../../testkit/src/vectors/branch.ts";
import { assertNoMutationPasses, assertNoTruncationPasses, assertRefused } from "../../../testkit/src/vectors/refusals.ts";
import { utf8 } from "../bytes/utf8.ts";
import { agentId } from "../keys/agent-id.ts";
import { nodeCrypto } from "../primitives/node-crypto.ts";
import { messageId, type Frame } from "./frame.ts";
import { messageFacts, messageSignatureBytes, verifyMessageSignature, type MessageFacts } from "./message-signature.ts";
import { decodeMessageProof, encodeMessageProof, verifyMessageProof, type MessageProof } from "./proof.ts";

const alice = castMember("alice");
const bob = castMember("bob");
const certificate = certificateOf(alice);
const transcriptHash = bytesOf("transcript", 32);
const BODY = utf8("a body");
const frame: Pick<Frame, "type" | "messageId" | "time" | "contentType" | "body"> = {
  type: "content",
  messageId: messageId(bytesOf("message", 16)),
  time: STORY_START + HOUR,
  contentType: "text/plain",
  body: BODY,
};
const facts = messageFacts(frame, bob.log.agentId, transcriptHash, nodeCrypto);

function instanceProof(changes: Partial<MessageFacts> = {}): MessageProof {
  const signed = { ...facts, ...changes };
  const signature = alice.instance.sign(messageSignatureBytes({ kind: "instance", certificateHash: certificate.hash }, signed));
  return { signer: { kind: "instance", certificate: certificate.wire }, sender: alice.log.agentId, ...signed, signature, extensions: [] };
}

test("a proof goes through its encoding and back, and verifies with and without the body", () => {
  const proof = instanceProof();
  const wire = encodeMessageProof(proof);
  assert.deepEqual(decodeMessageProof(wire), proof);
  assert.deepEqual(verifyMessageProof(alice.log, wire, nodeCrypto), proof);
  verifyMessageProof(alice.log, wire, nodeCrypto, BODY);
  assertRefused(() => verifyMessageProof(alice.log, wire, nodeCrypto, utf8("another")), "another body", "DIGEST_MISMATCH");
  assertRefused(() => verifyMessageProof(bob.log, wire, nodeCrypto), "another log", "LOG_INVALID");
});

test("no proof passes with a changed or missing byte", () => {
  const wire = encodeMessageProof(instanceProof());
  assertNoMutationPasses(wire, (bytes) => verifyMessageProof(alice.log, bytes, nodeCrypto));
  assertNoTruncationPasses(wire, (bytes) => verifyMessageProof(alice.log, bytes, nodeCrypto));
});

test("failure 47: message id, time, type, content type, recipient, session and body are signed, each of them", () => {
  const signature = alice.instance.sign(messageSignatureBytes({ kind: "instance", certificateHash: certificate.hash }, facts));
  const verify = (changes: Partial<MessageFacts>): void =>
    verifyMessageSignature(alice.log, { kind: "instance", certificate }, { ...facts, ...changes }, signature, nodeCrypto);
  verify({});
  const others: Partial<MessageFacts>[] = [
    { messageId: messageId(bytesOf("other", 16)) },
    { time: facts.time + 1 },
    { frameType: "acknowledgement" },
    { frameType: "empty-turn" },
    { contentType: "text/html" },
    { contentType: "" },
    { recipient: agentId(bytesOf("other", 32)) },
    { transcriptHash: bytesOf("other", 32) },
    { bodyHash: bytesOf("other", 32) },
  ];
  for (const changes of others) assertRefused(() => verify(changes), JSON.stringify(Object.keys(changes)), "SIGNATURE_INVALID");
  assert.deepEqual(new Set(others.flatMap((changes) => Object.keys(changes))), new Set(Object.keys(facts)), "no fact is left out");
});

test("failure 47: no two different messages have the same signed bytes, also where lengths vary", () => {
  const signer = { kind: "instance", certificateHash: certificate.hash } as const;
  const seen = new Set<string>();
  for (const contentType of ["", "a", "ab", "b"]) {
    for (const frameType of ["content", "acknowledgement"] as const)
      seen.add(messageSignatureBytes(signer, { ...facts, contentType, frameType }).join());
  }
  assert.equal(seen.size, 8);
  assert.notDeepEqual(
    messageSignatureBytes(signer, facts),
    messageSignatureBytes({ kind: "identity", head: { seq: 0, hash: certificate.hash } }, facts),
  );
});

test("the time of a message signed by an instance lies within its certificate's, with 10 minutes of slack", () => {
  const verify = (time: number): unknown => verifyMessageProof(alice.log, encodeMessageProof(instanceProof({ time })), nodeCrypto);
  verify(certificate.from - 600_000);
  verify(certificate.to + 600_000);
  assertRefused(() => verify(certificate.from - 600_001), "before", "CERTIFICATE_EXPIRED");
  assertRefused(() => verify(certificate.to + 600_001), "after", "CERTIFICATE_EXPIRED");
});

test("an identity key signs at its head; ES256 only with the low s", () => {
  const carol = castMember("carol", es256SignerOf("carol identity"));
  const { head } = carol.log;
  // Every fact is that of vectors/message-proof.json, whose signature is on record.
  const recorded = {
    ...messageFacts(
      { ...frame, messageId: messageId(bytesOf("message id", 16)), body: utf8("Meet me at the old mill at noon.") },
      bob.log.agentId,
      bytesOf("transcript hash", 32),
      nodeCrypto,
    ),
  };
  const signature = carol.identity.sign(messageSignatureBytes({ kind: "identity", head }, recorded));
  verifyMessageSignature(carol.log, { kind: "identity", head }, recorded, signature, nodeCrypto);
  const refuse = (bytes: Uint8Array, at = head): void =>
    verifyMessageSignature(carol.log, { kind: "identity", head: at }, recorded, bytes, nodeCrypto);
  assertRefused(() => refuse(withOtherS(signature)), "high s", "SIGNATURE_INVALID");
  assertRefused(() => refuse(signature, alice.log.head), "another head", "HEAD_UNKNOWN");
});

test("a proof goes on verifying under every log that has its head, whatever ended its key since; what was cut off proves nothing", () => {
  const start = inceptionOf("alice");
  const one = rotated(start, "alice first");
  const proofAt = ({ head, identity }: Branch): Uint8Array => {
    const signature = identity.sign(messageSignatureBytes({ kind: "identity", head }, facts));
    return encodeMessageProof({ signer: { kind: "identity", head }, sender: alice.log.agentId, ...facts, signature, extensions: [] });
  };
  for (const later of [one, recovered(one, "alice saved"), revoked(one, "online"), revoked(one, "recovery")]) {
    const log = logOfBranch(later);
    assert.equal(log.agentId.join(), alice.log.agentId.join());
    verifyMessageProof(log, proofAt(start), nodeCrypto, BODY);
    verifyMessageProof(log, proofAt(one), nodeCrypto, BODY);
    verifyMessageProof(log, encodeMessageProof(instanceProof()), nodeCrypto, BODY);
    assertRefused(
      () => verifyMessageProof(log, proofAt({ ...one, identity: start.identity }), nodeCrypto),
      "the key before",
      "SIGNATURE_INVALID",
    );
    assertRefused(() => verifyMessageProof(log, proofAt(rotated(start, "theft")), nodeCrypto), "cut off", "HEAD_UNKNOWN");
  }
  const end = revoked(one, "online");
  assertRefused(() => verifyMessageProof(logOfBranch(end), proofAt(end), nodeCrypto), "at the revocation", "AGENT_REVOKED");
});
