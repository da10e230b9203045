/**
 * An agent as core sees it: keys, log, instances and prekeys in memory, and the two calls that begin a session. For tests of the
 * protocol, its vectors and its measurements; knows no vault, no directory and no network.
 */
import {
  acceptSession,
  assembleBatch,
  assembleCertificate,
  assembleEvent,
  batchTree,
  decodeHandshakeHeader,
  EMPTY_EDGE,
  edgeRoot,
  encodeStatement,
  equalBytes,
  initiateSession,
  keyCommitment,
  ownKey,
  prepareBatch,
  prepareCertificate,
  prepareInception,
  toHex,
  verifyBundle,
  verifyLog,
  type AcceptSessionInput,
  type AgentId,
  type AgreementKey,
  type BatchTree,
  type Certificate,
  type Crypto,
  type FirstEnvelopeHeader,
  type IdentityLog,
  type InitiateSessionInput,
  type KemKey,
  type OwnBatchFacts,
  type OwnPrekey,
  type PendingSession,
  type Prepared,
  type PrekeyKind,
  type SealingInstance,
  type Session,
  type SignatureEntry,
  type SigningKey,
  type UnverifiedBundle,
  type VerifiedBundle,
} from "@talos/core";

const DAY_MS = 86_400_000;
const SIGNED_PREKEY_DAYS = 44;
const ONE_TIME_PREKEY_DAYS = 90;

export interface ProtocolAgentOptions {
  readonly crypto: Crypto;
  /** Milliseconds: when everything of the agent was made. */
  readonly now: number;
  readonly oneTimePrekeys?: number | undefined;
  /** What the agent offers, in its batch and as an initiator. */
  readonly options?: number | undefined;
  /** Claimed as this agent's own, whoever holds it. */
  readonly encryptionKey?: AgreementKey | undefined;
}

/** A prekey with everything its owner keeps. */
export interface HeldPrekey extends OwnPrekey {
  readonly kind: PrekeyKind;
  readonly privateKemKey: KemKey;
}

/** Of a first envelope, as they travel. */
export type FirstHeaders = Pick<FirstEnvelopeHeader, "handshakeHeader" | "ratchetHeader">;

export class ProtocolAgent {
  readonly crypto: Crypto;
  readonly now: number;
  readonly options: number;
  readonly identityKey: SigningKey;
  readonly encryptionKey: AgreementKey;
  readonly log: IdentityLog;
  readonly batch: OwnBatchFacts;
  readonly signedPrekey: HeldPrekey;
  readonly oneTimePrekeys: readonly HeldPrekey[];
  readonly #batchWire: Uint8Array;
  readonly #tree: BatchTree;
  #claimed = 0;

  constructor({ crypto, now, oneTimePrekeys = 1, options = 0, encryptionKey }: ProtocolAgentOptions) {
    this.crypto = crypto;
    this.now = now;
    this.options = options;
    this.identityKey = crypto.generateSigningKey();
    this.encryptionKey = encryptionKey ?? crypto.generateAgreementKey();
    this.log = this.#begin();
    this.signedPrekey = this.#makePrekey("signed-prekey");
    this.oneTimePrekeys = Array.from({ length: oneTimePrekeys }, () => this.#makePrekey("one-time-prekey"));

    const statements = [this.signedPrekey, ...this.oneTimePrekeys].map((prekey) => this.#statement(prekey));
    this.#tree = batchTree(statements, crypto);
    const { head } = this.log;
    this.batch = { head, root: this.#tree.root, to: now + SIGNED_PREKEY_DAYS * DAY_MS, options };
    const { root, to } = this.batch;
    const prepared = prepareBatch({ agentId: this.id, head, options, directories: [], from: now, to, size: statements.length, root });
    this.#batchWire = assembleBatch(this.log, prepared.body, this.#signAll(prepared), crypto).wire;
  }

  get id(): AgentId {
    return this.log.agentId;
  }

  /** A new instance key and its certificate; `at` is when it opens (milliseconds). */
  open(generation: number, at: number = this.now): SealingInstance {
    const instanceKey = this.crypto.generateSigningKey();
    return { certificate: this.certify(instanceKey, generation, at), sign: (bytes) => instanceKey.sign(bytes) };
  }

  /** A certificate for an instance key that lives already: a renewal, or one that does not fit. */
  certify(instanceKey: SigningKey, generation: number, at: number): Certificate {
    const { crypto, log } = this;
    const prepared = prepareCertificate({
      agentId: this.id,
      head: log.head,
      generation,
      instanceKey: ownKey("instance", 1, instanceKey.publicKey),
      directories: [],
      auditHead: { size: 0, root: edgeRoot(crypto, EMPTY_EDGE) },
      from: at,
      to: at + DAY_MS,
    });
    return assembleCertificate(log, prepared.body, this.#signAll(prepared), crypto);
  }

  /** What a directory hands out: with the next one-time prekey, while there is one. */
  claim(certificate: Certificate): UnverifiedBundle {
    const oneTime = this.oneTimePrekeys[this.#claimed++];
    const signedPrekey = this.#place(this.signedPrekey);
    const common = { log: this.log.events, certificate: certificate.wire, batch: this.#batchWire, signedPrekey };
    return oneTime === undefined ? common : { ...common, oneTimePrekey: this.#place(oneTime) };
  }

  /** What `initiateSession` takes. */
  initiation(bundle: VerifiedBundle, certificate: Certificate, now: number = this.now): InitiateSessionInput {
    return {
      own: {
        agentId: this.id,
        head: this.log.head,
        identityKey: this.log.identityKey,
        encryptionKey: this.log.encryptionKey,
        certificateHash: certificate.hash,
        options: this.options,
      },
      bundle,
      dhLongTerm: this.encryptionKey.agree(bundle.signedPrekey.agreementKey.bytes),
      now,
    };
  }

  /** What `acceptSession` takes, for a first envelope. */
  acceptance({ handshakeHeader, ratchetHeader }: FirstHeaders, initiatorLog: IdentityLog): AcceptSessionInput {
    const header = decodeHandshakeHeader(handshakeHeader);
    const { oneTimePrekeyId } = header;
    const oneTimePrekey = oneTimePrekeyId === undefined ? undefined : this.oneTimePrekeys.find(({ id }) => equalBytes(id, oneTimePrekeyId));
    return {
      own: {
        agentId: this.id,
        batch: this.batch,
        identityKey: this.log.identityKey,
        encryptionKey: this.log.encryptionKey,
        signedPrekey: this.signedPrekey,
        oneTimePrekey,
        kemKey: (oneTimePrekey ?? this.signedPrekey).privateKemKey,
      },
      initiatorLog,
      header,
      ratchetHeader,
      dhLongTerm: this.encryptionKey.agree(header.ephemeralKey),
    };
  }

  #begin(): IdentityLog {
    const { crypto, now } = this;
    const nextKey = crypto.generateSigningKey();
    const prepared = prepareInception({
      time: now,
      identityKey: ownKey("identity", 1, this.identityKey.publicKey),
      identityProtection: "software",
      encryptionKey: ownKey("encryption", 2, this.encryptionKey.publicKey),
      encryptionProtection: "software",
      next: { online: keyCommitment(ownKey("next-identity", 1, nextKey.publicKey), crypto) },
    });
    return verifyLog(undefined, [assembleEvent(prepared.body, this.#signAll(prepared), crypto)], now, crypto).log;
  }

  #makePrekey(kind: PrekeyKind): HeldPrekey {
    const { crypto } = this;
    const privateKey = crypto.generateAgreementKey();
    const privateKemKey = crypto.generateKemKey();
    return {
      kind,
      id: crypto.randomBytes(8),
      agreementKey: ownKey(kind, 2, privateKey.publicKey),
      kemKey: ownKey(kind, 3, privateKemKey.publicKey),
      privateKey,
      privateKemKey,
    };
  }

  #statement({ kind, id, agreementKey, kemKey }: HeldPrekey): Uint8Array {
    const days = kind === "signed-prekey" ? SIGNED_PREKEY_DAYS : ONE_TIME_PREKEY_DAYS;
    const keys = { agreementKey: ownKey(kind, 2, agreementKey.bytes), kemKey: ownKey(kind, 3, kemKey.bytes) };
    return encodeStatement({ kind, id, ...keys, from: this.now, to: this.now + days * DAY_MS });
  }

  #place({ id }: HeldPrekey): UnverifiedBundle["signedPrekey"] {
    return this.#tree.place(this.#tree.ordered.findIndex((statement) => toHex(statement.id) === toHex(id)));
  }

  #signAll({ toSign }: Prepared): SignatureEntry[] {
    return toSign.map(({ role, bytes }) => ({ role, algorithm: 1, signature: this.identityKey.sign(bytes) }));
  }
}

/** A session of `initiator` with `responder`: claim, verify, initiate. */
export function beginSession(initiator: ProtocolAgent, instance: SealingInstance, responder: ProtocolAgent): Session {
  const { certificate } = responder.open(1);
  const bundle = verifyBundle(responder.log, responder.claim(certificate), initiator.crypto, initiator.now);
  return initiateSession(initiator.initiation(bundle, instance.certificate), initiator.crypto);
}

/** The responder's half for a first envelope. */
export function answerSession(responder: ProtocolAgent, first: FirstHeaders, initiatorLog: IdentityLog): PendingSession {
  return acceptSession(responder.acceptance(first, initiatorLog), responder.crypto);
}
