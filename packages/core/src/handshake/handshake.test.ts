import assert from "node:assert/strict";
import { test } from "node:test";
import { ProtocolAgent, type ProtocolAgentOptions } from "@talos/testkit";
import { equalBytes } from "../bytes/bytes.ts";
import { toHex } from "../bytes/hex.ts";
import type { ErrorCode } from "../errors/codes.ts";
import { isTalosError } from "../errors/talos-error.ts";
import type { IdentityLog } from "../identity/index.ts";
import { ownKey } from "../keys/public-key.ts";
import { verifyBundle, type VerifiedBundle } from "../prekeys/index.ts";
import type { AgreementKey, Crypto, KemKey } from "../primitives/crypto.ts";
import { nodeCrypto } from "../primitives/node-crypto.ts";
import { revealSecret, SecretBytes } from "../secret/secret-bytes.ts";
import { accept, type AcceptInput } from "./accept.ts";
import { decodeHandshakeHeader, encodeHandshakeHeader, handshakeId } from "./header.ts";
import { initiate, type InitiateInput, type Initiation } from "./initiate.ts";
import { deriveSessionSecret } from "./secrets.ts";
import { encodeTranscript, transcriptHash, type Transcript } from "./transcript.ts";

const NOW = 1_800_000_000_000;
const DAY_MS = 86_400_000;
const FIRST_RATCHET_KEY: Uint8Array = nodeCrypto.generateAgreementKey().publicKey;

function newAgent(options: Partial<ProtocolAgentOptions> = {}): ProtocolAgent {
  return new ProtocolAgent({ crypto: nodeCrypto, now: NOW, ...options });
}

function claimed(responder: ProtocolAgent): VerifiedBundle {
  return verifyBundle(responder.log, responder.claim(responder.open(1).certificate), nodeCrypto, NOW);
}

function initiationOf(a: ProtocolAgent, b: ProtocolAgent): InitiateInput {
  return { ...a.initiation(claimed(b), a.open(1).certificate), firstRatchetKey: FIRST_RATCHET_KEY };
}

/** What the responder takes, for a header that came with the first ratchet key of every test here. */
function acceptanceOf(responder: ProtocolAgent, header: Uint8Array, initiatorLog: IdentityLog): AcceptInput {
  const first = { handshakeHeader: header, ratchetHeader: new Uint8Array(0) };
  return { ...responder.acceptance(first, initiatorLog), firstRatchetKey: FIRST_RATCHET_KEY };
}

function fails(run: () => unknown, code: ErrorCode): void {
  assert.throws(run, (error) => isTalosError(error, code));
}

/** A `Crypto` that keeps every secret it hands out, and counts what it derives. */
function watchedCrypto(): { crypto: Crypto; secrets: SecretBytes[]; derivations: () => number } {
  const secrets: SecretBytes[] = [];
  let derived = 0;
  const keep = (secret: SecretBytes): SecretBytes => {
    secrets.push(secret);
    return secret;
  };
  const watch = (key: AgreementKey): AgreementKey => ({
    publicKey: key.publicKey,
    agree: (remote) => keep(key.agree(remote)),
    exportPrivate: () => keep(key.exportPrivate()),
    [Symbol.dispose]: () => key[Symbol.dispose](),
  });
  const crypto: Crypto = {
    ...nodeCrypto,
    deriveKey: (...args) => {
      derived += 1;
      return keep(nodeCrypto.deriveKey(...args));
    },
    generateAgreementKey: () => watch(nodeCrypto.generateAgreementKey()),
    encapsulate: (publicKey) => {
      const encapsulation = nodeCrypto.encapsulate(publicKey);
      keep(encapsulation.sharedSecret);
      return encapsulation;
    },
  };
  return { crypto, secrets, derivations: () => derived };
}

function assertAgree(a: Initiation, b: ReturnType<typeof accept>): void {
  assert.equal(a.secret.equals(b.secret), true);
  for (const key of ["handshakeId", "transcriptHash", "sessionId", "options", "prekeyUse"] as const) assert.deepEqual(a[key], b[key]);
}

test("both sides derive the same, with a one-time prekey and without", () => {
  const [a, b] = [newAgent(), newAgent()];
  for (const prekeyUse of ["full", "no-one-time-prekey"] as const) {
    const initiation = initiate(initiationOf(a, b), nodeCrypto);
    const acceptance = accept(acceptanceOf(b, initiation.header.bytes, a.log), nodeCrypto);
    assertAgree(initiation, acceptance);
    assert.equal(initiation.prekeyUse, prekeyUse);
    assert.deepEqual(acceptance.initiator, a.id);
    assert.equal(initiation.header.bytes.length, 1275);
  }
});

test("negotiated is what both offer", () => {
  for (const [offerA, offerB, negotiated] of [
    [0, 1, 0],
    [1, 0, 0],
    [1, 1, 1],
    [0xffff_ffff, 1, 1],
  ] as const) {
    const [a, b] = [newAgent(), newAgent({ options: offerB })];
    const input = initiationOf(a, b);
    const initiation = initiate({ ...input, own: { ...input.own, options: offerA } }, nodeCrypto);
    assertAgree(initiation, accept(acceptanceOf(b, initiation.header.bytes, a.log), nodeCrypto));
    assert.equal(initiation.options, negotiated);
  }
});

test("the header comes back the same, and is refused when anything about it is not as specified", () => {
  const { header } = initiate(initiationOf(newAgent(), newAgent()), nodeCrypto);
  const { bytes } = header;
  assert.deepEqual(decodeHandshakeHeader(bytes), header);
  const { bytes: _bytes, ...fields } = header;
  assert.deepEqual(encodeHandshakeHeader(fields), header);
  fails(() => decodeHandshakeHeader(bytes.with(0, 2)), "UNSUPPORTED_VERSION");
  fails(() => decodeHandshakeHeader(bytes.with(1, 2)), "UNSUPPORTED_SUITE");
  fails(() => decodeHandshakeHeader(bytes.slice(0, -1)), "MALFORMED");
  fails(() => decodeHandshakeHeader(Uint8Array.of(...bytes, 0)), "MALFORMED");
  fails(() => decodeHandshakeHeader(bytes.with(114, 2)), "MALFORMED");
  fails(() => decodeHandshakeHeader(bytes.with(114, 0)), "MALFORMED"); // a one-time prekey id without its flag
});

test("the responder refuses a header that does not fit the keys it is tried with", () => {
  const [a, b] = [newAgent(), newAgent({ oneTimePrekeys: 2 })];
  const { bytes } = initiate(initiationOf(a, b), nodeCrypto).header;
  const refuses = (change: (input: AcceptInput) => AcceptInput): void =>
    fails(() => accept(change(acceptanceOf(b, bytes, a.log)), nodeCrypto), "HANDSHAKE_REFUSED");
  const [used, other] = b.oneTimePrekeys;
  assert.ok(used && other);
  refuses((input) => ({ ...input, initiatorLog: b.log }));
  refuses((input) => ({ ...input, own: { ...input.own, agentId: a.id } }));
  refuses((input) => ({ ...input, own: { ...input.own, batch: { ...input.own.batch, root: new Uint8Array(32) } } }));
  refuses((input) => ({ ...input, own: { ...input.own, signedPrekey: { ...input.own.signedPrekey, id: other.id } } }));
  refuses((input) => ({ ...input, own: { ...input.own, signedPrekey: { ...input.own.signedPrekey, privateKey: other.privateKey } } }));
  refuses((input) => ({ ...input, own: { ...input.own, oneTimePrekey: undefined } }));
  refuses((input) => ({ ...input, own: { ...input.own, oneTimePrekey: other } }));
  refuses((input) => ({ ...input, own: { ...input.own, oneTimePrekey: { ...used, privateKey: other.privateKey } } }));
  refuses((input) => ({ ...input, own: { ...input.own, kemKey: b.signedPrekey.privateKemKey } }));
  const foreignHead = decodeHandshakeHeader(bytes.with(42, (bytes[42] ?? 0) ^ 1));
  fails(() => accept({ ...acceptanceOf(b, bytes, a.log), header: foreignHead }, nodeCrypto), "HEAD_UNKNOWN");
});

test("no session with oneself, and none from a bundle whose keys have expired", () => {
  const [a, b] = [newAgent(), newAgent()];
  fails(() => initiate(initiationOf(a, a), nodeCrypto), "INVALID_ARGUMENT");
  const input = initiationOf(a, b);
  for (const now of [NOW + 44 * DAY_MS, Number.NaN]) fails(() => initiate({ ...input, now }, nodeCrypto), "BATCH_EXPIRED");
  initiate({ ...initiationOf(a, b), now: NOW + 44 * DAY_MS - 1 }, nodeCrypto);
});

test("failure 4: an all-zero agreement, from whatever backend, stops both sides before a secret is derived", () => {
  const [a, b] = [newAgent(), newAgent()];
  const zero = (): SecretBytes => SecretBytes.take(new Uint8Array(32));
  const watched = watchedCrypto();
  fails(() => initiate({ ...initiationOf(a, b), dhLongTerm: zero() }, watched.crypto), "WEAK_PUBLIC_KEY");
  const { bytes } = initiate(initiationOf(a, b), nodeCrypto).header;
  fails(() => accept({ ...acceptanceOf(b, bytes, a.log), dhLongTerm: zero() }, watched.crypto), "WEAK_PUBLIC_KEY");
  const some = (): SecretBytes => SecretBytes.take(new Uint8Array(32).fill(1));
  for (const one of ["dh1", "dh2", "dh3", "dh4"]) {
    const secrets = { dh1: some(), dh2: some(), dh3: some(), dh4: some(), kem: some(), [one]: zero() };
    fails(() => deriveSessionSecret(secrets, new Uint8Array(32), watched.crypto), "WEAK_PUBLIC_KEY");
  }
  fails(() => initiate({ ...initiationOf(a, b), dhLongTerm: SecretBytes.take(new Uint8Array(31)) }, watched.crypto), "INVALID_ARGUMENT");
  assert.equal(watched.derivations(), 0);
});

test("failure 4: keys of small order and not canonical ones are refused where they enter", () => {
  const [a, b] = [newAgent(), newAgent()];
  const { bytes } = initiate(initiationOf(a, b), nodeCrypto).header;
  const smallOrder = ["00", "01", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"];
  const notCanonical = ["edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", `${"09".padEnd(62, "0")}80`];
  for (const text of [...smallOrder, ...notCanonical]) {
    const weak = new Uint8Array(Buffer.from(text.padEnd(64, "0"), "hex"));
    const changed = bytes.slice();
    changed.set(weak, 123);
    fails(() => decodeHandshakeHeader(changed), "WEAK_PUBLIC_KEY");
    fails(() => ownKey("signed-prekey", 2, weak), "WEAK_PUBLIC_KEY");
    const input = initiationOf(a, b);
    const bundle = { ...input.bundle, encryptionKey: { ...input.bundle.encryptionKey, bytes: weak } } as VerifiedBundle;
    fails(() => initiate({ ...input, bundle }, nodeCrypto), "WEAK_PUBLIC_KEY");
  }
});

test("failure 6: one encryption key under two identities gives two different secrets", () => {
  const [a, b] = [newAgent(), newAgent()];
  const mallory = newAgent({ encryptionKey: a.encryptionKey });
  const initiation = initiate(initiationOf(a, b), nodeCrypto);
  const relabelled = encodeHandshakeHeader({ ...initiation.header, initiator: mallory.id, head: mallory.log.head });
  const acceptance = accept(acceptanceOf(b, relabelled.bytes, mallory.log), nodeCrypto);
  assert.equal(acceptance.secret.equals(initiation.secret), false);
  assert.equal(equalBytes(acceptance.transcriptHash, initiation.transcriptHash), false);
});

test("failure 8: the transcript holds the KEM ciphertext and the KEM keys, and everything else that both sides must see alike", () => {
  const [a, b] = [newAgent(), newAgent()];
  const input = initiationOf(a, b);
  const { header, transcriptHash: expected } = initiate(input, nodeCrypto);
  const { bundle, own } = input;
  const transcript: Transcript = {
    initiator: own,
    responder: bundle,
    batchRoot: bundle.root,
    batchTo: bundle.to,
    signedPrekey: bundle.signedPrekey,
    oneTimePrekey: bundle.oneTimePrekey,
    ephemeralKey: header.ephemeralKey,
    kemCiphertext: header.kemCiphertext,
    certificateHash: header.certificateHash,
    firstRatchetKey: FIRST_RATCHET_KEY,
  };
  const flip = (bytes: Uint8Array): Uint8Array => bytes.with(0, (bytes[0] ?? 0) ^ 1);
  const key = <K extends { bytes: Uint8Array }>(one: K): K => ({ ...one, bytes: flip(one.bytes) });
  const { oneTimePrekey: oneTime, signedPrekey: signed } = bundle;
  assert.ok(oneTime);
  const side = (who: "initiator" | "responder"): Transcript[] => {
    const was = transcript[who];
    const head = was.head;
    return [
      { agentId: flip(was.agentId) as typeof was.agentId },
      { head: { seq: head.seq + 1, hash: head.hash } },
      { head: { seq: head.seq, hash: flip(head.hash) } },
      { identityKey: key(was.identityKey) },
      { encryptionKey: key(was.encryptionKey) },
      { options: was.options ^ 1 },
    ].map((change) => ({ ...transcript, [who]: { ...was, ...change } }));
  };
  const variants: Transcript[] = [
    transcript,
    ...side("initiator"),
    ...side("responder"),
    { ...transcript, batchRoot: flip(transcript.batchRoot) },
    { ...transcript, batchTo: transcript.batchTo + 1 },
    { ...transcript, signedPrekey: { ...signed, id: flip(signed.id) } },
    { ...transcript, signedPrekey: { ...signed, agreementKey: key(signed.agreementKey) } },
    { ...transcript, signedPrekey: { ...signed, kemKey: key(signed.kemKey) } },
    { ...transcript, oneTimePrekey: undefined },
    { ...transcript, oneTimePrekey: { ...oneTime, id: flip(oneTime.id) } },
    { ...transcript, oneTimePrekey: { ...oneTime, agreementKey: key(oneTime.agreementKey) } },
    { ...transcript, oneTimePrekey: { ...oneTime, kemKey: key(oneTime.kemKey) } },
    { ...transcript, ephemeralKey: flip(transcript.ephemeralKey) },
    { ...transcript, kemCiphertext: flip(transcript.kemCiphertext) },
    { ...transcript, certificateHash: flip(transcript.certificateHash) },
    { ...transcript, firstRatchetKey: flip(transcript.firstRatchetKey) },
  ];
  const hashes = variants.map((one) => toHex(transcriptHash(one, nodeCrypto)));
  assert.equal(new Set(hashes).size, variants.length);
  assert.equal(hashes[0], toHex(expected));
  assert.equal(encodeTranscript(transcript).length - encodeTranscript({ ...transcript, oneTimePrekey: undefined }).length, 1230);
});

test("failure 9: the handshake id depends on the header alone, and on all of it", () => {
  const [a, b] = [newAgent(), newAgent()];
  const { header, handshakeId: id } = initiate(initiationOf(a, b), nodeCrypto);
  assert.deepEqual(handshakeId(header.bytes, nodeCrypto), id);
  for (const offset of [0, 3, 6, 40, 74, 106, 114, 115, 123, 155, 1243, 1274]) {
    assert.notDeepEqual(handshakeId(header.bytes.with(offset, (header.bytes[offset] ?? 0) ^ 1), nodeCrypto), id);
  }
});

test("a forged KEM ciphertext or ephemeral key gives another secret, and no error that would tell", () => {
  const [a, b] = [newAgent(), newAgent()];
  const initiation = initiate(initiationOf(a, b), nodeCrypto);
  const { kemCiphertext } = initiation.header;
  const forged = encodeHandshakeHeader({ ...initiation.header, kemCiphertext: kemCiphertext.with(5, (kemCiphertext[5] ?? 0) ^ 1) });
  assert.equal(accept(acceptanceOf(b, forged.bytes, a.log), nodeCrypto).secret.equals(initiation.secret), false);
});

test("of all secrets on the way, both sides keep only the session secret", () => {
  const [a, b] = [newAgent(), newAgent()];
  const initiator = watchedCrypto();
  const input = initiationOf(a, b);
  const initiation = initiate(input, initiator.crypto);
  const left = initiator.secrets.filter((secret) => !secret.isDisposed);
  assert.deepEqual(left, [initiation.secret]);
  assert.equal(initiator.secrets.length, 3 + 1 + 2);
  assert.equal(input.dhLongTerm.isDisposed, true);

  const responder = watchedCrypto();
  const acceptInput = acceptanceOf(b, initiation.header.bytes, a.log);
  const made: SecretBytes[] = [acceptInput.dhLongTerm];
  const acceptance = accept(watchOwn(acceptInput, made), responder.crypto);
  assert.deepEqual(
    [...made, ...responder.secrets].filter((secret) => !secret.isDisposed),
    [acceptance.secret],
  );
  assert.equal(made.length, 1 + 3 + 1);
  fails(() => revealSecret(acceptInput.dhLongTerm), "SECRET_DISPOSED");
});

/** The responder's own keys, whose results are noted. */
function watchOwn(input: AcceptInput, made: SecretBytes[]): AcceptInput {
  const note = (secret: SecretBytes): SecretBytes => {
    made.push(secret);
    return secret;
  };
  const agreement = (key: AgreementKey): AgreementKey => ({ ...key, publicKey: key.publicKey, agree: (remote) => note(key.agree(remote)) });
  const { own } = input;
  const kemKey: KemKey = {
    ...own.kemKey,
    publicKey: own.kemKey.publicKey,
    decapsulate: (ciphertext) => note(own.kemKey.decapsulate(ciphertext)),
  };
  const oneTimePrekey = own.oneTimePrekey && { ...own.oneTimePrekey, privateKey: agreement(own.oneTimePrekey.privateKey) };
  const signedPrekey = { ...own.signedPrekey, privateKey: agreement(own.signedPrekey.privateKey) };
  return { ...input, own: { ...own, signedPrekey, oneTimePrekey, kemKey } };
}
