// What an attacker tries against a session, each attack really mounted.
import assert from "node:assert/strict";
import { test } from "node:test";
import { answerSession, Party, ProtocolAgent } from "@talos/testkit";
import { concatBytes } from "../bytes/bytes.ts";
import { decodeUtf8 } from "../bytes/utf8.ts";
import {
  decodeEnvelope,
  encodeEnvelopeHeader,
  encodeFrame,
  messageAssociatedData,
  messageId,
  shortHead,
  type Envelope,
  type Frame,
} from "../envelope/index.ts";
import type { ErrorCode } from "../errors/codes.ts";
import { isTalosError } from "../errors/talos-error.ts";
import { accept } from "../handshake/index.ts";
import { ownKey } from "../keys/public-key.ts";
import { nodeCrypto } from "../primitives/node-crypto.ts";
import { verifyBundle } from "../prekeys/index.ts";
import {
  decodeRatchetHeader,
  encodeRatchetHeader,
  initiatorRatchet,
  nextSending,
  RatchetKeyPair,
  type RatchetHeader,
} from "../ratchet/index.ts";
import type { SecretBytes } from "../secret/secret-bytes.ts";
import { decodeSession, encodeSession } from "./codec.ts";
import { initiateSession } from "./establish.ts";
import type { GenerationPair } from "./generations.ts";
import { openMessage } from "./open.ts";
import { sealMessage, type MessageSigning, type OutgoingMessage, type SealingInstance } from "./seal.ts";
import { sessionWith, type Session, type SessionId } from "./session.ts";

const NOW = 1_800_000_000_000;

function newAgent(): ProtocolAgent {
  return new ProtocolAgent({ crypto: nodeCrypto, now: NOW });
}

function acquainted(): { alice: Party; bob: Party } {
  const [a, b] = [newAgent(), newAgent()];
  const [alice, bob] = [new Party(a, b), new Party(b, a)];
  alice.begin();
  bob.open(alice.seal("hello").envelope);
  alice.open(bob.seal("hello").envelope);
  return { alice, bob };
}

function refuses(party: Party, envelope: Uint8Array, code: ErrorCode = "DECRYPTION_FAILED"): void {
  const before = party.stored();
  assert.throws(
    () => party.open(envelope),
    (error) => isTalosError(error, code),
  );
  assert.equal(party.stored(), before);
}

function opens(party: Party, envelope: Uint8Array, text: string): void {
  assert.equal(decodeUtf8(party.open(envelope).frame.body), text);
}

/** The envelope with another ratchet header, as if it had been sent so. */
function withRatchetHeader(envelope: Envelope, change: Partial<RatchetHeader>): Uint8Array {
  const ratchetHeader = encodeRatchetHeader({ ...decodeRatchetHeader(envelope.ratchetHeader), ...change });
  const { clear: _clear, ciphertext, ...header } = envelope;
  return Buffer.concat([encodeEnvelopeHeader({ ...header, ratchetHeader }), ciphertext]);
}

test("failure 1: 10,000 forged frames change nothing, then the honest message opens", () => {
  const { alice, bob } = acquainted();
  const late = alice.seal("late").envelope;
  alice.seal("lost");
  opens(bob, alice.seal("in time").envelope, "in time");
  bob.seal("so that the next step can come");
  const honest = alice.seal("honest").envelope;
  const target = decodeEnvelope(honest);
  const before = bob.stored();

  const forgeries = [
    (i: number) => honest.with(honest.length - 1 - (i % 250), (honest.at(-1 - (i % 250)) ?? 0) ^ (1 + (i % 255))),
    (i: number) => late.with(late.length - 1 - (i % 250), (late.at(-1 - (i % 250)) ?? 0) ^ 0x80),
    (i: number) => withRatchetHeader(target, { counter: 5 + (i % 20) }),
    () => withRatchetHeader(target, { ratchetKey: nodeCrypto.generateAgreementKey().publicKey, previousChainLength: 9, counter: 1 }),
  ];
  for (let i = 0; i < 10_000; i++) {
    const forged = forgeries[i % forgeries.length]?.(i) ?? honest;
    assert.throws(
      () => bob.open(forged),
      (error) => isTalosError(error, "DECRYPTION_FAILED"),
    );
    if (i % 100 === 0) assert.equal(bob.stored(), before);
  }
  assert.equal(bob.stored(), before);
  opens(bob, honest, "honest");
  opens(bob, late, "late");
});

test("failure 2: damaged copies of a late message leave its key where it is", () => {
  const { alice, bob } = acquainted();
  const late = alice.seal("late").envelope;
  opens(bob, alice.seal("in time").envelope, "in time");
  for (let i = 1; i <= 16; i++) refuses(bob, late.with(late.length - i, (late.at(-i) ?? 0) ^ 1));
  opens(bob, late, "late");
});

test("failure 47: every clear byte and every byte of the ciphertext is authenticated", () => {
  const { alice, bob } = acquainted();
  const { envelope } = alice.seal("untouched");
  const before = bob.stored();
  for (let i = 0; i < envelope.length; i++) {
    const changed = envelope.with(i, (envelope[i] ?? 0) ^ 0x01);
    assert.throws(
      () => bob.open(changed),
      (error) => isTalosError(error),
    );
  }
  for (const cut of [1, 16, 100]) assert.throws(() => bob.open(envelope.slice(0, -cut)));
  const { clear: _clear, ciphertext, ...header } = decodeEnvelope(envelope);
  const extended = encodeEnvelopeHeader({ ...header, extensions: [{ id: 7, critical: false, value: Uint8Array.of(1) }] });
  refuses(bob, Buffer.concat([extended, ciphertext]));
  refuses(bob, withRatchetHeader(decodeEnvelope(envelope), { generation: 2 }));
  refuses(bob, withRatchetHeader(decodeEnvelope(envelope), { logSeq: 1 }));
  assert.equal(bob.stored(), before);
  opens(bob, envelope, "untouched");
});

test("failure 47: a first message with any clear byte changed opens no session", () => {
  const [a, b] = [newAgent(), newAgent()];
  const [alice, bob] = [new Party(a, b), new Party(b, a)];
  alice.begin();
  const { envelope } = alice.seal("first");
  const clearBytes = decodeEnvelope(envelope).clear.length;
  for (let i = 0; i < clearBytes; i += i > 200 && i < 1_200 ? 37 : 1) {
    const changed = envelope.with(i, (envelope[i] ?? 0) ^ 0x01);
    assert.throws(
      () => bob.open(changed),
      (error) => isTalosError(error),
    );
    assert.equal(bob.session, undefined);
  }
  opens(bob, envelope, "first");
});

test("failure 4: a first message with a weak ephemeral or ratchet key is refused", () => {
  const [a, b] = [newAgent(), newAgent()];
  const [alice, bob] = [new Party(a, b), new Party(b, a)];
  alice.begin();
  const envelope = decodeEnvelope(alice.seal("first").envelope);
  assert.ok(envelope.type === "first");
  const { clear: _clear, ciphertext, ...header } = envelope;
  const weakEphemeral = envelope.handshakeHeader.slice();
  weakEphemeral.set(new Uint8Array(32), 123);
  refuses(bob, Buffer.concat([encodeEnvelopeHeader({ ...header, handshakeHeader: weakEphemeral }), ciphertext]), "WEAK_PUBLIC_KEY");
  refuses(bob, withRatchetHeader(envelope, { ratchetKey: new Uint8Array(32).with(0, 1) }), "WEAK_PUBLIC_KEY");
});

/** S + L for S: a lax verifier takes both (RFC 8032, 8.4). */
function malleated(signature: Uint8Array): Uint8Array {
  const order = 2n ** 252n + 27_742_317_777_372_353_535_851_937_790_883_648_493n;
  const scalar = BigInt(`0x${Buffer.from(signature.slice(32)).reverse().toString("hex")}`) + order;
  const bytes = Buffer.from(scalar.toString(16).padStart(64, "0"), "hex").reverse();
  return Buffer.concat([signature.slice(0, 32), bytes]);
}

test("failure 5: a malleated signature, and an instance key of small order, authenticate nobody", () => {
  const { alice, bob } = acquainted();
  const lax: SealingInstance = { ...alice.instance, sign: (bytes) => malleated(alice.instance.sign(bytes)) };
  const { envelope } = sealMessage(alice.live, alice.message("malleated"), lax, "instance", nodeCrypto);
  refuses(bob, envelope);
  assert.throws(
    () => ownKey("instance", 1, new Uint8Array(32).with(0, 1)),
    (error) => isTalosError(error, "WEAK_PUBLIC_KEY"),
  );
  opens(bob, alice.seal("honest").envelope, "honest");
});

test("failure 11: a copy left behind is refused from the place where the newer one began, honest late mail before it is not", () => {
  const { alice, bob } = acquainted();
  opens(bob, alice.seal("before the copy").envelope, "before the copy");
  const copy = new Party(alice.agent, bob.agent);
  copy.instance = alice.instance;
  copy.session = decodeSession(encodeSession(alice.live));
  copy.certificates.push(...alice.certificates);

  const late = alice.seal("late").envelope;
  alice.instance = alice.agent.open(2);
  opens(bob, alice.seal("opened anew").envelope, "opened anew");

  copy.seal("at the place of the late one");
  refuses(bob, copy.seal("at the place of the newer one").envelope); // its key is used up
  refuses(bob, copy.seal("after it").envelope, "GENERATION_REGRESSED");
  opens(bob, late, "late");

  copy.open(bob.seal("to whoever hears it").envelope);
  refuses(bob, copy.seal("a later chain").envelope, "GENERATION_REGRESSED");
  bob.restart();
  refuses(bob, copy.seal("a later chain").envelope, "GENERATION_REGRESSED");
});

test("a certificate of another generation than the message's, or of another agent, is refused", () => {
  const { alice, bob } = acquainted();
  const { certificate } = alice.agent.open(2);
  const mixed: SealingInstance = { certificate: { ...certificate, generation: 1 }, sign: (bytes) => alice.instance.sign(bytes) };
  refuses(bob, sealMessage(alice.live, alice.message("x"), mixed, "none", nodeCrypto).envelope);
  const other = newAgent();
  const lying = { ...alice.live, ownAgentId: other.id };
  refuses(bob, sealMessage(lying, alice.message("x"), other.open(1), "none", nodeCrypto).envelope);
});

/** What a thief of the session's state alone can send: no key of an instance, and no certificate that says more than the truth. */
function forgedWith(session: Session, to: Party, pair: GenerationPair): Uint8Array {
  const sending = nextSending(session.ratchet, nodeCrypto);
  const nonce = nodeCrypto.randomBytes(12);
  const ratchetHeader = encodeRatchetHeader({ ...sending.header, ...pair });
  const clear = encodeEnvelopeHeader({ type: "message", sessionId: session.id, ratchetHeader, extensions: [], nonce });
  const fields = {
    resent: false,
    time: NOW,
    recipientHead: shortHead(to.agent.log.head),
    contentType: "",
    acknowledged: [],
    extensions: [],
  };
  const id = messageId(nodeCrypto.randomBytes(16));
  const frame: Frame = { type: "empty-turn", messageId: id, ...fields, body: new Uint8Array() };
  const associatedData = messageAssociatedData(session.transcriptHash, clear);
  return concatBytes(clear, nodeCrypto.aeadSeal("chacha20-poly1305", sending.messageKey, nonce, encodeFrame(frame), associatedData));
}

test("whoever has the session's keys alone cannot raise a generation and so lock the owner out", () => {
  const { alice, bob } = acquainted();
  opens(bob, alice.seal("a later chain, without a certificate").envelope, "a later chain, without a certificate");
  const stolen = decodeSession(encodeSession(alice.live));
  for (const pair of [
    { logSeq: 0, generation: 2 },
    { logSeq: 0, generation: Number.MAX_SAFE_INTEGER },
    { logSeq: 1, generation: 1 },
  ]) {
    refuses(bob, forgedWith(stolen, bob, pair));
  }
  // What is refused is the rise: the same frame under the pair that is known has a right tag and opens.
  const control = new Party(bob.agent, alice.agent);
  control.session = decodeSession(encodeSession(bob.live));
  assert.equal(control.open(forgedWith(stolen, bob, { logSeq: 0, generation: 1 })).frame.type, "empty-turn");

  alice.instance = alice.agent.open(2);
  opens(bob, alice.seal("opened anew").envelope, "opened anew");
  assert.equal(bob.live.generations.at(-1)?.generation, 2);
});

/** An attacker who speaks as `victim` in a session whose secret he knows, with whatever he can sign. */
class Impostor {
  readonly session: Session;
  readonly victim: Party;
  readonly own: SealingInstance;
  readonly #agent: ProtocolAgent;

  constructor(session: Session, victim: Party) {
    this.session = session;
    this.victim = victim;
    this.#agent = newAgent();
    this.own = this.#agent.open(1);
  }

  /** Everything that he can put in the place of the signature. */
  attempts(recorded: Recorded): Record<string, Uint8Array> {
    const { certificate } = this.victim.instance;
    const head = this.victim.agent.log.head;
    const message = this.victim.message("it is me");
    const seal = (session: Session, instance: SealingInstance, signing: MessageSigning, what = message): Uint8Array =>
      sealMessage(session, what, instance, signing, nodeCrypto).envelope;
    // Chain number 2 in his own books: there his code signs nothing. The other side counts for itself.
    const { ratchet } = this.session;
    const unsigning = sessionWith({ ...this.session, ratchet: { ...ratchet, sendingChains: ratchet.sendingChains + 2 } });
    const identitySigned: MessageSigning = { head, signature: this.#agent.identityKey.sign(new Uint8Array(8)) };
    return {
      "no signature": seal(unsigning, { certificate, sign: () => assert.fail("not asked") }, "none"),
      "his own signature under the victim's certificate": seal(
        this.session,
        { certificate, sign: (bytes) => this.own.sign(bytes) },
        "instance",
      ),
      "his own certificate": seal({ ...this.session, ownAgentId: this.#agent.id }, this.own, "instance"),
      "his own identity key": seal(this.session, { certificate, sign: () => assert.fail("not asked") }, identitySigned),
      "a message and its signature recorded in another session": seal(
        this.session,
        { certificate, sign: () => recorded.signature },
        "instance",
        recorded.message,
      ),
    };
  }
}

interface Recorded {
  readonly message: OutgoingMessage;
  readonly signature: Uint8Array;
}

/** What that party has really signed, in another session with the same peer. */
function recordedMessage(party: Party, reader: Party): Recorded {
  const message = party.message("I agree");
  const { signature } = reader.open(party.seal(message.body, { fields: message }).envelope).frame;
  assert.ok(signature);
  return { message, signature: signature.signature.slice() };
}

/** A session in Alice's name with Bob, from public facts and the one secret that was stolen. */
function sessionInTheNameOf(alice: Party, bob: Party, dhLongTerm: (bundle: ReturnType<typeof verifyBundle>) => SecretBytes): Session {
  const bundle = verifyBundle(bob.agent.log, bob.agent.claim(bob.instance.certificate), nodeCrypto, NOW);
  const { own } = alice.agent.initiation(bundle, alice.instance.certificate);
  return initiateSession({ own, bundle, dhLongTerm: dhLongTerm(bundle), now: NOW }, nodeCrypto);
}

test("failure 46: whoever stole Bob's signed prekey impersonates nobody to Bob", () => {
  const { alice, bob } = acquainted();
  const recorded = recordedMessage(alice, bob);
  const stolen = bob.agent.signedPrekey.privateKey;
  const session = sessionInTheNameOf(alice, bob, () => stolen.agree(alice.agent.encryptionKey.publicKey));
  for (const [what, envelope] of Object.entries(new Impostor(session, alice).attempts(recorded))) {
    assert.throws(
      () => bob.open(envelope),
      (error) => isTalosError(error, "DECRYPTION_FAILED"),
      what,
    );
  }
  // The attack itself works: the same session opens once the true instance key signs.
  opens(bob, sealMessage(session, alice.message("truly"), alice.instance, "instance", nodeCrypto).envelope, "truly");
});

test("failure 46: whoever stole Alice's encryption key does not impersonate Alice", () => {
  const { alice, bob } = acquainted();
  const recorded = recordedMessage(alice, bob);
  const stolen = alice.agent.encryptionKey;
  const session = sessionInTheNameOf(alice, bob, (bundle) => stolen.agree(bundle.signedPrekey.agreementKey.bytes));
  for (const [what, envelope] of Object.entries(new Impostor(session, alice).attempts(recorded))) {
    assert.throws(
      () => bob.open(envelope),
      (error) => isTalosError(error, "DECRYPTION_FAILED"),
      what,
    );
  }
  opens(bob, sealMessage(session, alice.message("truly"), alice.instance, "instance", nodeCrypto).envelope, "truly");
});

test("failure 46: whoever stole all of Bob's prekeys and his encryption key does not answer in Bob's name", () => {
  const { alice, bob } = acquainted();
  const recorded = recordedMessage(bob, alice);
  const thief = new Party(bob.agent, alice.agent);
  alice.begin();
  thief.open(alice.seal("a secret for Bob").envelope);
  for (const [what, envelope] of Object.entries(new Impostor(thief.live, bob).attempts(recorded))) {
    assert.throws(
      () => alice.open(envelope),
      (error) => isTalosError(error, "DECRYPTION_FAILED"),
      what,
    );
  }
  opens(alice, sealMessage(thief.live, bob.message("truly"), bob.instance, "instance", nodeCrypto).envelope, "truly");
});

/** What a holder of all of Bob's private keys makes of Alice's signed frame: the same frame, under its own ratchet key. */
function resealed(session: Session, frame: Frame, pair: GenerationPair): { next: Session; envelope: Uint8Array } {
  const { handshakeHeader } = session;
  assert.ok(handshakeHeader);
  const sending = nextSending(session.ratchet, nodeCrypto);
  const nonce = nodeCrypto.randomBytes(12);
  const ratchetHeader = encodeRatchetHeader({ ...sending.header, ...pair });
  const clear = encodeEnvelopeHeader({ type: "first", handshakeHeader, ratchetHeader, extensions: [], nonce });
  const associatedData = messageAssociatedData(session.transcriptHash, clear);
  const ciphertext = nodeCrypto.aeadSeal("chacha20-poly1305", sending.messageKey, nonce, encodeFrame(frame), associatedData);
  return { next: sessionWith({ ...session, ratchet: sending.next }), envelope: concatBytes(clear, ciphertext) };
}

test("failure 46: whoever stole all of Bob's keys for agreement does not put Alice's signed first frame under a ratchet key of its own", () => {
  const [a, b] = [newAgent(), newAgent()];
  const [alice, bob] = [new Party(a, b), new Party(b, a)];
  alice.begin();
  const honest = alice.seal("hello").envelope;
  const envelope = decodeEnvelope(honest);
  assert.ok(envelope.type === "first");
  const { handshakeHeader } = envelope;
  const context = { peerLog: a.log, findCertificate: () => undefined, now: NOW };
  const opened = openMessage(answerSession(b, envelope, a.log), envelope, context, nodeCrypto);

  const thiefsKey = RatchetKeyPair.generate(nodeCrypto);
  const thiefsSession = (firstRatchetKey: Uint8Array): Session => {
    const acceptance = accept({ ...b.acceptance(envelope, a.log), firstRatchetKey }, nodeCrypto);
    const { secret, sessionId, handshakeId, transcriptHash, options, prekeyUse } = acceptance;
    return sessionWith({
      id: sessionId as SessionId,
      handshakeId,
      transcriptHash,
      options,
      prekeyUse,
      role: "initiator",
      ownAgentId: a.id,
      peerAgentId: b.id,
      handshakeHeader,
      carried: undefined,
      generations: [],
      ratchet: initiatorRatchet(secret, thiefsKey, b.signedPrekey.agreementKey.bytes, nodeCrypto),
    });
  };
  // On the transcript that Alice signed, and on the one that Bob makes of the thief's ratchet key.
  const onAlices = resealed(thiefsSession(decodeRatchetHeader(envelope.ratchetHeader).ratchetKey), opened.frame, opened.sender);
  const onThiefs = resealed(thiefsSession(thiefsKey.publicKey), opened.frame, opened.sender);
  refuses(bob, onAlices.envelope);
  refuses(bob, onThiefs.envelope);

  // The second one fails by its signature alone: signed by the true instance key for that transcript, the same session opens.
  const signed = sealMessage(onThiefs.next, alice.message("truly"), alice.instance, "instance", nodeCrypto);
  opens(new Party(b, a), signed.envelope, "truly");
  opens(bob, honest, "hello");
});

test("an unsigned late message of the first chain is refused also when the session is long past it", () => {
  const [a, b] = [newAgent(), newAgent()];
  const [alice, bob] = [new Party(a, b), new Party(b, a)];
  alice.begin();
  opens(bob, alice.seal("first").envelope, "first");
  const { ratchet } = alice.live;
  const unsigning = sessionWith({ ...alice.live, ratchet: { ...ratchet, sendingChains: 3 } });
  const unsigned = sealMessage(unsigning, alice.message("unsigned"), alice.instance, "none", nodeCrypto).envelope;
  opens(bob, alice.seal("in its place").envelope, "in its place");
  alice.seal("lost");
  for (let turn = 0; turn < 3; turn++) {
    opens(alice, bob.seal("x").envelope, "x");
    opens(bob, alice.seal("y").envelope, "y");
  }
  refuses(bob, unsigned);
});

test("failure 6: a first message relabelled as another agent's, who claims the same encryption key, opens nothing", () => {
  const [a, b] = [newAgent(), newAgent()];
  const m = new ProtocolAgent({ crypto: nodeCrypto, now: NOW, encryptionKey: a.encryptionKey });
  const alice = new Party(a, b);
  alice.begin();
  const envelope = decodeEnvelope(alice.seal("from Alice").envelope);
  assert.ok(envelope.type === "first");
  const relabelled = envelope.handshakeHeader.slice();
  relabelled.set(m.id, 6);
  relabelled.set(m.log.head.hash, 42);
  const { clear: _clear, ciphertext, ...header } = envelope;
  const forged = Buffer.concat([encodeEnvelopeHeader({ ...header, handshakeHeader: relabelled }), ciphertext]);
  refuses(new Party(b, m), forged);
  assert.deepEqual(answerSession(b, envelope, a.log).peerAgentId, a.id);
});

test("an answer that comes in the dress of a first message is refused: only the initiator sends the handshake", () => {
  const { alice, bob } = acquainted();
  const [a, b] = [alice.agent, bob.agent];
  const begun = new Party(a, b);
  const { handshakeHeader } = begun.begin();
  const answering = new Party(b, a);
  answering.open(begun.seal("first").envelope);
  const dressed = { ...answering.live, handshakeHeader };
  const { envelope } = sealMessage(dressed, answering.message("answer"), answering.instance, "instance", nodeCrypto);
  refuses(begun, envelope);
});
