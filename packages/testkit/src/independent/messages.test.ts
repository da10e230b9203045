// Handshake, ratchet, envelope, frame, proof, notice, mailbox page: examples built from the specification.
import { strict as assert } from "node:assert";
import { createPublicKey, encapsulate } from "node:crypto";
import { describe, it } from "node:test";
import { type FieldList, agreementPair, held, identityPair, keyPair, seal, signEd25519, structure, zeros } from "./build.ts";
import { DAY, NOW, agentId, certificate, certificateHash, encryption, first, instance, ownLog, refusedAs } from "./examples.ts";
import {
  type CborValue,
  ML_KEM_768,
  Ratchet,
  type TranscriptContext,
  checkFrameSignature,
  decodeEnvelope,
  decodeFrame,
  decodeHandshakeHeader,
  decodeMailboxPage,
  decodeNotice,
  decodeProof,
  decodeRatchetHeader,
  encodeCbor,
  hex,
  initiatorSecrets,
  join,
  messageSignatureBytes,
  openEnvelope,
  paddedLength,
  privateKeyObject,
  responderSecrets,
  sameSecrets,
  sessionId,
  sessionSecret,
  sha256,
  transcript,
  transcriptHash,
  u16,
  u32,
  u64,
  u8,
  unhex,
  verifyProof,
} from "./index.ts";

describe("the independent decoder: sessions and messages", () => {
  const encryptionB = agreementPair("encryption B");
  const identityB = identityPair("identity B");
  const signedPrekey = agreementPair("signed prekey");
  const ratchetSecret = agreementPair("ratchet A");
  const kem = keyPair(ML_KEM_768, "signed prekey");
  const ephemeral = agreementPair("ephemeral");
  const agentIdB = sha256("B");
  const kemKey = createPublicKey(privateKeyObject(ML_KEM_768, kem.secret));
  const { sharedKey, ciphertext } = encapsulate(kemKey);
  const headerBytes = join(
    u8(1),
    u8(1),
    u32(0),
    unhex(agentId),
    u32(0),
    unhex(agentId),
    zeros(32),
    zeros(8),
    u8(0),
    zeros(8),
    unhex(ephemeral.publicKey.key),
    ciphertext,
    certificateHash,
  );
  const header = decodeHandshakeHeader(headerBytes);
  const context: TranscriptContext = {
    identityA: first.publicKey,
    encryptionA: encryption.publicKey,
    identityB: identityB.publicKey,
    encryptionB: encryptionB.publicKey,
    agentIdB: hex(agentIdB),
    headB: { seq: 0, hash: hex(agentIdB) },
    optionsB: 1,
    batchRootB: hex(zeros(32)),
    batchToB: NOW + DAY,
    signedPrekey: { id: hex(zeros(8)), agreementKey: signedPrekey.publicKey, kemKey: kem.publicKey },
    oneTimePrekey: null,
    firstRatchetKeyA: ratchetSecret.publicKey.key,
  };
  const hash = transcriptHash(transcript(header, context));
  const secretsA = initiatorSecrets(context, {
    encryption: encryption.secret,
    ephemeral: ephemeral.secret,
    kem: new Uint8Array(sharedKey),
  });
  const secret = sessionSecret(secretsA, hash);
  const ratchetHeader = join(unhex(ratchetSecret.publicKey.key), u8(0), u32(0), u32(2), u32(0), u64(3));
  const body = new TextEncoder().encode("hello");
  const signedPart = (messageId: Uint8Array) =>
    signEd25519(
      instance,
      messageSignatureBytes({
        signatureKind: 1,
        frameType: 1,
        certificateHash: hex(certificateHash),
        head: null,
        recipientId: hex(agentIdB),
        messageId: hex(messageId),
        time: NOW,
        contentType: "text/plain",
        transcriptHash: hex(hash),
        bodyHash: hex(sha256(body)),
      }),
    );
  const messageId = sha256("id").subarray(0, 16);
  const content = join(
    u8(1),
    u8(1),
    u8(2),
    u8(1),
    messageId,
    u64(NOW),
    u32(0),
    agentIdB.subarray(0, 8),
    u8(10),
    "text/plain",
    u8(0),
    u16(certificate.length),
    certificate,
    certificateHash,
    signedPart(messageId),
    u16(0),
    u32(5),
    body,
  );
  const frameBytes = join(content, zeros(paddedLength(content.length) - content.length));

  it("agrees with itself on both sides of a handshake", () => {
    const secretsB = responderSecrets(header, encryption.publicKey, {
      encryption: encryptionB.secret,
      signedPrekey: signedPrekey.secret,
      oneTimePrekey: null,
      kem: kem.secret,
    });
    assert.ok(sameSecrets(secretsA, secretsB));
    assert.equal(sessionId(secret).length, 16);
    refusedAs("malformed", () => decodeHandshakeHeader(headerBytes.subarray(0, 1274)));
    refusedAs("unsupported-version", () => decodeHandshakeHeader(join(u8(2), headerBytes.subarray(1))));
  });

  it("opens a first message, checks its signature, and answers on a new chain", () => {
    const a = new Ratchet(secret, [ratchetSecret.secret, agreementPair("ratchet A 2").secret], signedPrekey.publicKey.key);
    const answerSecret = agreementPair("ratchet B");
    const b = new Ratchet(secret, [signedPrekey.secret, answerSecret.secret]);
    const clear = join(u8(1), u8(1), u8(2), u8(0), headerBytes, ratchetHeader, u16(0));
    const envelope = seal(clear, frameBytes, a.sendingKey(2), hash);
    const received = b.receive(decodeRatchetHeader(unhex(decodeEnvelope(envelope).ratchetHeader)));
    const frame = decodeFrame(openEnvelope(envelope, received.messageKey, hash));
    received.accept();
    assert.equal(Buffer.from(frame.body, "hex").toString(), "hello");
    checkFrameSignature(frame, hex(agentIdB), hash, instance.publicKey);
    refusedAs("signature-invalid", () => checkFrameSignature(frame, agentId, hash, instance.publicKey));
    refusedAs("decryption-failed", () => openEnvelope(envelope, received.messageKey, zeros(32)));
    const answer = join(unhex(b.ownKey), u8(0), u32(0), u32(0), u32(0), u64(1));
    assert.deepEqual(a.receive(decodeRatchetHeader(answer)).messageKey, b.sendingKey(0));
  });

  it("refuses frames with bad padding and control frames with content", () => {
    refusedAs("malformed", () => decodeFrame(join(content, u8(1))));
    refusedAs("malformed", () => decodeFrame(join(content.subarray(0, 1), u8(2), content.subarray(2))));
  });

  it("verifies a proof, a notice and a mailbox page", () => {
    const proof = structure([
      [2, 1],
      [3, unhex(agentId)],
      [4, certificate],
      [6, agentIdB],
      [7, messageId],
      [8, 1],
      [9, NOW],
      [10, "text/plain"],
      [11, hash],
      [12, sha256(body)],
      [13, signedPart(messageId)],
    ]);
    assert.equal(verifyProof(proof, body, ownLog).senderId, agentId);
    refusedAs("digest-mismatch", () => verifyProof(proof, zeros(1), ownLog));
    refusedAs("malformed", () => decodeProof(join(proof, u8(0))));
    const notice: FieldList = [
      [2, 1],
      [3, certificate],
      [4, agentIdB],
      [5, zeros(16)],
      [6, 2],
      [7, NOW],
    ];
    assert.equal(decodeNotice(held("notice", notice, instance), ownLog).reason, 2);
    refusedAs("signature-invalid", () => decodeNotice(held("notice", notice, first)));
    const page = encodeCbor(
      new Map<CborValue, CborValue>([
        [0, 1],
        [1, [[zeros(16), 3, agentIdB, NOW, body]]],
        [2, false],
      ]),
    );
    assert.equal(decodeMailboxPage(page).items[0]?.kind, 3);
  });
});
