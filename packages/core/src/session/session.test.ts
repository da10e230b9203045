import assert from "node:assert/strict";
import { test } from "node:test";
import { Party, ProtocolAgent, type ProtocolAgentOptions } from "@talos/testkit";
import * as fc from "fast-check";
import { toHex } from "../bytes/hex.ts";
import { decodeUtf8 } from "../bytes/utf8.ts";
import { decodeEnvelope, decodeFrame, encodeMessageProof, messageId, verifyMessageProof } from "../envelope/index.ts";
import type { ErrorCode } from "../errors/codes.ts";
import { isTalosError } from "../errors/talos-error.ts";
import { handshakeId } from "../handshake/index.ts";
import { nodeCrypto } from "../primitives/node-crypto.ts";
import { RATCHET_BOUNDS, wipeAll } from "../ratchet/index.ts";
import { revealSecret, SecretBytes } from "../secret/secret-bytes.ts";
import { decodeSession, encodeSession } from "./codec.ts";
import { openMessage } from "./open.ts";
import { identitySignatureBytes, sealMessage, type OutgoingMessage, type SealedMessage, type SealingInstance } from "./seal.ts";
import { mustSign } from "./session.ts";

const NOW = 1_800_000_000_000;
const HOUR_MS = 3_600_000;

function parties(options: Partial<ProtocolAgentOptions> = {}): { alice: Party; bob: Party } {
  const a = new ProtocolAgent({ crypto: nodeCrypto, now: NOW, ...options });
  const b = new ProtocolAgent({ crypto: nodeCrypto, now: NOW, ...options });
  return { alice: new Party(a, b), bob: new Party(b, a) };
}

/** Both have heard each other once. */
function acquainted(options: Partial<ProtocolAgentOptions> = {}): { alice: Party; bob: Party } {
  const both = parties(options);
  both.alice.begin();
  deliver(both.alice, both.bob);
  deliver(both.bob, both.alice);
  return both;
}

function deliver(from: Party, to: Party, text: string = "hello"): void {
  assert.equal(decodeUtf8(to.open(from.seal(text).envelope).frame.body), text);
}

/** Refused with this code, and nothing has changed. */
function refuses(party: Party, envelope: Uint8Array, code: ErrorCode): void {
  const before = party.stored();
  assert.throws(
    () => party.open(envelope),
    (error) => isTalosError(error, code),
  );
  assert.equal(party.stored(), before);
}

test("two agents talk: one session on both sides, and what it says about itself", () => {
  const { alice, bob } = parties();
  const begun = alice.begin();
  assert.deepEqual([begun.role, begun.answered, begun.unanswered, begun.options, begun.prekeyUse], ["initiator", false, 0, 0, "full"]);
  const first = alice.seal("one");
  alice.seal("two");
  assert.equal(alice.live.unanswered, 2);
  const opened = bob.open(first.envelope);
  assert.equal(opened.answers, false);
  assert.deepEqual([opened.chain, opened.counter, toHex(opened.ratchetKey)], [first.chain, first.counter, toHex(first.ratchetKey)]);
  for (const key of ["id", "handshakeId", "transcriptHash"] as const) assert.deepEqual(bob.live[key], alice.live[key]);
  assert.deepEqual([bob.live.role, bob.live.answered, bob.live.unanswered], ["responder", true, 0]);
  assert.deepEqual([bob.live.ownAgentId, bob.live.peerAgentId], [alice.live.peerAgentId, alice.live.ownAgentId]);

  assert.equal(alice.open(bob.seal("answer").envelope).answers, true);
  assert.deepEqual([alice.live.answered, alice.live.unanswered], [true, 0]);
  assert.equal(alice.open(bob.seal("more").envelope).answers, false);
});

test("failure 21: both sides say that no one-time prekey took part", () => {
  const { alice, bob } = parties({ oneTimePrekeys: 1 });
  alice.begin();
  deliver(alice, bob);
  assert.deepEqual([alice.live.prekeyUse, bob.live.prekeyUse], ["full", "full"]);

  alice.begin();
  bob.session = undefined;
  deliver(alice, bob);
  assert.deepEqual([alice.live.prekeyUse, bob.live.prekeyUse], ["no-one-time-prekey", "no-one-time-prekey"]);
  alice.restart();
  bob.restart();
  assert.deepEqual([alice.live.prekeyUse, bob.live.prekeyUse], ["no-one-time-prekey", "no-one-time-prekey"]);
});

test("failure 53: header, KEM ciphertext and certificate stand in every message until answered, so any one of them is enough", () => {
  for (const arrives of [0, 1, 2]) {
    const { alice, bob } = parties();
    alice.begin();
    const sent: SealedMessage[] = [];
    for (let i = 0; i < 3; i++) {
      sent.push(alice.seal(`message ${i}`));
      if (i === 1) alice.restart();
    }
    const envelopes = sent.map((one) => decodeEnvelope(one.envelope));
    assert.deepEqual(
      envelopes.map((one) => one.type),
      ["first", "first", "first"],
    );
    const opened = bob.open((sent[arrives] as SealedMessage).envelope);
    assert.equal(decodeUtf8(opened.frame.body), `message ${arrives}`);
    assert.deepEqual(opened.certificate?.hash, alice.instance.certificate.hash);
    alice.open(bob.seal("answer").envelope);
    assert.equal(decodeEnvelope(alice.seal("next").envelope).type, "message");
    for (const [i, one] of sent.entries()) if (i !== arrives) assert.equal(decodeUtf8(bob.open(one.envelope).frame.body), `message ${i}`);
  }
});

test("failure 18: a repeated first message is found by its handshake id, without any prekey", () => {
  const { alice, bob } = parties();
  alice.begin();
  const first = alice.seal("first");
  const second = alice.seal("second");
  bob.open(first.envelope);
  const envelope = decodeEnvelope(second.envelope);
  assert.ok(envelope.type === "first");
  assert.deepEqual(handshakeId(envelope.handshakeHeader, nodeCrypto), bob.live.handshakeId);
  bob.restart();
  const context = { peerLog: alice.agent.log, findCertificate: () => undefined, now: NOW };
  assert.equal(decodeUtf8(openMessage(bob.live, envelope, context, nodeCrypto).frame.body), "second");
});

test("failure 9: a first message opened before opens no second time, and its handshake id is the same whatever it carries", () => {
  const { alice, bob } = parties();
  alice.begin();
  const first = alice.seal("first");
  bob.open(first.envelope);
  refuses(bob, first.envelope, "DECRYPTION_FAILED");
  const other = decodeEnvelope(alice.seal("another").envelope);
  assert.ok(other.type === "first");
  assert.deepEqual(handshakeId(other.handshakeHeader, nodeCrypto), bob.live.handshakeId);
});

test("the first chain of each side is signed, also where the application asked for no signature", () => {
  const { alice, bob } = parties();
  alice.begin();
  assert.equal(mustSign(alice.live), true);
  assert.notEqual(bob.open(alice.seal("a", { signing: "none" }).envelope).proof, undefined);
  assert.equal(mustSign(bob.live), true);
  assert.notEqual(alice.open(bob.seal("b", { signing: "none" }).envelope).proof, undefined);
  assert.equal(mustSign(alice.live), false);
  assert.equal(bob.open(alice.seal("c", { signing: "none" }).envelope).proof, undefined);
  assert.equal(mustSign(bob.live), false);
  assert.equal(alice.open(bob.seal("d", { signing: "none" }).envelope).proof, undefined);
});

test("a signature of the identity key is made in two steps, and proves the message to a third party", () => {
  const { alice, bob } = parties();
  alice.begin();
  const message = alice.message("signed by the identity");
  const { head } = alice.agent.log;
  const signature = alice.agent.identityKey.sign(identitySignatureBytes(alice.live, message, head, nodeCrypto));
  const { envelope } = sealMessage(alice.live, message, alice.instance, { head, signature }, nodeCrypto);
  const { proof, frame } = bob.open(envelope);
  assert.equal(frame.signature?.kind, "identity");
  assert.ok(proof);
  const verified = verifyMessageProof(alice.agent.log, encodeMessageProof(proof), nodeCrypto, message.body);
  assert.deepEqual([verified.signer.kind, verified.messageId], ["identity", message.messageId]);

  const wrong = sealMessage(alice.live, message, alice.instance, { head, signature: signature.with(0, signature[0]! ^ 1) }, nodeCrypto);
  bob.session = undefined;
  refuses(bob, wrong.envelope, "DECRYPTION_FAILED");
});

test("the proof of an instance signature verifies under the public log alone", () => {
  const { alice, bob } = acquainted();
  const { proof, frame } = bob.open(alice.seal("evidence").envelope);
  assert.ok(proof);
  assert.deepEqual(verifyMessageProof(alice.agent.log, encodeMessageProof(proof), nodeCrypto, frame.body).sender, alice.agent.id);
});

test("a certificate is carried until the peer is seen on a later chain than one whose every message carried it", () => {
  const { alice, bob } = acquainted();
  const carries = (party: Party, peer: Party): boolean => peer.open(party.seal("x").envelope).certificate !== undefined;
  assert.equal(carries(alice, bob), false);
  alice.instance = alice.agent.open(2);
  assert.equal(carries(alice, bob), true); // from the middle of this chain on
  deliver(bob, alice);
  assert.equal(carries(alice, bob), true); // the answer may be to a message without it
  assert.equal(carries(alice, bob), true);
  deliver(bob, alice);
  alice.restart();
  assert.equal(carries(alice, bob), false);
});

test("a signature under a certificate that is not carried any more is checked with the one known by its hash", () => {
  const { alice, bob } = acquainted();
  deliver(alice, bob);
  bob.certificates.length = 0;
  refuses(bob, alice.seal("unknown certificate").envelope, "DECRYPTION_FAILED");
});

test("time outside the certificate's window is refused, late delivery is not", () => {
  const { alice, bob } = acquainted();
  // A sender whose own books say that its certificate is always valid.
  const certificate = { ...alice.instance.certificate, from: 0, to: Infinity };
  alice.instance = { certificate, sign: alice.instance.sign.bind(alice.instance) };
  const at = (time: number): Uint8Array => alice.seal("when", { fields: { time } }).envelope;
  refuses(bob, at(NOW - HOUR_MS), "DECRYPTION_FAILED");
  refuses(bob, at(NOW + 25 * HOUR_MS), "DECRYPTION_FAILED");
  bob.open(at(NOW + 24 * HOUR_MS), NOW + 30 * 24 * HOUR_MS);
});

test("a message that the receiver would refuse is not sealed, and nothing is derived for it", () => {
  const { alice } = acquainted();
  const before = alice.stored();
  const { instance } = alice;
  const derivesNothing = { ...nodeCrypto, hmacSha256: (): never => assert.fail("derived"), deriveKey: (): never => assert.fail("derived") };
  const refusesToSeal = (fields: Partial<OutgoingMessage>, by: SealingInstance = instance): void => {
    for (const signing of ["none", "instance"] as const) {
      assert.throws(
        () => sealMessage(alice.live, alice.message("x", fields), by, signing, derivesNothing),
        (error) => isTalosError(error, "INVALID_ARGUMENT"),
      );
    }
  };
  const { from, to } = instance.certificate;
  for (const time of [from - 600_001, to + 600_001, Number.NaN]) refusesToSeal({ time });
  refusesToSeal({}, new ProtocolAgent({ crypto: nodeCrypto, now: NOW }).open(1));
  assert.equal(alice.stored(), before);
  for (const time of [from - 600_000, to + 600_000]) alice.seal("still", { fields: { time } });
});

test("a next state that is thrown away leaves no secret of its own, and the session before goes on", () => {
  const { alice, bob } = acquainted();
  // The first turns the ratchet, the second is in the chain.
  for (const text of ["a step", "no step"]) {
    const discarded = sealMessage(alice.live, alice.message(text), alice.instance, "instance", nodeCrypto);
    wipeAll(discarded.fresh);
    const before = alice.stored();
    assert.throws(() => encodeSession(discarded.next));
    assert.equal(alice.stored(), before);

    const { envelope } = alice.seal(text);
    const context = { ...contextOf(alice), findCertificate: () => alice.instance.certificate, now: NOW };
    const unopened = openMessage(bob.live, decodeEnvelope(envelope), context, nodeCrypto);
    wipeAll(unopened.fresh);
    assert.throws(() => encodeSession(unopened.next));
    assert.equal(decodeUtf8(bob.open(envelope).frame.body), text);
  }
});

test("an envelope of another session, or one reflected to its sender, is refused", () => {
  const { alice, bob } = acquainted();
  const others = acquainted();
  refuses(bob, others.alice.seal("not for this session").envelope, "DECRYPTION_FAILED");
  refuses(alice, alice.seal("to myself").envelope, "DECRYPTION_FAILED");

  const fresh = parties();
  fresh.alice.begin();
  refuses(fresh.alice, fresh.alice.seal("my own first message").envelope, "DECRYPTION_FAILED");
  assert.throws(
    () => openMessage(bob.live, decodeEnvelope(alice.seal("x").envelope), { ...contextOf(others.alice), now: NOW }, nodeCrypto),
    (error) => isTalosError(error, "INVALID_ARGUMENT"),
  );
});

function contextOf(peer: Party): { peerLog: typeof peer.agent.log; findCertificate: () => undefined } {
  return { peerLog: peer.agent.log, findCertificate: () => undefined };
}

test("control frames, acknowledgements and the mark of a message sent again arrive as they were sent", () => {
  const { alice, bob } = acquainted();
  const ids = [messageId(nodeCrypto.randomBytes(16)), messageId(nodeCrypto.randomBytes(16))];
  const control = alice.seal("", { fields: { type: "acknowledgement", contentType: "", acknowledged: ids }, signing: "none" });
  assert.deepEqual(bob.open(control.envelope).frame.acknowledged.map(toHex), ids.map(toHex));
  assert.equal(bob.open(alice.seal("again", { fields: { resent: true } }).envelope).frame.resent, true);
});

test("a session refuses to seal once 10,000 messages stand without an answer", () => {
  const { alice } = acquainted();
  alice.seal("x");
  const { turn } = alice.live.ratchet;
  assert.ok(turn.kind === "sending");
  alice.session = { ...alice.live, ratchet: { ...alice.live.ratchet, turn: { ...turn, counter: RATCHET_BOUNDS.maxUnanswered } } };
  const before = alice.stored();
  assert.throws(
    () => alice.seal("one too many"),
    (error) => isTalosError(error, "SESSION_EXHAUSTED"),
  );
  assert.equal(alice.stored(), before);
  alice.restart();
  assert.equal(alice.live.unanswered, RATCHET_BOUNDS.maxUnanswered);
});

test("a message that cannot be sealed changes nothing", () => {
  const { alice, bob } = acquainted();
  const before = alice.stored();
  assert.throws(() => alice.seal(new Uint8Array(10_000_001)));
  const failing = { ...alice.instance, sign: (): Uint8Array => assert.fail("the key is gone") };
  assert.throws(() => sealMessage(alice.live, alice.message("x"), failing, "instance", nodeCrypto), /the key is gone/);
  assert.equal(alice.stored(), before);
  deliver(alice, bob);
});

test("any order, loss, repetition and restarts: every message opens once at most, with what was sent", () => {
  const event = fc.oneof(
    { weight: 5, arbitrary: fc.record({ do: fc.constant("send" as const), side: fc.nat(1), sign: fc.boolean() }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constant("deliver" as const), side: fc.nat(1), which: fc.nat(4) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const), side: fc.nat(1) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("reopen" as const), side: fc.nat(1) }) },
  );
  fc.assert(
    fc.property(fc.array(event, { minLength: 10, maxLength: 40 }), (events) => {
      const { alice, bob } = parties({ oneTimePrekeys: 1 });
      const both = [alice, bob] as const;
      const mail: { envelope: Uint8Array; chain: number; text: string; opened: boolean }[][] = [[], []];
      const generations = [1, 1];
      alice.begin();
      for (const happening of events) {
        const me = both[happening.side === 0 ? 0 : 1];
        const inbox = mail[happening.side] ?? [];
        const outbox = mail[1 - happening.side] ?? [];
        if (happening.do === "deliver") {
          const item = inbox.at(-1 - (happening.which % Math.max(1, inbox.length)));
          const newest = me.session?.ratchet.receiving?.index ?? 0;
          if (item === undefined || item.chain < newest - RATCHET_BOUNDS.oldReceivingChains) continue;
          if (item.opened) refuses(me, item.envelope, "DECRYPTION_FAILED");
          else assert.equal(decodeUtf8(me.open(item.envelope).frame.body), item.text);
          item.opened = true;
        } else if (me.session === undefined) {
          continue;
        } else if (happening.do === "restart") {
          me.restart();
        } else if (happening.do === "reopen") {
          const generation = (generations[happening.side] ?? 1) + 1;
          generations[happening.side] = generation;
          me.instance = me.agent.open(generation);
        } else {
          const text = `message ${outbox.length}`;
          const { envelope, chain } = me.seal(text, { signing: happening.sign ? "instance" : "none" });
          outbox.push({ envelope, chain, text, opened: false });
        }
      }
    }),
    { numRuns: 60 },
  );
});

test("the stored form comes back the same at every stage, and is refused when it is cut, longer or changed where it matters", () => {
  const { alice, bob } = parties();
  const stages: Party[] = [];
  const check = (party: Party): void => {
    const before = party.stored();
    party.restart();
    assert.equal(party.stored(), before);
    stages.push(party);
  };
  alice.begin();
  check(alice);
  alice.seal("lost");
  deliver(alice, bob);
  check(bob);
  deliver(bob, alice);
  check(alice);

  const stored = revealSecret(encodeSession(bob.live));
  for (let length = 0; length < stored.length; length++) refusesStored(stored.slice(0, length), "MALFORMED");
  refusesStored(Uint8Array.of(...stored, 0), "MALFORMED");
  refusesStored(stored.with(0, 2), "UNSUPPORTED_VERSION");
  refusesStored(stored.with(1, 0x10), "MALFORMED");
  const [point] = bob.live.generations;
  assert.ok(point);
  const generations = [{ ...point, generation: 0 }];
  refusesStored(revealSecret(encodeSession({ ...bob.live, generations })), "MALFORMED");
  assert.equal(stages.length, 3);
});

function refusesStored(bytes: Uint8Array, code: ErrorCode): void {
  assert.throws(
    () => decodeSession(SecretBytes.from(bytes.slice())),
    (error) => isTalosError(error, code),
  );
}

test("a session that was never answered keeps its header over a restart, and a responder that heard nothing is not stored", () => {
  const { alice } = parties();
  alice.begin();
  alice.restart();
  assert.equal(alice.live.handshakeHeader?.length, 1275);
  const stored = revealSecret(encodeSession(alice.live)).slice();
  refusesStored(stored.with(1, (stored[1] ?? 0) & ~4), "MALFORMED");
  refusesStored(stored.with(1, (stored[1] ?? 0) | 1), "MALFORMED");
});

test("what a session prints shows no secret", () => {
  const { alice } = acquainted();
  alice.seal("x");
  const { turn, rootKey } = alice.live.ratchet;
  assert.ok(turn.kind === "sending");
  const printed = JSON.stringify(alice.live);
  for (const secret of [rootKey, turn.chainKey, turn.key.privateKey]) assert.equal(printed.includes(toHex(revealSecret(secret))), false);
});

test("the frame is padded, so that envelopes of short messages have one length", () => {
  const { alice, bob } = acquainted();
  const lengths = ["", "a", "x".repeat(50)].map((text) => alice.seal(text, { signing: "none" }).envelope.length);
  assert.equal(new Set(lengths).size, 1);
  assert.throws(() => decodeFrame(new Uint8Array(3)));
  deliver(alice, bob);
});
