// Vectors of whole sessions: from the first message on, every envelope that arrives, and what is in it.
// Written by two sides that play them; read by somebody who has only what arrived and the secrets of the context.
import {
  acceptSession,
  concatBytes,
  decodeEnvelope,
  decodeRatchetHeader,
  encodeEnvelopeHeader,
  encodeRatchetHeader,
  envelopeId,
  equalBytes,
  fromHex,
  identitySignatureBytes,
  initiateSession,
  messageId,
  nextSending,
  openMessage,
  revealSecret,
  sealMessage,
  toHex,
  utf8,
  type Certificate,
  type Crypto,
  type Envelope,
  type IdentityLog,
  type MessageSigning,
  type OutgoingMessage,
  type PendingSession,
  type RatchetHeader,
  type Session,
  type VerifiedBundle,
} from "@talos/core";
import { certificateOf, seedOf, STORY_START, type CastMember } from "./cast.ts";
import {
  acceptance,
  alice,
  bob,
  exchangeContext,
  initiation,
  isStep,
  keysInOrder,
  namedCrypto,
  privateKey,
  readLog,
  type ExchangeJson,
} from "./exchange.ts";
import { toJson, type Json, type Reading, type VectorCase, type VectorSet } from "./format.ts";

/**
 * `wire`: envelopes in the order of their arrival, each with its sender; in a case with an `error` the last one is refused. `context`: as of
 * the handshake, and the ratchet keys that each side makes, in order. `fields`: what is in each envelope, with its message key.
 */
export const sessionVectors: VectorSet = {
  structure: "session",
  specification: "handshake.md, ratchet.md, envelope.md",
  cases: sessionCases,
  read: readSession,
};

type Side = "initiator" | "responder";

interface ArrivalJson {
  readonly from: Side;
  readonly envelope: string;
}

interface SessionJson extends ExchangeJson {
  readonly initiatorKeys: readonly string[];
  readonly responderKeys: readonly string[];
}

interface SealOptions {
  readonly signing?: MessageSigning | "identity";
  readonly generation?: number;
  readonly fields?: Partial<OutgoingMessage>;
  /** Seals as if the first chain were over. */
  readonly pastFirstChain?: boolean;
  readonly sign?: (bytes: Uint8Array) => Uint8Array;
}

/** Both sides with their sessions; what is sealed here can be delivered, or not. */
class Play {
  readonly #name: string;
  readonly #oneTime: boolean;
  readonly #sides: Record<Side, { readonly member: CastMember; readonly crypto: Crypto; session: Session | undefined }>;
  readonly #known: Certificate[] = [];
  readonly arrivals: ArrivalJson[] = [];

  constructor(name: string, oneTime: boolean) {
    this.#name = `session ${name}`;
    this.#oneTime = oneTime;
    const crypto = namedCrypto(`${this.#name} alice`);
    this.#sides = {
      initiator: { member: alice, crypto, session: initiateSession(initiation(oneTime), crypto) },
      responder: { member: bob, crypto: namedCrypto(`${this.#name} bob`), session: undefined },
    };
  }

  get context(): Json {
    const keys = (side: string, numbers: readonly number[]): Uint8Array[] => numbers.map((at) => seedOf(`${this.#name} ${side} key ${at}`));
    // The initiator makes its ratchet key, then the handshake's ephemeral one.
    const ratchetKeys = toJson({ initiatorKeys: keys("alice", [0, 2, 3]), responderKeys: keys("bob", [0, 1, 2]) });
    return { ...(exchangeContext(this.#oneTime, `${this.#name} alice key 1`) as object), ...(ratchetKeys as object) };
  }

  seal(from: Side, text: string, options: SealOptions = {}): ArrivalJson {
    const side = this.#sides[from];
    const { member, crypto } = side;
    const peer = this.#sides[other(from)].member;
    const session = side.session as Session;
    const message: OutgoingMessage = {
      type: "content",
      resent: false,
      messageId: messageId(crypto.randomBytes(16)),
      time: STORY_START + 1_000,
      contentType: "text/plain",
      acknowledged: [],
      body: utf8(text),
      recipientHead: peer.log.head,
      ...options.fields,
    };
    const certificate = certificateOf(member, { generation: options.generation ?? 1 });
    const instance = { certificate, sign: options.sign ?? ((bytes: Uint8Array) => member.instance.sign(bytes)) };
    const { head } = member.log;
    const signing: MessageSigning =
      options.signing === "identity"
        ? { head, signature: member.identity.sign(identitySignatureBytes(session, message, head, crypto)) }
        : (options.signing ?? "instance");
    const { ratchet } = session;
    const past =
      options.pastFirstChain === true ? { ...session, ratchet: { ...ratchet, sendingChains: ratchet.sendingChains + 2 } } : session;
    const sealed = sealMessage(past, message, instance, signing, crypto);
    side.session = sealed.next;
    return { from, envelope: toHex(sealed.envelope) };
  }

  /** Arrives and is opened. */
  deliver(arrival: ArrivalJson): void {
    const to = this.#sides[other(arrival.from)];
    const envelope = decodeEnvelope(fromHex(arrival.envelope));
    const session = to.session ?? acceptFrom(envelope, this.context as unknown as SessionJson);
    const opened = openMessage(session, envelope, contextFor(this.#sides[arrival.from].member.log, this.#known), to.crypto);
    if (opened.certificate !== undefined) this.#known.push(opened.certificate);
    to.session = opened.next;
    this.arrivals.push(arrival);
  }

  /** Arrives and is to be refused. */
  arrive(arrival: ArrivalJson): void {
    this.arrivals.push(arrival);
  }
}

function sessionCases(): readonly VectorCase[] {
  const make = (name: string, description: string, oneTime: boolean, play: (play: Play) => void, error?: string): VectorCase => {
    const played = new Play(name, oneTime);
    play(played);
    const wire = toJson(played.arrivals);
    const context = played.context;
    return error === undefined
      ? { name, description, context, wire, ...readSession(wire, context) }
      : { name, description, context, wire, error };
  };
  const send = (play: Play, from: Side, text: string, options: SealOptions = {}): void => play.deliver(play.seal(from, text, options));
  const refuse = (name: string, description: string, error: string, bad: (play: Play) => ArrivalJson): VectorCase =>
    make(name, description, true, (play) => play.arrive(bad(play)), error);
  const acquainted = (play: Play): void => {
    send(play, "initiator", "Hello, Bob.");
    send(play, "responder", "Hello, Alice.");
  };
  return [
    make("in-turns", "Two messages each way; from the third chain on nothing is signed that need not be.", true, (play) => {
      acquainted(play);
      send(play, "initiator", "How is the mill?", { signing: "none" });
      send(play, "responder", "It turns.", { signing: "none" });
    }),
    make("no-one-time-prekey", "None was left.", false, acquainted),
    make("identity-signature", "The first message is signed by the identity key.", true, (play) => {
      send(play, "initiator", "On my honour.", { signing: "identity" });
      send(play, "responder", "On mine.", { signing: "identity" });
    }),
    make(
      "out-of-order",
      "The header is repeated until answered; the second message comes first, the third never, the first last.",
      true,
      (play) => {
        const [first, second] = ["one", "two", "three"].map((text) => play.seal("initiator", text));
        play.deliver(second as ArrivalJson);
        send(play, "responder", "I have the second.");
        send(play, "initiator", "And the others?");
        play.deliver(first as ArrivalJson);
      },
    ),
    make("control-frames", "An acknowledgement and an empty turn.", true, (play) => {
      const acknowledged = [messageId(seedOf("acknowledged").slice(0, 16))];
      send(play, "initiator", "Hello, Bob.");
      send(play, "responder", "", { fields: { type: "acknowledgement", contentType: "", acknowledged } });
      send(play, "initiator", "", { fields: { type: "empty-turn", contentType: "" }, signing: "none" });
    }),
    make("newer-instance", "Alice's agent is opened anew; late mail from before is accepted.", true, (play) => {
      acquainted(play);
      const late = play.seal("initiator", "From before.");
      send(play, "initiator", "Opened anew.", { generation: 2 });
      play.deliver(late);
    }),
    refuse("unsigned-first-message", "A first message without a signature.", "DECRYPTION_FAILED", (play) =>
      play.seal("initiator", "Trust me.", { signing: "none", pastFirstChain: true }),
    ),
    refuse("foreign-signature", "A first message signed by somebody else under Alice's certificate.", "DECRYPTION_FAILED", (play) =>
      play.seal("initiator", "Trust me.", { sign: (bytes) => bob.instance.sign(bytes) }),
    ),
    refuse("unsigned-first-answer", "The responder's first message without a signature.", "DECRYPTION_FAILED", (play) => {
      send(play, "initiator", "Hello, Bob.");
      return play.seal("responder", "Trust me.", { signing: "none", pastFirstChain: true });
    }),
    refuse("damaged", "One bit of the ciphertext is changed.", "DECRYPTION_FAILED", (play) => {
      acquainted(play);
      const { from, envelope } = play.seal("initiator", "Untouched.");
      return { from, envelope: `${envelope.slice(0, -1)}${envelope.endsWith("0") ? "1" : "0"}` };
    }),
    refuse("repeated", "A message that was opened before.", "DECRYPTION_FAILED", (play) => {
      const first = play.seal("initiator", "Only once.");
      play.deliver(first);
      return first;
    }),
    refuse("counter-changed", "The counter is not the one that was authenticated.", "DECRYPTION_FAILED", (play) => {
      acquainted(play);
      return withHeader(play.seal("initiator", "Third."), { counter: 1 });
    }),
    refuse("too-far-ahead", "More messages are missing than a receiver follows.", "TOO_MANY_SKIPPED", (play) => {
      acquainted(play);
      return withHeader(play.seal("initiator", "Far away."), { counter: 10_001 });
    }),
    refuse("kem-parts", "KEM parts in a session that did not negotiate them.", "MALFORMED", (play) => {
      acquainted(play);
      return withHeader(play.seal("initiator", "Later."), { kem: { ciphertext: new Uint8Array(1088) } });
    }),
    refuse(
      "older-instance",
      "A message of the older instance, after the place where the newer one began.",
      "GENERATION_REGRESSED",
      (play) => {
        acquainted(play);
        send(play, "initiator", "Opened anew.", { generation: 2 });
        return play.seal("initiator", "I was first.", { generation: 1 });
      },
    ),
  ];
}

function readSession(wire: Json, context: Json): Reading {
  const json = context as unknown as SessionJson;
  const arrivals = wire as unknown as ArrivalJson[];
  const known: Certificate[] = [];
  const messages: Json[] = [];
  const logs: Record<Side, IdentityLog> = { initiator: readLog(json.initiator.log), responder: readLog(json.responder.log) };
  let messageKey = "";
  const noting = (crypto: Crypto): Crypto => ({
    ...crypto,
    aeadOpen: (algorithm, key, ...rest) => {
      messageKey = toHex(revealSecret(key));
      return crypto.aeadOpen(algorithm, key, ...rest);
    },
  });
  const cryptos: Record<Side, Crypto> = {
    initiator: noting({ ...namedCrypto("reader"), ...keysOnly(initiatorKeysInOrder(json)) }),
    responder: noting({ ...namedCrypto("reader"), ...keysOnly(json.responderKeys) }),
  };
  const first = decodeEnvelope(fromHex(arrivals[0]?.envelope ?? ""));
  const pending = acceptFrom(first, json);
  const sessions: Record<Side, Session | PendingSession> = {
    initiator: initiatorOf(first, json, logs, cryptos.initiator),
    responder: pending,
  };

  for (const arrival of arrivals) {
    const to = other(arrival.from);
    const envelope = decodeEnvelope(fromHex(arrival.envelope));
    const session = atTurn(sessions[to], decodeRatchetHeader(envelope.ratchetHeader), cryptos[to]);
    const opened = openMessage(session, envelope, contextFor(logs[arrival.from], known), cryptos[to]);
    if (opened.certificate !== undefined) known.push(opened.certificate);
    sessions[to] = opened.next;
    const { frame, chain, counter } = opened;
    messages.push(toJson({ envelopeId: envelopeId(fromHex(arrival.envelope), cryptos[to]), chain, counter, messageKey, frame }));
  }
  const { handshakeId, transcriptHash, id, prekeyUse } = pending;
  return { fields: { messages }, derived: toJson({ handshakeId, transcriptHash, sessionId: id, prekeyUse }) };
}

function acceptFrom(envelope: ReturnType<typeof decodeEnvelope>, json: ExchangeJson): PendingSession {
  if (envelope.type !== "first") throw new Error("a session begins with a first message");
  const input = acceptance(envelope.handshakeHeader, firstKeyOf(envelope), json);
  return acceptSession({ ...input, ratchetHeader: envelope.ratchetHeader }, namedCrypto("reader"));
}

function firstKeyOf({ ratchetHeader }: Envelope): Uint8Array {
  return decodeRatchetHeader(ratchetHeader).ratchetKey;
}

/** The first ratchet key is made before the handshake's ephemeral key. */
function initiatorKeysInOrder({ initiator, initiatorKeys: [first = "", ...others] }: SessionJson): string[] {
  return [first, initiator.ephemeralPrivateKey, ...others];
}

/** The initiator's session, made again from the secrets of the context; its header must be the one that arrived. */
function initiatorOf(
  envelope: ReturnType<typeof decodeEnvelope>,
  json: SessionJson,
  logs: Record<Side, IdentityLog>,
  crypto: Crypto,
): Session {
  if (envelope.type !== "first") throw new Error("a session begins with a first message");
  const { own, header } = acceptance(envelope.handshakeHeader, firstKeyOf(envelope), json);
  const { identityKey, encryptionKey, agentId } = logs.initiator;
  const prekeys = {
    signedPrekey: { ...own.signedPrekey, to: own.batch.to },
    oneTimePrekey: own.oneTimePrekey && { ...own.oneTimePrekey, to: own.batch.to },
  };
  const bundle = { ...own.batch, ...prekeys, agentId: own.agentId, identityKey: own.identityKey, encryptionKey: own.encryptionKey };
  const session = initiateSession(
    {
      own: { agentId, head: header.head, identityKey, encryptionKey, certificateHash: header.certificateHash, options: header.options },
      bundle: bundle as object as VerifiedBundle,
      dhLongTerm: privateKey(json.initiator.encryptionPrivateKey).agree(own.signedPrekey.agreementKey.bytes),
      now: STORY_START,
    },
    {
      ...crypto,
      encapsulate: () => ({ ciphertext: header.kemCiphertext, sharedSecret: own.kemKey.decapsulate(header.kemCiphertext) }),
    },
  );
  if (!equalBytes(session.handshakeHeader ?? header.batchRoot, header.bytes))
    throw new Error("the initiator's secrets do not give this header");
  return session;
}

/** The session in which this side has made its key for a step that the arriving message answers. */
function atTurn(session: Session | PendingSession, header: RatchetHeader, crypto: Crypto): Session | PendingSession {
  if (session.pending || !isStep(session.ratchet, header.ratchetKey)) return session;
  return { ...session, ratchet: nextSending(session.ratchet, crypto).next };
}

function contextFor(peerLog: IdentityLog, known: readonly Certificate[]): Parameters<typeof openMessage>[2] {
  return { peerLog, findCertificate: (hash) => known.find((one) => equalBytes(one.hash, hash)), now: STORY_START };
}

function keysOnly(keys: readonly string[]): Pick<Crypto, "generateAgreementKey"> {
  const crypto = keysInOrder(keys);
  return { generateAgreementKey: () => crypto.generateAgreementKey() };
}

function withHeader({ from, envelope }: ArrivalJson, change: Partial<RatchetHeader>): ArrivalJson {
  const { clear: _clear, ciphertext, ...header } = decodeEnvelope(fromHex(envelope));
  const ratchetHeader = encodeRatchetHeader({ ...decodeRatchetHeader(header.ratchetHeader), ...change });
  return { from, envelope: toHex(concatBytes(encodeEnvelopeHeader({ ...header, ratchetHeader }), ciphertext)) };
}

function other(side: Side): Side {
  return side === "initiator" ? "responder" : "initiator";
}
